"""Hedging at its edges: what is no hedge, what is learned of an attempt that ends otherwise, and what is let go."""

import asyncio
import contextlib
import gc

import pytest

from outlast.layers.hedge import Hedge
from outlast.model.events import HedgeStarted
from outlast.testing import ok, silent

from .hedging import HEDGES, QUICK, THREE, kinds, late, learned
from .world import read


def samples(world, target="alpha/m", *, stream=False):
    """How many times of that target are known."""
    return world.stack.routing._latencies.of(target, stream, world.now).count(world.now)


def test_a_route_of_one_target_is_not_hedged(make):
    """There is nobody else to ask, so nothing is counted and nothing is refused."""
    world = learned(make, targets=["alpha/m"])
    world.script("alpha/m", ok(first=5.0))
    assert world.ask().target == "alpha/m"
    assert kinds(world, *HEDGES) == []


def test_a_call_is_hedged_once(make):
    """The first leg goes on to a target that takes long too: nobody else is asked any more."""
    world = learned(make, targets=("alpha/m", "gamma/m", "beta/m", "delta/m"))
    for _ in range(20):
        world.ask(model="gamma/m")
        world.ask(model="beta/m")
    world.forget()
    world.script("alpha/m", late(0.2, 501))
    world.script("gamma/m", ok(first=9.0))
    world.script("beta/m", ok(first=5.0))
    assert world.ask().target == "beta/m"
    assert world.path() == ["alpha/m", "gamma/m", "beta/m"]
    assert kinds(world, *HEDGES) == ["HedgeStarted", "HedgeLost"]


def test_a_second_that_is_left_alone_is_retried(make):
    """While the first is under way it is one attempt; the first has failed for good, so it may have another."""
    world = learned(make)
    world.script("alpha/m", late(0.2, 501))
    world.script("beta/m", late(0.3, 503), ok())
    assert world.ask().target == "beta/m"
    assert world.path() == ["alpha/m", "beta/m", "beta/m"]


def test_a_pause_between_attempts_is_nobodys_slowness(make):
    """The time of an attempt ends with it: while nobody is asked, no second is."""
    world = learned(make, more="[hedge]\nenabled = true\nextra = 1.0\n[bulkhead]\nslots = 10\n", targets=THREE)
    world.script("alpha/m", late(QUICK / 2, 501))
    world.slots("beta/m").used += 10

    async def story():
        asked = asyncio.ensure_future(world.answer())
        await asyncio.sleep(2 * QUICK)
        world.slots("beta/m").used -= 10
        return await asked

    assert world.run(story()).target in {"beta/m", "gamma/m"}
    assert kinds(world, *HEDGES) == []


def test_a_caller_that_leaves_early_leaves_no_timer(make):
    """Before the first takes long: nothing waits for that moment any more, and nobody else is asked."""
    world = learned(make)
    world.script("alpha/m", silent())

    async def story():
        task = asyncio.ensure_future(world.answer())
        await asyncio.sleep(QUICK / 2)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert world.held() == {}

    world.run(story())
    assert world.sent() == 1


def test_a_failure_is_no_measure(make):
    """How soon a target refuses says nothing of how long its answers take."""
    world = learned(make)
    before = samples(world)
    world.script("alpha/m", late(QUICK / 2, 501))
    assert world.ask().target == "beta/m"
    assert samples(world) == before


def test_who_stops_reading_is_no_measure(make):
    """The first content came, and its time is known; that the rest was cut short is of no account."""
    world = learned(make, stream=True)
    before = samples(world, stream=True)
    world.script("alpha/m", ok("one two three", first=QUICK / 2, between=5.0))

    async def story():
        stream = await world.answer(stream=True)
        assert samples(world, stream=True) == before + 1
        reader = asyncio.ensure_future(read(stream))
        await asyncio.sleep(1.0)
        reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reader

    world.run(story())
    assert samples(world, stream=True) == before + 1


@pytest.mark.parametrize("first", [QUICK / 2, 5.0])
def test_an_open_stream_keeps_nothing_of_its_hedge(make, first):
    """It may be open for long: who won, and what the other leg was, is over with its first content."""
    world = learned(make, stream=True)
    world.script("alpha/m", ok("one two three", first=first, between=1.0))
    world.script("beta/m", ok("one two three", first=QUICK, between=1.0))

    async def story():
        stream = await world.answer(stream=True)
        await asyncio.sleep(0.5)
        gc.collect()
        assert not [thing for thing in gc.get_objects() if isinstance(thing, Hedge)]
        return await read(stream)

    assert world.run(story()).text == "one two three"
    assert len(world.events(HedgeStarted)) == (first > QUICK)
