"""Worlds in which hedging has learned how long the first target takes, and what is looked at there."""

import pytest

from outlast.lab.steps import Pause
from outlast.model.events import HedgeLost, HedgeRefused, HedgeStarted, HedgeWon
from outlast.testing import Behaviour, ok, status

HEDGED = "[hedge]\nenabled = true\nextra = 1.0\n"
THREE = ("alpha/m", "beta/m", "gamma/m")
QUICK = 0.1


def learned(make, more=HEDGED, targets=("alpha/m", "beta/m"), *, stream=False, samples=20):
    """A world whose first target has answered so many times in a tenth of a second."""
    world = make(list(targets), more)
    world.script_all(ok(first=QUICK))
    for _ in range(samples):
        world.hear(stream=stream)
    world.forget()
    return world


def near(seconds):
    """To the millisecond."""
    return pytest.approx(seconds, abs=0.0015)


def late(seconds, code, **more):
    """That status, after a while."""

    def play(asked):
        yield Pause(seconds)
        yield from status(code, **more).play(asked)

    return Behaviour(f"late {code}", play)


def kinds(world, *of):
    return [type(event).__name__ for event in world.io.events if isinstance(event, of)]


HEDGES = (HedgeStarted, HedgeWon, HedgeLost, HedgeRefused)
