"""Pauses at their edges: late wake-ups, two providers, what is no use waiting for, and what the sinks hear."""

import asyncio

import pytest

from outlast.flow.stream import End, ended_by
from outlast.layers.pause import Held, Pause, PauseConfig, Pauses, credential_out_for, throttled_for
from outlast.model.errors import Credential, Missing, Rejected, Throttled
from outlast.model.events import BackIn, PauseAwaited, ProbeSent, Refused, TakenOut

from .calls import ALPHA, BETA, Ear, Others, a_call

START = 1_000.0
"""A clock that has run for a while, so that adding and taking away are not the same."""
CONFIG = PauseConfig()


class Late(Ear):
    """A world in which who sleeps wakes up a fifth of a second late, and something may have happened."""

    def __init__(self, meanwhile=lambda: None):
        super().__init__(now=START)
        self.meanwhile = meanwhile

    async def sleep(self, seconds):
        self.time += seconds + 0.2
        self.meanwhile()


def calling(io, **more):
    """A call with all the time of the world."""
    return a_call(io, **{"deadline": 1e9, **more})


def taken_out(error, *, io=None, config=CONFIG, target=ALPHA):
    """Pauses after a call that ended with that error, and the world that heard of it."""
    pauses, io = Pauses(config), io or Ear(now=START)
    end(pauses, io, error, target=target)
    return pauses, io


def end(pauses, io, error, *, target=ALPHA):
    """A call to that target ends so, whether it may go or not."""
    call = calling(io, target=target)
    pauses.learn(call, pauses._free, error, io.time)


def waited(pauses, io, others=None):
    """A call asks to go, and waits as long as it must."""
    call = calling(io, others=others)
    held = pauses.admit(call, io.time)
    assert isinstance(held, Held)

    async def wait():
        await held.wait(call)

    asyncio.run(wait())
    return held


@pytest.mark.parametrize(("hint", "dice", "seconds"), [(5.0, 1.0, 5.5), (5.0, 0.5, 5.25), (50.0, 1.0, 51.0)])
def test_jitter_adds_a_tenth_of_the_hint_and_at_most_a_second(hint, dice, seconds):
    """It is never taken away."""
    assert throttled_for(CONFIG, 1, hint, dice) == pytest.approx(seconds)


def test_however_often_in_a_row_a_pause_has_an_end():
    """After thousands of times too."""
    assert throttled_for(CONFIG, 5_000, None, 1.0) == 20.0
    assert credential_out_for(CONFIG, 5_000) == 300.0


def test_a_pause_may_be_forgotten_when_it_is_over_and_nobody_tries_the_credential():
    """At its end to the moment; not while a probe is under way."""
    pause = Pause()
    pause.until = 5.0
    assert [pause.idle(now) for now in (4.9, 5.0)] == [False, True]
    pause.probing = object()
    assert not pause.idle(5.0)


def test_who_wakes_up_late_goes_all_the_same():
    """The pause is over; that the call's patience is, too, matters no more."""
    pauses, io = taken_out(Throttled("slow down", retry_after=0.5), io=Late())
    waited(pauses, io, Others(1, 0.5))
    assert io.time == START + 0.7


def test_who_has_no_patience_left_moves_on_however_little_the_pause_has_grown():
    """A third of a second more, found at the end of the half that was worth it."""
    io = Late(meanwhile=lambda: end(pauses, io, Throttled("slow down", retry_after=0.3)))
    pauses, io = taken_out(Throttled("slow down", retry_after=0.5), io=io)
    with pytest.raises(Rejected) as refused:
        waited(pauses, io, Others(1, 0.5))
    assert refused.value.retry_after == pytest.approx(0.3)


def test_nobody_waits_for_a_model_that_is_missing_however_short_that_is():
    """Neither before its turn nor when that turns out while waiting for a pause."""
    config = PauseConfig(missing=5.0)
    pauses, io = taken_out(Missing("no such model"), config=config)
    assert isinstance(pauses.admit(calling(io), START), Rejected)

    found = [Missing("no such model")]
    io = Late(meanwhile=lambda: found and end(pauses, io, found.pop()))
    pauses, io = taken_out(Throttled("slow down", retry_after=1.0), io=io, config=config)
    with pytest.raises(Rejected, match="is paused"):
        waited(pauses, io)


def test_nobody_waits_past_the_deadline():
    """Four seconds are left, and the pause takes five; of three it is waited for."""
    for seconds, goes in ((5.0, False), (3.0, True)):
        pauses, io = taken_out(Throttled("slow down", retry_after=seconds))
        assert isinstance(pauses.admit(calling(io, deadline=START + 4.0), START), Held) == goes


def test_a_missing_model_is_out_at_least_as_long_as_its_pause():
    """A quarter of an hour was asked for; that the model is missing shortens nothing, and makes waiting useless."""
    pauses, io = taken_out(Throttled("slow down", retry_after=900.0))
    end(pauses, io, Missing("no such model"))
    assert pauses.left(ALPHA.name, "alpha", START) == (900.0, False)
    end(pauses, io, Throttled("slow down", retry_after=1.0))
    assert pauses.left(ALPHA.name, "alpha", START) == (900.0, False)


def test_what_is_left_of_a_credentials_time_is_told_and_never_less_than_a_second():
    """Nor while its one probe is under way."""
    pauses, io = taken_out(Credential("no"))
    assert pauses.left(ALPHA.name, "alpha", START + 20.0) == (10.0, False)
    assert pauses.left(ALPHA.name, "alpha", START + 29.7) == (1.0, False)
    held = pauses.admit(calling(io), START + 30.0)
    assert isinstance(held, Held)
    assert pauses.left(ALPHA.name, "alpha", START + 40.0) == (1.0, False)


def test_one_providers_credential_says_nothing_of_anothers():
    """Alpha's is out; a call to beta goes, answers and fails as ever."""
    pauses, io = taken_out(Credential("no"))
    call = calling(io, target=BETA)
    held = pauses.admit(call, START)
    held.answered(call, START)
    held.settle(call, End("success"), START)
    pauses.admit(call, START).settle(call, ended_by(Throttled("slow down", retry_after=3.0)), START)
    assert pauses.left(ALPHA.name, "alpha", START) == (30.0, False)
    assert pauses.left(BETA.name, "beta", START) == (3.0, True)


def test_a_stream_counts_when_its_first_content_is_there_and_not_again_at_its_end():
    """It ends well after another call was throttled; the pause that follows is the second in a row all the same."""
    pauses, io = taken_out(Throttled("slow down"), io=Ear(now=START, dice=1.0))
    call = calling(io)
    stream = pauses.admit(call, START + 1.0)
    stream.answered(call, START + 1.0)
    io.time = START + 1.0
    end(pauses, io, Throttled("slow down"))
    assert pauses.left(ALPHA.name, "alpha", io.time) == (1.0, True)
    io.time = START + 2.5
    stream.settle(call, End("success"), io.time)
    end(pauses, io, Throttled("slow down"))
    assert pauses.left(ALPHA.name, "alpha", io.time) == (2.0, True)


def test_an_answer_from_before_a_pause_does_not_end_it():
    """Nor of a call that holds leave because another target is paused."""
    pauses, io = taken_out(Throttled("slow down", retry_after=50.0), target=BETA)
    call = calling(io)
    before = pauses.admit(call, START)
    end(pauses, io, Throttled("slow down", retry_after=20.0))
    before.answered(call, START + 1.0)
    assert pauses.left(ALPHA.name, "alpha", START + 1.0) == (19.0, True)


def test_only_who_must_wait_waits():
    """While another target is paused there is leave to be held, and nothing to be waited for."""
    pauses, io = taken_out(Throttled("slow down", retry_after=0.5))
    assert pauses.admit(calling(io), START).waits
    assert not pauses.admit(calling(io, target=BETA), START).waits
    assert [type(event) for event in io.events] == [TakenOut, PauseAwaited]


def test_behind_the_queues_a_target_that_was_paused_meanwhile_is_refused():
    """For what is left of its pause, or of its credential's time, whichever is longer; else nothing is said."""
    pauses, io = Pauses(CONFIG), Ear(now=START)
    call = calling(io)
    assert pauses.again(call, START) is None
    end(pauses, io, Throttled("slow down", retry_after=0.5))
    assert pauses.again(call, START).retry_after == 0.5
    assert pauses.again(call, START + 0.5) is None
    assert pauses.again(calling(io, target=BETA), START) is None
    end(pauses, io, Credential("no"))
    assert [pauses.again(call, START + after).retry_after for after in (0.0, 29.5)] == [30.0, 1.0]
    end(pauses, io, Throttled("slow down", retry_after=45.0))
    assert pauses.again(call, START).retry_after == 45.0


def test_behind_the_queues_a_credentials_probe_goes_and_nobody_else():
    """It was let through to try it."""
    pauses, io = taken_out(Credential("no"))
    call = calling(io)
    pauses.admit(call, START + 30.0)
    assert pauses.again(call, START + 30.0) is None
    assert pauses.again(calling(io), START + 30.0).retry_after == 1.0


def test_the_sinks_hear_of_pauses_with_their_numbers():
    """What is out, for how long, who asked for it and how often; who waits, who is refused, and what is back."""
    io = Ear(now=START)
    pauses, io = taken_out(Throttled("slow down", retry_after=2.0), io=io)
    pauses.admit(calling(io), START)
    pauses.admit(calling(io, others=Others(1, 2.5)), START)
    pauses.admit(calling(io, others=Others(1, 0.5)), START)
    back = pauses.admit(calling(io), START + 2.0)
    back.answered(calling(io), START + 2.0)
    end(pauses, io, Missing("no such model"))
    assert io.events == [
        TakenOut("target", "alpha/m", "throttled", 2.0, "r1", 2.0, 1),
        PauseAwaited("r1", "alpha/m", 2.0, None),
        PauseAwaited("r1", "alpha/m", 2.0, 2.5),
        Refused("r1", "alpha/m", "pause", "it is paused", 2.0),
        BackIn("target", "alpha/m", "r1"),
        TakenOut("target", "alpha/m", "missing", 300.0, "r1"),
    ]


def test_the_sinks_hear_of_a_credential_that_is_tried():
    """Out, a probe, and back."""
    pauses, io = taken_out(Credential("no"))
    call = calling(io)
    pauses.admit(call, START + 30.0).answered(call, START + 30.0)
    assert io.events == [
        TakenOut("credential", "alpha", "credential", 30.0, "r1", None, 1),
        ProbeSent("r1", "alpha/m", "pause"),
        BackIn("credential", "alpha", "r1"),
    ]


def test_a_refusal_says_what_it_is():
    """So that callers and sinks can tell it from others."""
    pauses, io = taken_out(Throttled("slow down", retry_after=200.0))
    refused = pauses.admit(calling(io), START)
    assert (refused.gate, refused.code, refused.retry_after) == ("pause", "paused", 200.0)
    assert str(refused) == "alpha/m is paused"


def test_a_pause_without_a_hint_has_a_floor():
    """However low the die falls."""
    assert throttled_for(CONFIG, 1, None, 0.0) == 0.5
    assert throttled_for(CONFIG, 3, None, 1.0) == 4.0


def test_a_whole_answer_brings_a_credential_back_too():
    """It has no first content to do so; a probe that fails does not, and a call from before the outage says nothing."""
    pauses, io = taken_out(Credential("no"))
    call = calling(io)
    pauses.admit(call, START + 30.0).settle(call, End("success"), START + 31.0)
    assert pauses.left(ALPHA.name, "alpha", START + 31.0) == (0.0, True)

    pauses, io = taken_out(Throttled("slow down", retry_after=1.0), target=BETA)
    before = pauses.admit(call, START)
    end(pauses, io, Credential("no"))
    before.answered(call, START + 1.0)
    before.settle(call, ended_by(Credential("no")), START + 2.0)
    assert pauses.left(ALPHA.name, "alpha", START + 2.0) == (28.0, False)


def test_who_waits_on_is_told_so():
    """The sinks hear of the first wait, and of the one that came on top of it."""
    more = [0.9]
    io = Late(meanwhile=lambda: more and end(pauses, io, Throttled("slow down", retry_after=more.pop())))
    pauses, io = taken_out(Throttled("slow down", retry_after=1.0), io=io)
    waited(pauses, io)
    told = [event.seconds for event in io.events if isinstance(event, PauseAwaited)]
    assert told == [1.0, pytest.approx(0.9)]


def test_what_is_out_in_one_process_is_out_in_the_next():
    """For as long as was left, and as often in a row; what is over is not told."""
    pauses, io = taken_out(Throttled("slow down", retry_after=50.0))
    end(pauses, io, Credential("no"), target=BETA)
    assert pauses.known(START + 20.0) == ({"alpha/m": (30.0, 1)}, {"beta": (10.0, 1)})
    assert pauses.known(START + 30.0) == ({"alpha/m": (20.0, 1)}, {})
    after = Pauses(CONFIG)
    after.restore(*pauses.known(START + 20.0), 7.0)
    assert after.known(7.0) == pauses.known(START + 20.0)
    assert after.left(ALPHA.name, "alpha", 7.0) == (30.0, True)


def test_what_another_process_tells_is_believed_within_bounds_and_where_nothing_is_known():
    """No longer than a day, a credential no longer than its most, no more often than counts, and not what is over."""
    pauses, _ = taken_out(Throttled("slow down", retry_after=5.0))
    told = {"alpha/m": (99.0, 9), "alpha/n": (1e9, 99), "alpha/o": (0.5, -3), "alpha/p": (0.0, 1), "alpha/q": (3.0, 7)}
    pauses.restore(told, {"beta": (1e9, 2)}, START)
    targets, credentials = pauses.known(START)
    many = {"alpha/n": (86_400.0, 60), "alpha/o": (0.5, 0), "alpha/q": (3.0, 7)}
    assert targets == {"alpha/m": (5.0, 1), **many}
    assert credentials == {"beta": (300.0, 2)}
    assert "alpha/p" not in pauses._targets
