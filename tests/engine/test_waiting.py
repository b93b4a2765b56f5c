"""Wait or switch: pauses met before the first attempt or after a throttle, and coming back when nobody else is left."""

import pytest

from outlast.model.events import FailedOver
from outlast.testing import ok, status, throttled

SAME = """
[providers.alpha.models.m]
family = "m"
[providers.beta.models.m]
family = "m"
"""
JITTER = 1.1
"""A hint is a floor; up to a tenth is added."""


@pytest.mark.parametrize(
    ("more", "hint", "path"),
    [
        (SAME, 0.45, ["alpha/m", "alpha/m"]),
        (SAME, 0.6, ["alpha/m", "beta/m"]),
        ("", 2.2, ["alpha/m", "alpha/m"]),
        ("", 2.6, ["alpha/m", "beta/m"]),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_throttled_call_waits_only_within_its_patience(make, more, hint, path, stream):
    """It stays for half a second when the next target has the same model, for two and a half when it has another."""
    world = make(more=more)
    world.script("alpha/m", throttled(hint), ok())
    world.hear(stream=stream)
    assert world.path() == path
    first, second = world.times()
    assert hint <= second - first <= hint * JITTER if path[1] == "alpha/m" else second == first


@pytest.mark.parametrize(
    ("more", "hint", "target"),
    [(SAME, 0.9, "beta/m"), (SAME, 0.45, "alpha/m"), ("", 2.2, "alpha/m"), ("", 4.0, "beta/m")],
)
def test_a_pause_that_is_met_is_waited_for_within_patience(make, more, hint, target):
    """A call that finds its first target paused waits for it as long as one that was throttled itself would."""
    world = make(more=more)
    world.script("alpha/m", throttled(hint), ok())
    world.fail(model="alpha/m", timeout=0.2)
    world.forget()
    began = world.now
    reply = world.ask()
    assert reply.target == target
    assert (world.now > began) == (target == "alpha/m")


def test_all_requests_heed_a_pause(world):
    """What one call learns of a throttled target, the next one need not learn by asking it."""
    world.script("alpha/m", throttled(30))
    world.ask()
    assert [world.ask().target for _ in range(20)] == ["beta/m"] * 20
    assert world.sent("alpha/m") == 1
    assert world.breaker()._window.failed == 0


def test_a_lone_target_is_waited_for(make):
    """Without another target, a hint of up to a minute is waited for, and not a moment less."""
    world = make(["alpha/m"])
    world.script("alpha/m", throttled(60), ok())
    reply = world.ask()
    assert reply.attempts == 2
    assert 60 <= world.now <= 61


@pytest.mark.parametrize(("hint", "timeout"), [(61, 180), (30, 20), (86400, 180)])
def test_a_hint_that_is_too_long_is_told_at_once(make, hint, timeout):
    """What exceeds a minute or the deadline is not waited for: the caller is told when to come back."""
    world = make(["alpha/m"])
    world.script("alpha/m", throttled(hint))
    failure = world.fail(timeout=timeout)
    assert (failure.kind, failure.status, world.sent(), world.now) == ("throttled", 429, 1, 0.0)
    assert hint <= failure.retry_after <= hint + 1


def test_the_next_call_on_a_paused_lone_target_is_refused_at_once(make):
    """It is refused with the seconds that are left, and nothing is sent."""
    world = make(["alpha/m"])
    world.script("alpha/m", throttled(100))
    world.fail()
    world.wait(40)
    failure = world.fail()
    assert (failure.kind, failure.status, world.sent()) == ("rejected", 503, 1)
    assert 60 <= failure.retry_after <= 61


def test_a_pause_that_has_become_short_is_waited_for(make):
    """A call that meets the end of a pause on the only target waits for it and is answered."""
    world = make(["alpha/m"])
    world.script("alpha/m", throttled(100), ok())
    world.fail()
    world.wait(70)
    assert world.ask().attempts == 1
    assert 100 <= world.now <= 101


def test_a_paused_target_is_come_back_to_when_the_others_are_down(world):
    """A target that was left for its pause is waited for and asked again once the others have failed."""
    world.script("alpha/m", throttled(5), ok())
    world.script("beta/m", 500)
    reply = world.ask()
    assert reply.target == "alpha/m"
    assert world.path() == ["alpha/m", "beta/m", "beta/m", "beta/m", "alpha/m"]
    assert 5 <= world.times("alpha/m")[1] <= 5.5


def test_a_pause_met_before_is_come_back_to_when_the_others_are_down(world):
    """The same for a target that was passed by without being asked."""
    world.script("alpha/m", throttled(8), ok())
    world.ask()
    world.forget()
    world.script("beta/m", 402)
    reply = world.ask()
    assert reply.target == "alpha/m"
    assert world.path() == ["beta/m", "alpha/m"]
    assert 8 <= world.now <= 8.8


def test_nobody_comes_back_after_the_deadline(world):
    """A pause that ends after the deadline is not waited for; the failure tells the shortest wait."""
    world.script("alpha/m", throttled(30))
    world.script("beta/m", throttled(50))
    failure = world.fail(timeout=10)
    assert (failure.kind, world.now) == ("throttled", 0.0)
    assert 30 <= failure.retry_after <= 31


def test_all_are_throttled_and_the_first_that_is_back_answers(make):
    """With every target paused, the call waits for the one that is ready first."""
    world = make(["alpha/m", "beta/m", "gamma/m"])
    for target, hint in (("alpha/m", 40), ("beta/m", 6), ("gamma/m", 20)):
        world.script(target, throttled(hint), ok())
    assert world.ask().target == "beta/m"
    assert 6 <= world.now <= 6.6


def test_a_backoff_that_is_longer_than_patience_switches(make):
    """A transient failure whose hint is too long moves the call on at once."""
    world = make(more=SAME)
    world.script("alpha/m", status(503, {"retry-after": "1"}), ok())
    assert world.ask().target == "beta/m"
    assert world.now == 0.0
    assert [(event.from_target, event.to_target) for event in world.events(FailedOver)] == [("alpha/m", "beta/m")]


def test_moving_on_because_of_a_pause_is_told(world):
    """The change from a paused target to another is an event, with its reason."""
    world.script("alpha/m", throttled(30))
    world.ask()
    world.forget()
    world.ask()
    (moved,) = world.events(FailedOver)
    assert (moved.from_target, moved.to_target, moved.kind) == ("alpha/m", "beta/m", "it is paused")


NARROW = "[bulkhead]\nslots = 2\nqueue = 300\nwait = 30\n"


@pytest.mark.parametrize("stream", [False, True])
def test_who_queued_for_a_slot_heeds_a_pause_too(make, stream):
    """A pause that begins while calls wait for slots holds for them: they wait for its end, and are answered."""
    world = make(["alpha/m"], NARROW)
    world.script("alpha/m", throttled(5), ok())
    heard = world.crowd(100, stream=stream)
    assert [answer for answer in heard if isinstance(answer, Exception)] == []
    assert world.times()[:2] == [0.0, 0.0]
    assert min(world.times()[2:]) >= 5.0
    assert world.sent() == 101


def test_who_queued_for_a_slot_switches_when_that_is_better(make):
    """The same with another target and a pause beyond patience: they go there."""
    world = make(more=NARROW)
    world.script("alpha/m", throttled(20))
    world.crowd(100)
    assert (world.sent("alpha/m") <= 2, world.now) == (True, 0.0)
    assert world.sent("beta/m") >= 98


def test_who_queued_for_a_slot_does_not_try_a_refused_key(make):
    """A credential that is refused while calls wait for slots is not tried by them."""
    world = make(more=NARROW)
    world.script("alpha/m", 401)
    world.crowd(100)
    assert world.sent("alpha/m") <= 2
    assert world.now == 0.0
