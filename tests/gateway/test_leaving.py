"""Callers who leave: the provider's connection closes, nothing more is asked, everything is given back."""

import pytest

from outlast.model.events import AttemptEnded, RetryScheduled
from outlast.testing import ok, silent, stall, status

from .house import chat

PATH = "/v1/chat/completions"


@pytest.fixture(params=["leave", "reset", "half_close"])
def how(request):
    """The ways in which a caller can leave; a half-closed connection cannot be told from a closed one."""
    return request.param


def cancelled(house, attempts):
    """The one request ended because its caller left, after so many attempts."""
    (ended,) = house.heard()
    assert (ended.kind, ended.status, ended.attempts) == ("cancelled", 499, attempts)
    house.at_rest()
    return ended


def test_a_caller_who_leaves_before_the_first_token_stops_the_provider(provider, house, how):
    """G1, G7: the upstream connection closes, no second attempt is made, and the log says 499."""
    provider.script("alpha", silent())
    with house.caller() as caller:
        caller.post(PATH, chat(stream=True))
        provider.wait(1)
        getattr(caller, how)()
        (seen,) = provider.wait(1, ended=True)
        assert seen.hung_up == "caller"
        cancelled(house, 1)
    assert house.outlast.stack.breakers.of("alpha/m").flying == 0
    assert house.ear.of(AttemptEnded)[0].kind == "cancelled"
    assert len(provider.requests()) == 1


def test_a_caller_who_leaves_while_a_whole_answer_is_awaited_stops_the_provider(provider, house, how):
    """G1 for an answer that is not streamed."""
    provider.script("alpha", silent())
    with house.caller() as caller:
        caller.post(PATH, chat())
        provider.wait(1)
        getattr(caller, how)()
        (seen,) = provider.wait(1, ended=True)
        assert seen.hung_up == "caller"
        cancelled(house, 1)
    assert len(provider.requests()) == 1


def test_a_caller_who_leaves_in_the_middle_pays_for_what_it_got(provider, house, how):
    """G2: the stream's provider is left, and the tokens that were handed over are counted."""
    provider.script("alpha", stall(after=3))
    with house.caller() as caller:
        caller.post(PATH, chat(stream=True))
        caller.until(b'"content":" the"')
        getattr(caller, how)()
        (seen,) = provider.wait(1, ended=True)
        assert seen.hung_up == "caller"
        ended = cancelled(house, 1)
    assert ended.usage.estimated
    assert ended.usage.output == 3
    assert ended.first is not None
    assert house.ear.of(AttemptEnded)[0].kind == "cancelled"


def test_a_caller_who_leaves_during_the_backoff_is_not_retried_for(provider, lone, how):
    """G4: nothing more is sent once the caller is gone."""
    provider.script("alpha", status(503, {"retry-after": "30"}))
    with lone.caller() as caller:
        caller.post(PATH, chat())
        lone.ear.wait(RetryScheduled)
        getattr(caller, how)()
        cancelled(lone, 1)
    assert len(provider.requests()) == 1


def test_a_caller_who_leaves_the_queue_is_never_sent(provider, open_house, how):
    """G4: its place goes to whoever is behind it."""
    house = open_house("[admission]\nslots = 1")
    provider.script("alpha", stall(after=1), ok("for the third"))
    with house.caller() as first, house.caller() as second, house.caller() as third:
        first.post(PATH, chat(stream=True))
        first.until(b"This")
        second.post(PATH, chat("second"))
        house.until(lambda: house.outlast.stack.admission.waiting() == 1)
        third.post(PATH, chat("third"))
        house.until(lambda: house.outlast.stack.admission.waiting() == 2)
        getattr(second, how)()
        house.until(lambda: house.outlast.stack.admission.waiting() == 1)
        first.leave()
        assert third.answer().json["choices"][0]["message"]["content"] == "for the third"
    assert [seen.json["messages"][0]["content"] for seen in provider.requests()] == ["hi", "third"]
    assert sorted(ended.kind for ended in house.heard(3)) == ["cancelled", "cancelled", "ok"]


def test_a_caller_who_leaves_with_requests_ahead_stops_all_of_them(provider, house, how):
    """Requests that were sent ahead on the connection do not hide that the caller of the first has left."""
    provider.script("alpha", silent())
    with house.caller() as caller:
        caller.send((caller.head("POST", PATH, f"content-length: {len(chat())}") + chat()) * 3)
        provider.wait(1)
        getattr(caller, how)()
        (seen,) = provider.wait(1, ended=True)
        assert seen.hung_up == "caller"
        cancelled(house, 1)
        house.until(lambda: house.connections == 0)
    assert len(provider.requests()) == 1


def test_a_caller_who_leaves_while_it_is_sending_is_forgotten(provider, house, how):
    """A body that never becomes whole is nobody's request."""
    with house.caller() as caller:
        caller.send(caller.head("POST", PATH, "content-length: 1000") + b"{")
        house.until(lambda: house.app.under_way == 1)
        getattr(caller, how)()
        house.until(lambda: house.app.under_way == 0 and house.connections == 0)
    assert provider.requests() == []


def test_the_gateway_serves_on_after_all_that(provider, house):
    """A good answer follows on a callers' departure, from the same provider."""
    provider.script("alpha", silent())
    with house.caller() as caller:
        caller.post(PATH, chat())
        provider.wait(1)
        caller.leave()
        house.heard()
    answer = house.chat()
    assert (answer.status, answer.headers["outlast-target"]) == (200, "alpha/m")
