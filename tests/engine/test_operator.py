"""An operator's words: each holds at once, until he takes it back or its time is over, and is told."""

import asyncio

import pytest

from outlast.model.errors import Caller, Failure
from outlast.model.events import BreakerChanged, TargetSkipped
from outlast.testing import ok

from .world import TEXT

ONCE = "[retry]\nenabled = false\n"


def test_a_circuit_that_is_held_open_lets_nothing_through_until_its_time(world):
    """Not even an early probe; then it is as usual, without another word."""
    world.run(said(world, "force_open", "alpha/m", 60.0))
    world.script("beta/m", 500)
    world.fail()
    assert world.sent("alpha/m") == 0
    assert world.house.operator.state("alpha/m") == "forced_open"
    world.script("beta/m", ok())
    world.wait(60)
    assert world.ask().target == "alpha/m"
    assert world.house.operator.state("alpha/m") == "closed"
    assert world.changes()[0] == "forced_open"


async def said(world, word, *more):
    """One word of the operator."""
    return getattr(world.house.operator, word)(*more)


def test_every_word_is_told_at_once(world):
    """Although no call comes by: before, after, for how long, and whose word it was."""

    async def story():
        operator = world.house.operator
        operator.force_open("alpha/m", 5.0)
        operator.switch_off("alpha/m")
        operator.observe("alpha/m")
        operator.release("alpha/m")

    world.run(story())
    told = [(event.before, event.after, event.seconds, event.reason) for event in world.events(BreakerChanged)]
    assert told == [
        ("closed", "forced_open", 5.0, "an operator's word"),
        ("forced_open", "disabled", 0.0, "an operator's word"),
        ("disabled", "observe", 0.0, "an operator's word"),
        ("observe", "closed", 0.0, "an operator's word"),
    ]


@pytest.mark.parametrize(("word", "told"), [("switch_off", 0), ("observe", 2)])
def test_a_circuit_that_is_out_of_force_lets_everything_pass(make, word, told):
    """Switched off it says nothing, observing it says when it would have opened."""
    world = make(["alpha/m"], ONCE)
    world.run(said(world, word, "alpha/m"))
    world.forget()
    world.script("alpha/m", 500)
    for _ in range(11):
        assert world.fail().kind == "transient"
    assert world.sent() == 11
    assert len(world.events(BreakerChanged)) == told


def test_an_open_circuit_is_closed_by_a_word(make):
    """Who knows that the provider is back need not wait."""
    world = make(["alpha/m"], ONCE)
    world.script("alpha/m", *[500] * 5, ok())
    for _ in range(5):
        world.fail()
    assert world.house.operator.state("alpha/m") == "open"
    world.run(said(world, "release", "alpha/m"))
    assert [world.ask().target for _ in range(3)] == ["alpha/m"] * 3


def test_a_target_is_drained_and_restored(world):
    """New calls go elsewhere; what is under way goes on to its end."""
    world.script("alpha/m", ok(TEXT, between=1.0))

    async def story():
        stream = await world.answer(stream=True)
        world.house.operator.drain("alpha/m")
        elsewhere = await world.answer()
        world.house.operator.restore("alpha/m")
        return elsewhere.target, "".join([chunk.text async for chunk in stream])

    assert world.run(story()) == ("beta/m", TEXT)
    assert world.events(TargetSkipped)[0].reason == "it is disabled"
    assert world.ask().target == "alpha/m"


def test_a_route_is_tried_in_another_order(world):
    """And targets that are left out of it are not tried at all."""
    world.run(said(world, "reorder", "default", ["beta/m", "alpha/m"]))
    assert world.ask().target == "beta/m"
    world.run(said(world, "reorder", "default", ["beta/m"]))
    world.script("beta/m", 402)
    world.fail()
    assert world.sent("alpha/m") == 0


def test_a_target_gets_more_and_fewer_slots(make):
    """Those who wait get the new ones at once; fewer hold as soon as calls end."""
    world = make(["alpha/m"], "[bulkhead]\nslots = 1\nwait = 60")
    world.script("alpha/m", ok(first=10.0))

    async def story():
        calls = [asyncio.ensure_future(world.heard()) for _ in range(4)]
        await asyncio.sleep(1.0)
        world.house.operator.resize("alpha/m", 3)
        await asyncio.sleep(1.0)
        assert world.sent() == 3
        world.house.operator.resize("alpha/m", 1)
        return await asyncio.gather(*calls)

    assert not any(isinstance(heard, Failure) for heard in world.run(story()))
    assert world.times() == [0.0, 1.0, 1.0, 11.0]


def test_a_target_without_slots_is_full(make):
    """Nobody is hedged there, and who wants it waits in vain and goes on."""
    world = make(more="[bulkhead]\nwait = 1.0\n")
    world.run(said(world, "resize", "alpha/m", 0))
    assert world.stack.busy("alpha/m") == 1.0
    assert (world.ask().target, world.now) == ("beta/m", 1.0)


def test_names_that_mean_nothing_are_told(world):
    """With what exists; nothing is changed."""
    with pytest.raises(Caller, match="with provider one of: alpha, beta"):
        world.run(said(world, "drain", "gamma/m"))
    with pytest.raises(ValueError, match="name one as provider/model"):
        world.run(said(world, "force_open", "default"))
    with pytest.raises(ValueError, match=r"has no target gamma/m; it has alpha/m, beta/m"):
        world.run(said(world, "reorder", "default", ["beta/m", "gamma/m"]))
    with pytest.raises(ValueError, match="use 0 or more"):
        world.run(said(world, "resize", "alpha/m", -1))
    assert world.ask().target == "alpha/m"
