"""What is decided after a failure: for every class, with another target left and without, and at every bound."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.layers.pause import PauseConfig, throttled_for
from outlast.layers.retry import Move, RetryConfig, SoFar, Wait, decide, hinted
from outlast.model import errors
from outlast.model.errors import BadResponse, Conflict, Connect, Failure, Rejected, Throttled, TimedOut, Transient

CONFIG = RetryConfig()


def so_far(**more):
    """One attempt made, no other target, much time."""
    state = {"here": 1, "made": 1, "total": 1, "healthy": 0, "patience": inf, "left": 100.0, "limit": 10.0}
    return SoFar(**{**state, **more})


def chosen(failure, now=0.0, dice=1.0, **more):
    """The delay before the same target is asked again, or "move"."""
    decision = decide(CONFIG, failure, so_far(**more), now, dice)
    assert isinstance(decision, Wait | Move)
    return decision.delay if isinstance(decision, Wait) else "move"


def failure_of(kind):
    """One failure of that class, as bare as can be."""
    match kind:
        case errors.Rejected:
            return Rejected("no", gate="breaker", retry_after=0.1)
        case errors.Unauthorized:
            return errors.Unauthorized("no")
        case _:
            return kind("no")


CLASSES = {
    # class: (same target with another one left, same target without, may another target be asked?)
    errors.Connect: (0.0, 0.0, True),
    errors.Transient: (0.25, 0.25, True),
    errors.BadResponse: (0.25, 0.25, True),
    errors.TimedOut: ("move", 0.25, True),
    errors.Throttled: (1.0, 1.0, True),
    errors.Quota: ("move", "move", True),
    errors.Credential: ("move", "move", True),
    errors.Permission: ("move", "move", True),
    errors.Missing: ("move", "move", True),
    errors.Unsupported: ("move", "move", True),
    errors.Conflict: (0.25, 0.25, False),
    errors.Caller: ("move", "move", False),
    errors.ContextLength: ("move", "move", False),
    errors.ContentFilter: ("move", "move", False),
    errors.Legal: ("move", "move", True),
    errors.InvalidOutput: ("move", "move", False),
    errors.BrokenStream: ("move", "move", False),
    errors.Cancelled: ("move", "move", False),
    errors.Rejected: ("move", "move", True),
    errors.Unauthorized: ("move", "move", False),
    errors.Internal: ("move", "move", False),
}
"""With the die at its highest, after the first attempt, with a patience of 2.5 s where another target is left."""


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_is_asked_again_or_moved_on_from_as_its_row_says(kind):
    """The table of failure classes, one row each."""
    with_another, alone, onward = CLASSES[kind]
    failure = failure_of(kind)
    assert chosen(failure, healthy=1, patience=2.5) == with_another
    assert chosen(failure) == alone
    assert failure.onward == onward


def test_the_table_has_every_class():
    """A new class must say what becomes of it."""
    every, found = [Failure], set()
    while every:
        every += (subclasses := every.pop().__subclasses__())
        found |= {kind for kind in subclasses if kind.__module__ == errors.__name__}
    assert found == set(CLASSES)


BOUNDS = {
    # name: (failure, how far the call has got, expected)
    "two attempts on a target while another is left": (Transient("no"), {"here": 2, "made": 2, "healthy": 1}, "move"),
    "three attempts on the last": (Transient("no"), {"here": 2, "made": 2}, 0.5),
    "and no fourth": (Transient("no"), {"here": 3, "made": 3}, "move"),
    "six attempts in all": (Transient("no"), {"here": 1, "made": 6}, "move"),
    "five leave one": (Transient("no"), {"here": 1, "made": 5}, 0.25),
    "twelve calls for one request": (Transient("no"), {"here": 1, "made": 1, "total": 12}, "move"),
    "as many attempts left as untried targets": (Transient("no"), {"made": 3, "healthy": 3}, "move"),
    "one more than untried targets": (Transient("no"), {"made": 3, "healthy": 2}, 0.25),
    "a wait of just the patience": (Transient("no", retry_after=0.5), {"healthy": 1, "patience": 0.55}, 0.55),
    "a longer wait than the patience": (Transient("no", retry_after=0.5), {"healthy": 1, "patience": 0.5}, "move"),
    "2.4 s where the next serves another model": (
        Transient("no", retry_after=2.2),
        {"healthy": 1, "patience": 2.5},
        2.42,
    ),
    "without another target a long wait": (Transient("no", retry_after=60.0), {}, 61.0),
    "no wait longer than a minute": (Transient("no", retry_after=60.1), {}, "move"),
    "no wait past the deadline": (Transient("no", retry_after=10.0), {"left": 10.5}, "move"),
    "no attempt that has no time": (Transient("no"), {"left": 0.29}, "move"),
    "one that has": (Transient("no"), {"left": 0.31}, 0.25),
    "overloaded: a second": (Transient("no", overloaded=True), {}, 1.0),
    "a timeout with just a whole limit left": (TimedOut("slow"), {"limit": 10.0, "left": 10.25}, 0.25),
    "a timeout with less": (TimedOut("slow"), {"limit": 10.0, "left": 10.2}, "move"),
    "a second timeout": (TimedOut("slow"), {"waited": True}, "move"),
    "a second conflict": (Conflict("busy"), {"waited": True}, "move"),
    "a second lost connection": (Connect("no"), {"here": 2, "made": 2, "reconnected": True}, 0.5),
    "a lost connection with a hint": (Connect("no", retry_after=1.0), {}, 1.1),
    "the provider says never": (Transient("no", again="never"), {}, "move"),
    "the provider says again": (errors.Caller("no", again="backoff"), {}, 0.25),
    "a certificate that is wrong": (Connect("no", again="never"), {}, "move"),
    "nothing but a redirect": (BadResponse("no", again="never"), {}, "move"),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_each_bound_holds_just_where_it_stands(name):
    """On both sides of it."""
    failure, state, expected = BOUNDS[name]
    assert chosen(failure, **state) == (expected if expected == "move" else pytest.approx(expected))


def test_a_throttled_call_waits_for_the_pause_that_it_has_brought():
    """That pause is the backoff; a longer one, of somebody else's hint, is not sat out."""
    failure = Throttled("slow down", retry_after=2.0)
    failure.until = 107.0
    assert chosen(failure, now=100.0) == 7.0
    failure.until = 161.0
    assert chosen(failure, now=100.0) == 61.0
    failure.until = 162.0
    assert chosen(failure, now=100.0) == "move"


def test_who_moves_on_for_patience_says_when_coming_back_may_help():
    """And who moves on for good does not."""
    impatient = decide(CONFIG, Transient("no", retry_after=4.0), so_far(healthy=1, patience=0.5), 100.0, 0.0)
    used_up = decide(CONFIG, Transient("no"), so_far(here=3, made=3), 100.0, 0.0)
    assert (impatient, used_up) == (
        Move("another target is ready sooner", 104.0),
        Move("no attempts left on this target"),
    )


HINTS = st.floats(0.001, 60.0)
DICE = st.floats(0.0, 1.0)


@given(hint=HINTS, dice=DICE)
def test_no_wait_is_ever_shorter_than_the_hint_nor_much_longer(hint, dice):
    """Jitter is only added: at most a tenth, and at most a second. So for retries, and so for pauses."""
    for seconds in (hinted(hint, dice), throttled_for(PauseConfig(), 3, hint, dice)):
        assert hint <= seconds <= hint + min(1.0, 0.1 * hint) + 1e-9


@given(
    hint=HINTS, dice=DICE, here=st.integers(1, 2), kind=st.sampled_from([Connect, Transient, BadResponse, Throttled])
)
def test_whoever_waits_waits_for_the_hint(hint, dice, here, kind):
    """Whatever the class and the attempt; a backoff that is longer stays so."""
    delay = chosen(kind("no", retry_after=hint), here=here, made=here, dice=dice, left=1e6)
    assert delay >= hint


@given(times=st.integers(1, 200), dice=DICE)
def test_a_pause_without_a_hint_is_half_a_second_to_twenty(times, dice):
    """U(0, min(20, 2^(k-1))), but never shorter than half a second."""
    seconds = throttled_for(PauseConfig(), times, None, dice)
    assert 0.5 <= seconds <= max(0.5, min(20.0, 2.0 ** (times - 1)))
    assert seconds == pytest.approx(max(0.5, dice * min(20.0, 2.0 ** (times - 1))))


def test_what_may_be_asked_again_once_only_does_not_bind_what_may_be_more_often():
    """A conflict came before; the transient failure after it is asked again."""
    assert chosen(Conflict("no"), waited=True) == "move"
    assert chosen(Transient("no"), waited=True) == 0.25


def test_no_hint_is_no_wait_however_short_a_hint_may_be():
    """Where no hint at all is waited for, a failure without one is asked again."""
    config = RetryConfig(hint_max=0.0)
    assert decide(config, Transient("no"), so_far(), 0.0, 1.0) == Wait(0.25)
    assert isinstance(decide(config, Transient("no", retry_after=0.1), so_far(), 0.0, 1.0), Move)


def test_a_hint_shorter_than_the_backoff_does_not_shorten_it():
    """A tenth of a second was asked for, a quarter is waited."""
    assert chosen(Transient("no", retry_after=0.1)) == 0.25


@pytest.mark.parametrize(("until", "delay"), [(1_000.4, pytest.approx(0.4)), (1_000.0, 0.0), (990.0, 0.0)])
def test_the_rest_of_a_pause_is_the_backoff_of_what_brought_it(until, delay):
    """Nothing when it is over, never less than nothing; a failure of another class does not sit it out."""
    throttled, reset = Throttled("slow down"), Connect("reset")
    throttled.until = reset.until = until
    assert chosen(throttled, now=1_000.0) == delay
    assert chosen(reset, now=1_000.0) == 0.0


def test_an_attempt_that_could_not_end_in_time_is_not_made():
    """What is useful must fit in whole; a moment more and it is made."""
    for left, delay in ((0.25 + CONFIG.useful, "move"), (0.26 + CONFIG.useful, 0.25)):
        assert chosen(Transient("no"), left=left) == delay


WHY = {
    "no attempts left": {"made": CONFIG.total},
    "no attempts left on this target": {"here": CONFIG.on_last},
    "the attempts left are for the other targets": {"healthy": CONFIG.total - 1},
    "another target is ready sooner": {"patience": 0.2},
    "no time left before the deadline": {"left": 0.2},
}


@pytest.mark.parametrize("reason", WHY)
def test_who_moves_on_although_the_failure_might_pass_says_why(reason):
    """The first reason that there is, for the sinks."""
    assert decide(CONFIG, Transient("no"), so_far(**WHY[reason]), 0.0, 1.0).reason == reason


def test_a_requests_attempts_are_counted_over_all_its_routed_calls():
    """Twelve, however few this one has made."""
    decision = decide(CONFIG, Transient("no"), so_far(total=CONFIG.per_request), 0.0, 1.0)
    assert decision.reason == "no attempts left"
