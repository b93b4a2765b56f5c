"""Slots and queues in the engine: full is told at once, everybody's turn comes, and a slot is held to the very end."""

import asyncio

import pytest

from outlast.model.errors import Failure
from outlast.model.events import Shed
from outlast.testing import ok

from .world import TEXT, caller, read

ONE = "[bulkhead]\nslots = 1\nqueue = 1\nwait = 2\n"
LONG_QUEUE = "[bulkhead]\nslots = 1\nqueue = 1000\nwait = 600\ntarget = 600\n"


def test_a_full_bulkhead_refuses_at_once(make):
    """With all slots and places taken, a call is told at once when to come back, and nothing is sent."""
    world = make(["alpha/m"], ONE)
    world.script("alpha/m", ok(first=5.0))

    async def story():
        first, second = (asyncio.ensure_future(world.heard()) for _ in range(2))
        await asyncio.sleep(0.1)
        began = world.io.now()
        failure = await world.heard()
        assert world.io.now() == began
        await asyncio.gather(first, second)
        return failure

    failure = world.run(story())
    assert (failure.kind, failure.status, failure.code) == ("rejected", 503, "overloaded")
    assert failure.retry_after >= 1.0
    assert world.sent() == 1
    assert {event.queue for event in world.events(Shed)} == {"alpha/m"}


def test_a_full_target_is_left_for_the_next(make):
    """Calls beyond the slots and places of the first target go to the second."""
    world = make(more=ONE)
    world.script("alpha/m", ok(first=1.0))
    heard = world.crowd(4)
    assert [answer.target for answer in heard].count("alpha/m") == 2
    assert [answer.target for answer in heard].count("beta/m") == 2


def test_a_stream_holds_its_slot_until_it_is_closed(make):
    """The slot is free when the last batch has been read, and not before."""
    world = make(["alpha/m"], ONE)
    world.script("alpha/m", ok(TEXT, between=1.0))

    async def story():
        stream = await world.answer(stream=True)
        assert world.slots().used == 1
        await anext(stream)
        assert world.slots().used == 1
        await read(stream)
        assert world.slots().used == 0

    world.run(story())


def test_a_failed_attempt_gives_its_slot_back_before_the_backoff(make):
    """No sleep ever holds a slot: another call runs during the backoff."""
    world = make(["alpha/m"], ONE)
    world.script("alpha/m", 529, ok())

    async def story():
        first = asyncio.ensure_future(world.answer())
        await asyncio.sleep(1e-6)
        assert (world.sent(), world.slots().used) == (1, 0)
        await world.answer()
        assert not first.done()
        await first

    world.run(story())


def test_better_classes_go_first(make):
    """Among those who wait at the same time, the better class is served first."""
    world = make(["alpha/m"], LONG_QUEUE.replace("wait", "age = 1000\nwait"))
    world.script("alpha/m", ok(first=1.0))

    async def story():
        order = [2, 4, 0, 3, 1]
        await asyncio.gather(*(world.answer(str(rank), caller=caller(f"c{rank}", rank)) for rank in order))

    world.run(story())
    assert [sent.json["messages"][0]["content"] for sent in world.io.sent] == ["2", "0", "1", "3", "4"]


def test_nobody_waits_for_ever(make):
    """Under an endless load of a better class, a call of the lowest class is served within its aging bound."""
    world = make(["alpha/m"], LONG_QUEUE)
    world.script("alpha/m", ok(first=0.1))

    async def story():
        async def one(rank):
            await world.heard(str(rank), caller=caller(f"c{rank}", rank))
            return world.io.now()

        crowd = [asyncio.ensure_future(one(0)) for _ in range(20)]
        low = asyncio.ensure_future(one(4))
        for _ in range(200):
            crowd.append(asyncio.ensure_future(one(0)))
            await asyncio.sleep(0.05)
        served = await low
        await asyncio.gather(*crowd)
        return served

    assert world.run(story()) <= 4 * 0.5 + 20 * 0.1 + 0.5


def test_callers_take_turns(make):
    """Who asks a hundred times at once does not keep another caller of the class waiting for all of them."""
    world = make(["alpha/m"], LONG_QUEUE)
    world.script("alpha/m", ok(first=0.01))

    async def story():
        busy = [asyncio.ensure_future(world.answer("busy", caller=caller("busy"))) for _ in range(100)]
        await asyncio.sleep(0)
        await asyncio.gather(*busy, world.answer("quiet", caller=caller("quiet")))

    world.run(story())
    said = [sent.json["messages"][0]["content"] for sent in world.io.sent]
    assert said.index("quiet") <= 3


def test_a_caller_who_floods_the_queue_starves_nobody(make):
    """His calls fill every place and more; another, who asks once a second, is always answered, and soon."""
    world = make(["alpha/m"], "[bulkhead]\nslots = 4\nqueue = 20\nwait = 2")
    world.script("alpha/m", ok(first=0.5))

    async def story():
        flood, quiet = [], []
        for _ in range(20):
            flood += [asyncio.ensure_future(world.heard("flood", caller=caller("loud"))) for _ in range(100)]
            await asyncio.sleep(0.5)
            began = world.io.now()
            quiet.append((await world.heard("quiet", caller=caller("quiet")), world.io.now() - began))
        await asyncio.gather(*flood)
        return quiet

    heard = world.run(story())
    assert [answer for answer, _ in heard if isinstance(answer, Failure)] == []
    assert max(seconds for _, seconds in heard) <= 1.5


def test_a_priority_above_the_key_s_is_not_given(make):
    """A caller may ask for a lower class than its key has, never for a better one."""
    world = make(["alpha/m"], LONG_QUEUE.replace("wait", "age = 1000\nwait"))
    world.script("alpha/m", ok(first=1.0))

    async def story():
        wanted = [("first", 2, None), ("lower", 2, 4), ("higher", 2, 0), ("better", 1, None)]
        await asyncio.gather(
            *(world.answer(name, caller=caller(name, rank), priority=asked) for name, rank, asked in wanted)
        )

    world.run(story())
    assert [sent.json["messages"][0]["content"] for sent in world.io.sent] == ["first", "better", "higher", "lower"]


def test_the_gateway_s_own_queue_is_bounded(make):
    """Admission holds so many at once, queues so many, and sheds the rest with a time to come back."""
    world = make(["alpha/m"], "[admission]\nslots = 2\nqueue = 3\nwait = 60")
    world.script("alpha/m", ok(first=1.0))
    heard = world.crowd(10)
    refused = [failure for failure in heard if isinstance(failure, Failure)]
    assert (world.sent(), len(refused)) == (5, 5)
    assert {(failure.status, failure.code) for failure in refused} == {(503, "overloaded")}
    assert all(failure.retry_after >= 1.0 for failure in refused)


def test_the_queue_is_left_in_time(make):
    """Who gets no slot within the queue's time is refused, not kept until the deadline."""
    world = make(["alpha/m"], ONE)
    world.script("alpha/m", ok(first=50.0))
    first, second = world.crowd(2)
    failure = next(answer for answer in (first, second) if isinstance(answer, Failure))
    assert (failure.kind, failure.code) == ("rejected", "overloaded")


@pytest.mark.parametrize("stream", [False, True])
def test_two_thousand_calls_leave_no_slot_behind(make, stream):
    """After a crowd of good, failing and leaving callers all slots are free."""
    world = make(more="[bulkhead]\nslots = 8\nwait = 30")
    world.script("alpha/m", ok(), 500, "E31-fin-after-4", "B26-retry-after-1", "C2-rst-first", ok(first=0.01))

    async def story():
        async def impatient(number):
            task = asyncio.ensure_future(world.heard(stream=stream))
            await asyncio.sleep(number % 7 * 0.01)
            if number % 3 == 0:
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        await asyncio.gather(*(impatient(number) for number in range(2000)))

    world.run(story())
    assert world.held() == {}
