"""A second target beside a slow one, and another in place of one that breaks: both for one and the same request."""

import random
import re

import pytest

from outlast.model.errors import Failure
from outlast.model.events import AttemptEnded, Fault, HedgeStarted, HedgeWon, StreamResumed
from outlast.testing import cut, ok, stall

from .hedging import HEDGED, QUICK, THREE, learned
from .world import World

WHOLE = "This is the simulated provider WHO, no model at all. You said: hi"
ALL_CLOSED = "[breaker]\nenabled = false\n"
BREAKS = {"cut": cut(6), "stall": stall(6)}


def whole(part):
    """Every word once, and a finish; simulated providers tell their names."""
    said = re.sub(r"\b(alpha|beta|gamma)\b", "WHO", part.text)
    return (said, part.finish, part.error) == (WHOLE, "stop", None)


def seen(world, *kinds):
    return [(type(event).__name__, event.target) for event in world.io.events if isinstance(event, kinds)]


@pytest.mark.parametrize("how", BREAKS)
def test_who_won_a_hedge_may_break_off(make, how):
    """The loser did not fail: it is asked for the rest, before anybody who breaks off is asked again."""
    world = learned(make, stream=True)
    world.script("alpha/m", ok(first=5.0), ok())
    world.script("beta/m", BREAKS[how])
    assert whole(world.hear(stream=True))
    assert seen(world, HedgeStarted, HedgeWon) == [("HedgeStarted", "beta/m"), ("HedgeWon", "beta/m")]
    resumed = world.events(StreamResumed)[0]
    assert (resumed.from_target, resumed.to_target) == ("beta/m", "alpha/m")
    assert [(ended.target, ended.kind) for ended in world.events(AttemptEnded)] == [
        ("alpha/m", "cancelled"),
        ("beta/m", "broken_stream"),
        ("alpha/m", "ok"),
    ]


def test_who_goes_on_may_be_slow(make):
    """The rest of an answer is a routed call of its own: a third target is asked beside the one that takes long."""
    world = learned(make, HEDGED + ALL_CLOSED, THREE, stream=True)
    world.script("alpha/m", cut(6))
    for _ in range(20):  # how long the second takes is known too
        assert whole(world.hear(stream=True))
    world.script("beta/m", ok(first=5.0))
    world.forget()
    began = world.now
    assert whole(world.hear(stream=True))
    assert seen(world, HedgeWon) == [("HedgeWon", "gamma/m")]
    assert [told.to_target for told in world.events(StreamResumed)] == ["gamma/m"]
    assert world.now - began < 4 * QUICK


@pytest.mark.parametrize("seed", range(10))
def test_whatever_is_slow_or_breaks_the_answer_is_whole_or_an_error(seed):
    """A hundred streams of targets that are slow, break, or both: no word twice, none lost in silence, nothing held."""
    world, dice = World(THREE, HEDGED + "quantile = 0.5\n" + ALL_CLOSED, seed=seed), random.Random(seed)
    ways = [ok(first=QUICK)] * 6 + [ok(first=3.0), cut(4), stall(9), 500]
    for _ in range(100):
        for target in THREE:
            world.script(target, dice.choice(ways))
        heard = world.hear(stream=True)
        if isinstance(heard, Failure):
            assert heard.kind == "transient"
        else:
            assert whole(heard) or (heard.finish, heard.error.kind) == (None, "broken_stream")
    assert world.events(HedgeWon)
    assert world.events(StreamResumed)
    assert not world.events(Fault)
    assert world.close() == {}
