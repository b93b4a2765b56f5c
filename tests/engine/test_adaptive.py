"""A provider that bears so many calls at once, and throttles the rest: that is found out, and left in peace."""

import asyncio

import pytest

from outlast.model.events import LimitChanged
from outlast.testing import Behaviour, ok, status, throttled

from .world import TEXT

WIDE = "[bulkhead]\nslots = 64\nqueue = 1000\nwait = 100\n[breaker]\nenabled = false\n"


def at_once(world, target, most, *, refuse=None, seconds=1.0):
    """A provider that answers in a second, and refuses what would be more than `most` at once."""
    refuse = refuse or throttled(0.5)
    answer = ok(TEXT, first=seconds)

    def play(asked):
        here = sum(sent.target == target and sent.over is None for sent in world.io.sent[-300:])
        return (answer if here <= most else refuse).play(asked)

    return Behaviour("at once", play)


def flood(world, seconds, every=0.02):
    """Calls without end for so long: more than any limit of these stories lets through."""

    async def story():
        until, calls = world.io.now() + seconds, []
        while world.io.now() < until:
            if world.slots().waiting < 100:
                calls.append(asyncio.ensure_future(world.heard()))
            await asyncio.sleep(every)
        await asyncio.gather(*calls)

    world.run(story())


def refused(world):
    """How many calls the provider has refused."""
    return sum(sent.status in {429, 529} for sent in world.io.sent)


@pytest.mark.parametrize("most", [3, 8, 20])
@pytest.mark.parametrize("refuse", [throttled(0.5), status(529)], ids=["throttled", "overloaded"])
def test_the_limit_settles_at_what_the_provider_bears(make, most, refuse):
    """After a while it is there, uses it, and is hardly ever refused any more."""
    world = make(["alpha/m"], WIDE)
    world.script("alpha/m", at_once(world, "alpha/m", most, refuse=refuse))
    flood(world, 120.0)
    assert most * 0.8 - 1 <= world.slots().capacity <= most + 1
    world.forget()
    flood(world, 120.0)
    assert all(event.after <= most + 1 for event in world.events(LimitChanged))
    assert refused(world) <= 8
    assert world.sent() > most * 120 * 0.8


def test_a_provider_that_recovers_is_used_again(make):
    """It bore three, and now it bears all: some time later all slots are in use."""
    world = make(["alpha/m"], WIDE.replace("64", "12"))
    world.script("alpha/m", at_once(world, "alpha/m", 3))
    flood(world, 60.0)
    assert world.slots().capacity <= 4
    world.script("alpha/m", ok(first=1.0))
    flood(world, 60.0)
    assert world.slots().capacity == 12


def test_switched_off_it_is_refused_again_and_again(make):
    """What the first story would be without it: the provider is what limits."""
    world = make(["alpha/m"], WIDE + "[bulkhead.adaptive]\nenabled = false\n")
    world.script("alpha/m", at_once(world, "alpha/m", 3))
    flood(world, 20.0)
    assert world.events(LimitChanged) == []
    assert refused(world) > 50


def test_a_limit_that_was_cut_sheds_to_the_next_target(make):
    """Who finds no slot in time goes on."""
    world = make(more="[bulkhead]\nslots = 8\nqueue = 0\n")
    world.script("alpha/m", at_once(world, "alpha/m", 2))
    for _ in range(12):
        world.crowd(8)
        world.wait(1.0)
    world.forget()
    heard = world.crowd(8)
    assert [answer.target for answer in heard].count("beta/m") >= 5
    assert world.slots().capacity <= 3


def test_a_provider_that_says_so_in_the_middle_of_a_stream_has_said_so(make):
    """An error event after the first words: the answer is broken, and the target gets fewer calls at once."""
    world = make(["alpha/m"], '[routes.default]\ntargets = ["alpha/m"]\non_break = "error"\n')
    world.script("alpha/m", "E61-error-overloaded")
    assert world.hear(stream=True).error.kind == "broken_stream"
    assert [(event.before, event.after, event.why) for event in world.events(LimitChanged)] == [(64, 51, "overloaded")]
