"""Pauses in the hands of the engine: who waits, who moves on, and what the sinks hear."""

import asyncio

import pytest

from outlast.flow.stream import End, ended_by
from outlast.layers.pause import PauseConfig, Pauses
from outlast.model.errors import Credential, Missing, Rejected, Throttled
from outlast.model.events import BackIn, TakenOut

from .calls import ALPHA, Ear, Others, a_call


class Io(Ear):
    """A world in which sleeping moves the clock, and something may happen meanwhile."""

    def __init__(self, meanwhile=lambda: None):
        super().__init__()
        self.slept = []
        self.meanwhile = meanwhile

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.time += seconds
        self.meanwhile()


def throttle(pauses, io, hint=None, call=None):
    """A call that is throttled with that hint."""
    error = Throttled("slow down", retry_after=hint)
    call = call or a_call(io)
    pauses.learn(call, pauses.admit(call, io.time), error, io.time)
    return error


def settled(pauses, io, error):
    """A call that ends so."""
    call = a_call(io)
    pauses.admit(call, io.time).settle(call, ended_by(error) if error else End("success"), io.time)


async def _awaited(waiting):
    await waiting


WAITS = {
    # name: (hint, others, seconds to the deadline, is it waited for?)
    "half a second where the same model is next": (0.5, Others(1, 0.5), 100.0, True),
    "a little more": (0.51, Others(1, 0.5), 100.0, False),
    "2.5 s where another model is next": (2.5, Others(1, 2.5), 100.0, True),
    "a little more than that": (2.51, Others(1, 2.5), 100.0, False),
    "a minute where nothing is next": (60.0, Others(), 100.0, True),
    "longer": (61.5, Others(), 100.0, False),
    "past the deadline": (5.0, Others(), 4.0, False),
}


@pytest.mark.parametrize("name", WAITS)
def test_a_pause_is_waited_for_or_moved_on_from(name):
    """Wait or switch; who moves on is told the true time."""
    hint, others, left, waits = WAITS[name]
    pauses, io = Pauses(PauseConfig()), Io()
    throttle(pauses, io, hint)
    call = a_call(io, others=others, deadline=left)
    got = pauses.admit(call, 0.0)
    if waits:
        asyncio.run(_awaited(got.wait(call)))
        assert io.slept == [hint]
    else:
        assert (got.gate, got.retry_after) == ("pause", hint)


def test_who_waited_looks_again_for_the_pause_may_have_become_longer():
    """A call that was under way is throttled for 3 s more, meanwhile."""
    pauses = Pauses(PauseConfig())
    io = Io()
    throttle(pauses, io, 1.0)
    call = a_call(io)
    held = pauses.admit(call, 0.0)
    more = [3.0]
    io.meanwhile = lambda: more and pauses.learn(call, held, Throttled("slow down", retry_after=more.pop()), io.time)
    asyncio.run(_awaited(held.wait(call)))
    assert (io.slept, io.time) == ([1.0, 3.0], 4.0)


def test_who_waited_is_refused_when_the_pause_has_become_too_long():
    """Two minutes more: nobody sits that out."""
    pauses, io = Pauses(PauseConfig()), Io()
    throttle(pauses, io, 1.0)
    call = a_call(io)
    held = pauses.admit(call, 0.0)
    io.meanwhile = lambda: pauses.learn(call, held, Throttled("slow down", retry_after=120.0), io.time)
    with pytest.raises(Rejected) as refused:
        asyncio.run(_awaited(held.wait(call)))
    assert refused.value.retry_after == pytest.approx(120.0)


def test_patience_is_for_the_whole_wait_however_often_the_pause_grows():
    """Two seconds are worth waiting for before another model is asked; two more, found at their end, are not."""
    pauses = Pauses(PauseConfig())
    io = Io(meanwhile=lambda: throttle(pauses, io, 2.0))
    throttle(pauses, io, 2.0)
    call = a_call(io, others=Others(1, 2.5))
    with pytest.raises(Rejected, match="is paused"):
        asyncio.run(_awaited(pauses.admit(call, 0.0).wait(call)))
    assert io.slept == [2.0]


def test_an_answer_of_a_call_from_before_does_not_end_a_pause():
    """A hint is a floor for everybody."""
    pauses, io = Pauses(PauseConfig()), Io()
    call = a_call(io)
    before = pauses.admit(call, 0.0)
    throttle(pauses, io, 20.0, call)
    before.answered(call, 1.0)
    assert pauses.left(ALPHA.name, "alpha", 1.0) == (19.0, True)


def test_a_hint_of_a_thousand_years_is_taken_for_a_day():
    """A provider whose clock is wrong is tried again tomorrow; a hint of a day is believed to the second."""
    for hint, least in ((86_400.0, 86_400.0), (3.2e10, 86_400.0)):
        pauses, io = Pauses(PauseConfig()), Io()
        throttle(pauses, io, hint=hint)
        left, _ = pauses.left(ALPHA.name, ALPHA.provider.name, io.time)
        assert least <= left <= least + 1.0


def test_calls_that_are_throttled_together_count_once():
    """Ten calls under way, one pause: the next backoff is the second step of the ladder, not the eleventh."""
    pauses, io = Pauses(PauseConfig()), Io()
    io.dice = 1.0
    call = a_call(io)
    held = [pauses.admit(call, 0.0) for _ in range(10)]
    for one in held:
        one.settle(call, ended_by(Throttled("slow down")), 0.0)
    assert pauses.left(ALPHA.name, "alpha", 0.0) == (1.0, True)
    io.time = 1.0
    throttle(pauses, io)
    assert pauses.left(ALPHA.name, "alpha", 1.0) == (2.0, True)


def test_a_success_after_the_pause_starts_the_ladder_anew():
    """The next throttle without a hint pauses as the first did."""
    pauses, io = Pauses(PauseConfig()), Io()
    io.dice = 1.0
    for now in (0.0, 1.0, 3.0):
        io.time = now
        throttle(pauses, io)
    io.time = 7.0
    held = pauses.admit(a_call(io), io.time)
    held.answered(a_call(io), io.time)
    throttle(pauses, io)
    assert pauses.left(ALPHA.name, "alpha", 7.0) == (1.0, True)


def test_a_credential_is_out_for_longer_and_longer_and_back_at_once():
    """30, 60, 120, 240 and 300 s; then one success."""
    pauses, io, lasted = Pauses(PauseConfig()), Io(), []
    for _ in range(6):
        settled(pauses, io, Credential("no"))
        left, waitable = pauses.left(ALPHA.name, "alpha", io.time)
        assert not waitable
        lasted.append(left)
        io.time += left
    pauses.admit(a_call(io), io.time).answered(a_call(io), io.time)
    assert lasted == [30.0, 60.0, 120.0, 240.0, 300.0, 300.0]
    assert pauses.left(ALPHA.name, "alpha", io.time) == (0.0, True)
    taken = [(event.scope, event.name, event.seconds) for event in io.events if isinstance(event, TakenOut)]
    assert taken == [("credential", "alpha", seconds) for seconds in lasted]
    assert [event.name for event in io.events if isinstance(event, BackIn)] == ["alpha"]


def test_a_model_that_is_missing_is_left_alone_for_five_minutes():
    """Nobody waits for that."""
    pauses, io = Pauses(PauseConfig()), Io()
    settled(pauses, io, Missing("no such model"))
    assert pauses.left(ALPHA.name, "alpha", 0.0) == (300.0, False)
    assert pauses.left(ALPHA.name, "alpha", 300.0) == (0.0, True)


def test_models_that_never_existed_are_forgotten():
    """Callers can name any model, and each is missing."""
    pauses, io = Pauses(PauseConfig()), Io()
    for number in range(5_000):
        io.time = float(number)
        target = type(ALPHA)(name=f"alpha/{number}", provider=ALPHA.provider, model="x")
        call = a_call(io, target=target)
        pauses.admit(call, io.time).settle(call, ended_by(Missing("no such model")), io.time)
    assert len(pauses._targets) <= 1_000


def test_a_shorter_hint_does_not_shorten_a_pause():
    """Two calls are throttled together, for 20 s and for 2 s."""
    pauses, io = Pauses(PauseConfig()), Io()
    call = a_call(io)
    first, second = pauses.admit(call, 0.0), pauses.admit(call, 0.0)
    short = Throttled("slow down", retry_after=2.0)
    first.settle(call, ended_by(Throttled("slow down", retry_after=20.0)), 0.0)
    second.settle(call, ended_by(short), 1.0)
    assert (pauses.left(ALPHA.name, "alpha", 1.0), short.until) == ((19.0, True), 20.0)
