"""Hedging over sockets: a slow first provider, a second one that answers, and a connection that is closed at once."""

import pytest

from outlast.model.events import AttemptEnded, HedgeStarted, HedgeWon
from outlast.testing import ok, silent, stall

from .house import chat

HEDGED = "[hedge]\nenabled = true\nleast_samples = 1\nextra = 1.0\n"
PATH = "/v1/chat/completions"


def learned(open_house, provider, second, *, stream):
    """A gateway that knows how long alpha takes; afterwards alpha says nothing, and beta does what is asked of it."""
    house = open_house(HEDGED)
    assert house.chat(stream=stream).status == 200
    provider.wait(1, ended=True)  # and not still at its end when the next request comes
    provider.script("alpha", silent())
    provider.script("beta", second)
    return house


@pytest.mark.parametrize("stream", [False, True])
def test_the_second_answers_and_the_first_is_hung_up_on(provider, open_house, stream):
    """The caller has beta's answer; alpha sees its connection closed, and is not blamed."""
    house = learned(open_house, provider, ok("one two three"), stream=stream)
    answer = house.chat(stream=stream)
    assert (answer.status, answer.headers["outlast-target"], answer.headers["outlast-source"]) == (
        200,
        "beta/m",
        "fallback",
    )
    assert answer.headers["outlast-attempts"] == "2"
    assert b"three" in answer.body
    first, lost, won = sorted(provider.wait(3, ended=True), key=lambda seen: seen.id)
    assert (first.provider, lost.provider, won.provider) == ("alpha", "alpha", "beta")
    assert (first.hung_up, lost.hung_up, won.hung_up) == (None, "caller", None)
    assert {(event.target, event.kind) for event in house.ear.wait(AttemptEnded, 3)[1:]} == {
        ("alpha/m", "cancelled"),
        ("beta/m", "ok"),
    }
    assert len(house.ear.wait(HedgeWon)) == 1
    house.at_rest()


def test_slots_of_the_loser_are_back_while_the_answer_is_still_read(provider, open_house):
    """The winner's stream is open; of the loser nothing is held any more."""
    house = learned(open_house, provider, stall(after=2), stream=True)
    with house.caller() as caller:
        caller.post(PATH, chat(stream=True))
        caller.until(b'"content"')
        lost = next(seen for seen in provider.wait(2, ended=True) if seen.hung_up)
        assert (lost.provider, lost.hung_up) == ("alpha", "caller")
        slots = dict(house.outlast.stack.bulkhead.items())
        assert (slots["alpha/m"].used, slots["beta/m"].used) == (0, 1)


def test_a_caller_who_leaves_is_left_by_both(provider, open_house):
    """Both connections close."""
    house = learned(open_house, provider, silent(), stream=False)
    with house.caller() as caller:
        caller.post(PATH, chat())
        house.ear.wait(HedgeStarted)
        provider.wait(3)
        caller.leave()
        seen = provider.wait(3, ended=True)
    assert [each.hung_up for each in seen] == [None, "caller", "caller"]
    ended = house.heard(2)[-1]
    assert (ended.kind, ended.attempts) == ("cancelled", 2)
    assert [event.kind for event in ended.history] == ["cancelled", "cancelled"]
