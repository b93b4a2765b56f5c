"""The conformance vectors of hedging, played against providers."""

import pytest

from outlast.model.events import HedgeLost
from outlast.testing import ok, silent, status

from .hedging import HEDGED, HEDGES, QUICK, THREE, kinds, late, learned, near


def test_hg_07_nineteen_samples_are_too_few(make):
    """With 19 calls known there is no hedge, however long the next one takes; with 20 there is."""
    world = learned(make, samples=19)
    world.script("alpha/m", ok(first=5.0))
    assert world.ask().target == "alpha/m"
    assert world.ask().target == "beta/m"


def test_hg_10_a_first_that_fails_fast_is_followed_by_the_next(make):
    """Before a hedge is due, a failure moves the call on at once; it is never returned while another can answer."""
    world = learned(make)
    world.script("alpha/m", status(503))
    answer = world.ask()
    assert (answer.target, answer.attempts) == ("beta/m", 2 if world.sent("alpha/m") == 1 else 3)
    assert kinds(world, *HEDGES) == []


def test_hg_10_a_failure_of_the_first_waits_for_the_second(make):
    """While the second is under way the failure of the first is not the caller's answer."""
    world = learned(make, more=HEDGED + "[timers]\nwhole = 1.0\n[retry]\nper_target = 1\non_last = 1\n")
    world.script("alpha/m", silent())
    world.script("beta/m", ok(first=0.95))
    answer = world.ask()
    assert (answer.target, answer.attempts) == ("beta/m", 2)
    assert world.story() == [("alpha/m", "timeout"), ("beta/m", "ok")]


def test_hg_02_after_a_failure_the_next_is_asked_at_once_and_the_clock_begins_anew(make):
    """A first target that fails is followed at once; the next one has its own time before a hedge is due."""
    world = learned(make, targets=THREE)
    world.script("beta/m", ok(first=QUICK))
    world.script("alpha/m", 501)
    for _ in range(20):
        world.ask()
    world.forget()
    world.script("beta/m", ok(first=5.0))
    began = world.now
    assert world.ask().target == "gamma/m"
    assert world.path() == ["alpha/m", "beta/m", "gamma/m"]
    assert world.times("beta/m") == pytest.approx([began])
    assert world.times("gamma/m") == near([began + QUICK])


@pytest.mark.parametrize("who", ["alpha/m", "beta/m"])
def test_hg_03_an_error_of_the_caller_ends_both(make, who):
    """400 of one leg cancels the other at once, and is what the caller hears."""
    world = learned(make)
    world.script_all(silent())
    world.script(who, late(0.3, 400))
    failure = world.fail()
    other = "beta/m" if who == "alpha/m" else "alpha/m"
    assert (failure.kind, failure.target) == ("caller", who)
    assert world.sent() == 2
    assert world.io.sent_to(other)[0].over == "aborted"
    assert [event.kind for event in failure.attempts] in (["caller", "cancelled"], ["cancelled", "caller"])


def test_hg_06_when_both_fail_the_last_real_failure_is_raised(make):
    """And its history has all attempts of both."""
    world = learned(make, more=HEDGED + "[retry]\nper_target = 1\non_last = 1\n")
    world.script("alpha/m", late(0.3, 503))
    world.script("beta/m", late(0.5, 502))
    failure = world.fail()
    assert failure.target == "beta/m"
    assert [(event.target, event.number) for event in failure.attempts] == [("alpha/m", 1), ("beta/m", 2)]
    assert [event.kind for event in world.events(HedgeLost)] == [failure.kind]
