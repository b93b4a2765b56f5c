"""Slots in a guard: who waits, for how long, in which turn, and who is sent away."""

import asyncio

import pytest

from outlast import Breaker, Deadline, Limit, Rejected, Retry, Slots
from outlast.model.events import BreakerChanged, Shed

from .world import Takes


def crowd(loop, function, *args):
    """So many calls at once, in this order: what each gives or raises."""

    async def all_of_them():
        return await asyncio.gather(*(function(arg) for arg in args), return_exceptions=True)

    return loop.run(all_of_them())


def test_who_finds_no_slot_waits_for_one(loop):
    """First come, first served."""
    patient = loop.guarded(Slots(1), outcomes=[Takes(0.5)])
    assert crowd(loop, patient, 1, 2, 3) == ["well"] * 3
    assert loop.script.calls == [(1,), (2,), (3,)]
    assert loop.script.at == [0, 0.5, 1.0]


def test_nobody_waits_longer_than_is_said(loop):
    """Then it is refused, with a time to come back."""
    heard = []
    hurried = loop.guarded(Slots(1, wait=1), outcomes=[Takes(5)], sinks=[heard.append])
    first, second = crowd(loop, hurried, 1, 2)
    assert first == "well"
    assert (type(second), second.gate, second.code) == (Rejected, "slots", "overloaded")
    assert second.retry_after >= 1
    assert [event.target if hasattr(event, "target") else event.queue for event in heard] == ["dep", "dep"]
    assert sum(isinstance(event, Shed) for event in heard) == 1


def test_a_full_queue_sends_away(loop):
    """At once, without a wait."""
    strict = loop.guarded(Slots(1, queue=1), outcomes=[Takes(1)])
    answers = crowd(loop, strict, 1, 2, 3)
    assert answers[:2] == ["well"] * 2
    assert (type(answers[2]), "the queue is full" in answers[2].message) == (Rejected, True)


def test_nobody_waits_beyond_the_deadline(loop):
    """It has no time left then."""
    hurried = loop.guarded(Deadline(1), Slots(1, wait=10), outcomes=[Takes(0.9), Takes(0.3)])
    answers = crowd(loop, hurried, 1, 2, 3)
    assert answers[0] == "well"
    assert all(isinstance(answer, (Rejected, TimeoutError)) for answer in answers[1:])
    assert loop.now() == 1


def test_callers_take_turns(loop):
    """One who asks for much does not starve another."""
    fair = loop.guarded(Slots(1, wait=60, key=lambda call: call[0]), outcomes=[Takes(0.01)])
    crowd(loop, fair, "a1", "a2", "a3", "a4", "b1")
    assert [call for (call,) in loop.script.calls] == ["a1", "a2", "b1", "a3", "a4"]


def test_a_backoff_holds_no_slot(loop):
    """While one waits to try again, another goes."""
    single = loop.guarded(Retry(base=10), Slots(1), outcomes=[OSError, "other", "first"])
    assert crowd(loop, single, 1, 2) == ["first", "other"]
    assert loop.script.at[1] == 0 < loop.script.at[2]


def test_a_wait_for_the_limit_holds_no_slot(loop):
    """It comes first; who has waited needs a slot all the same."""
    search = loop.guard(Limit(rpm=60, burst=1), Slots(1))
    slow = search(loop.dependency(Takes(0.5)))

    async def story():
        calls = [asyncio.create_task(slow(number)) for number in range(3)]
        await asyncio.sleep(0.75)
        in_flight = search.state().in_flight
        await asyncio.gather(*calls)
        return in_flight

    assert loop.run(story()) == 0
    assert loop.script.at == [0, 1, 2]


def test_a_slot_in_hand_is_given_back_when_the_breaker_refuses(loop):
    """Whatever a later gate refuses, the earlier gates get back."""
    search = loop.guard(Slots(1), Breaker(failures=1))
    failing = search(loop.dependency(OSError))
    answers = crowd(loop, failing, 1, 2, 3)
    assert [type(answer) for answer in answers] == [OSError, Rejected, Rejected]
    assert loop.state(search).in_flight == 0


def test_who_queued_while_the_circuit_opened_is_refused_there(loop):
    """The circuit is asked last, when the slot is there."""
    search = loop.guard(Slots(1), Breaker(failures=1))
    failing = search(loop.dependency(Takes(1, OSError)))
    assert [type(answer) for answer in crowd(loop, failing, 1, 2)] == [OSError, Rejected]
    assert len(loop.script.calls) == 1


def test_sinks_may_use_the_guard_that_tells_them(world):
    """No lock is held while anybody is told."""
    told = []

    def look(event):
        if isinstance(event, BreakerChanged):
            told.append(search.state().breaker)
            search.breaker.release()

    search = world.guard(Breaker(failures=1), sinks=[look])
    world.fails(search(world.dependency(OSError)))
    assert told[0] == "open"
    assert world.state(search).breaker == "closed"


@pytest.mark.parametrize("many", [1, 30])
def test_hooks_may_use_the_guard_that_asks_them(world, many):
    """Keys, costs, and what a result or an exception means are asked without a lock."""
    seen = []

    def look(*_):
        seen.append(search.state("k"))
        return "k"

    search = world.guard(
        Limit(rpm=6000, key=look),
        Retry(attempts=2, base=0, on=lambda error: bool(look())),
        Slots(1, key=look),
        Breaker(failures=99, failure_rate=2),
        key=look,
        failed=lambda result: not look(),
        classify=lambda error: look() and None,
    )
    asked = search(world.dependency(OSError, "well"))
    for _ in range(many):
        assert world.call(asked) == "well"
    assert len(seen) >= 5 * many


def test_a_hook_that_fails_leaves_nothing_behind(world):
    """Its error is what the caller gets."""

    def broken(*_):
        raise KeyError("hook")

    for how in ({"key": broken}, {"classify": broken}, {"failed": broken}):
        search = world.guard(Retry(attempts=2, base=0), Slots(1), Breaker(), **how)
        error = world.fails(search(world.dependency(OSError if "classify" in how else "well")))
        assert type(error) is KeyError
        assert world.state(search).in_flight == 0
    for policy in (Limit(rpm=1, key=broken), Limit(tpm=1, tokens=broken), Slots(1, key=broken)):
        search = world.guard(Retry(attempts=2, base=0), policy)
        assert type(world.fails(search(world.dependency()))) is KeyError
        assert (world.state(search).in_flight or 0) == 0


def test_keys_are_bounded_in_number(world):
    """Those that are as good as new are forgotten; explain tells of some."""
    search = world.guard(Limit(rpm=60), Breaker(failures=1), key=str)
    asked = search(world.dependency("well"))
    failing = search(world.dependency(OSError))
    for number in range(1500):
        if number == 900:
            world.wait(120)
            world.fails(failing, "down")
        world.call(asked, number)
    known = dict(search._desk.known())
    assert len(known) < 1000
    assert "down" in known

    async def words():
        return search.explain()

    text = search.explain() if world.face == "plain" else world.run(words())
    assert "more keys" in text
    assert text.count("left of rpm") == 20
