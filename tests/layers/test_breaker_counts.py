"""What the circuit breaker counts of a call, how it opens again, and what it tells of itself."""

import pytest

from .breaker_story import NEVER, Circuit

START = 1_001.0
"""A clock that has run for a while, so that adding and taking away are not the same."""


def stream(circuit, now, **more):
    """A stream whose first content is there."""
    permit = circuit.breaker.admit(now)
    circuit.breaker.answered(permit, now, **more)
    return permit


def test_an_end_from_before_the_last_transition_changes_nothing():
    """Calls that were in flight when it opened: half-open since, it stays so, and closed since, it counts none."""
    circuit = Circuit(failures=1, successes=1)
    for _ in range(3):
        circuit.attempt(0.0)
    assert circuit.end("F", 0.0) == "open"
    assert circuit.attempt(10.0)
    assert circuit.end("F", 10.0) == "half_open"
    circuit.breaker.settle(circuit.out.pop(), "success", 10.0)
    assert (circuit.breaker.state, circuit.breaker.until) == ("closed", 10.0)
    assert circuit.end("F", 10.0) == "closed"
    assert (circuit.breaker._window.total, circuit.breaker.flying) == (0, 0)


def test_an_answer_is_counted_once_and_not_after_its_end():
    """However often it is told."""
    circuit = Circuit()
    permit = stream(circuit, 0.0)
    circuit.breaker.answered(permit, 0.0)
    circuit.breaker.settle(permit, "success", 0.0)
    left = circuit.breaker.admit(0.0)
    circuit.breaker.settle(left, "neutral", 0.0)
    circuit.breaker.answered(left, 0.0)
    window = circuit.breaker._window
    assert (window.total, window.slow, circuit.breaker.flying) == (1, 0, 0)


def test_an_end_is_told_once_and_an_answer_from_before_an_opening_not_at_all():
    """A second end changes nothing; the first content of a call that was in flight when it opened is no success."""
    circuit = Circuit(failures=2)
    permit = circuit.breaker.admit(0.0)
    for outcome in ("failure", "failure"):
        circuit.breaker.settle(permit, outcome, 0.0)
    assert (circuit.breaker.state, circuit.breaker._window.total, circuit.breaker.flying) == ("closed", 1, 0)
    late = circuit.breaker.admit(0.0)
    circuit.call("F", 0.0)
    circuit.breaker.answered(late, 1.0)
    assert (circuit.breaker.state, circuit.breaker._window.total, late.succeeded) == ("open", 0, False)


def test_what_is_landed_twice_is_landed_once():
    """Calls in flight are never fewer than none."""
    circuit = Circuit()
    permit = circuit.breaker.admit(0.0)
    circuit.breaker.land(permit)
    circuit.breaker.land(permit)
    assert circuit.breaker.flying == 0


def test_a_stream_that_breaks_did_not_break_the_run_of_failures():
    """Unless another call has succeeded since, or an idle window lay between the run and it."""
    went_on = Circuit(min_calls=NEVER)
    went_on.calls("FFFF", START)
    broken = stream(went_on, START + 60.0)
    went_on.breaker.settle(broken, "failure", START + 60.0)
    assert went_on.breaker.state == "open"

    succeeded = Circuit(min_calls=NEVER)
    succeeded.calls("FFFF", START)
    broken = stream(succeeded, START)
    succeeded.call("S", START)
    succeeded.breaker.settle(broken, "failure", START)
    assert succeeded.calls("FFFF", START) == ["closed"] * 3 + ["open"]

    rested = Circuit(min_calls=NEVER)
    rested.calls("FFFF", START)
    broken = stream(rested, START + 60.1)
    rested.breaker.settle(broken, "failure", START + 60.1)
    assert rested.calls("FFFF", START + 60.1) == ["closed"] * 3 + ["open"]


def test_a_run_is_remembered_for_a_window_to_the_moment():
    """A minute after the fourth failure, the fifth still counts as such."""
    circuit = Circuit(min_calls=NEVER)
    circuit.calls("FFFF", START)
    assert circuit.call("F", START + 60.0) == "open"


def test_successes_too_are_something_that_it_knows():
    """A circuit that has only succeeded is not forgotten within its window."""
    circuit = Circuit()
    circuit.call("S", START)
    assert [circuit.breaker.idle(START + after) for after in (60.0, 60.1)] == [False, True]


def test_slow_at_its_first_content_a_stream_that_breaks_was_slow():
    """However it broke."""
    circuit = Circuit()
    permit = stream(circuit, 0.0, slow=True)
    circuit.breaker.settle(permit, "failure", 0.0)
    assert (circuit.breaker._window.failed, circuit.breaker._window.slow) == (1, 1)


def test_seven_slow_calls_of_ten_are_not_enough():
    """Eight are."""
    circuit = Circuit()
    for slow in [True] * 7 + [False] * 3:
        circuit.breaker.settle(circuit.breaker.admit(0.0), "success", 0.0, slow=slow)
    assert circuit.breaker.state == "closed"


def test_a_probe_that_answered_and_then_broke_opens_it_again():
    """One failure is enough, although its first content had been counted as a success."""
    circuit = Circuit(failures=1).opened()
    permit = stream(circuit, 10.0)
    assert circuit.breaker.state == "half_open"
    circuit.breaker.settle(permit, "failure", 11.0)
    assert (circuit.breaker.state, circuit.breaker.until) == ("open", 31.0)


# -- how it opens again


def test_opened_by_rates_at_a_success_it_has_an_early_probe_at_once():
    """Nobody has asked to be left alone."""
    circuit = Circuit(failures=NEVER, min_calls=2)
    circuit.calls("FS", 0.0)
    assert circuit.attempt(0.0, early=True)


def test_healthy_minutes_are_whole_ones_and_only_of_a_closed_circuit():
    """A minute takes one opening off, a moment less takes none, nor do minutes of waiting for a probe."""
    lasted = []
    for healthy in (59.9, 60.0):
        circuit = Circuit(failures=1, successes=1).opened(START)
        circuit.call("S", START + 10.0)
        circuit.call("F", START + 10.0 + healthy)
        lasted.append(circuit.breaker.until - START - 10.0 - healthy)
    assert lasted == pytest.approx([20.0, 10.0])

    waited = Circuit(failures=1).opened(START)
    waited.attempt(START + 10.0, limit=600.0)
    waited.end("F", START + 310.0)
    assert waited.breaker.openings == 2


def test_the_level_of_before_is_kept_until_it_has_been_reached():
    """Through a failed probe, and through an opening while it climbs; after the climb the level is the present one."""
    probed = Circuit(failures=1, successes=1)
    for _ in range(8):
        probed.attempt(START)
    probed.end("F", START)
    probed.call("F", START + 10.0)
    assert probed.breaker.level == 8

    levels = []
    for after in (9.9, 10.0, 600.0):
        circuit = Circuit.slow_starting(8, START)
        circuit.call("F", START + after)
        levels.append(circuit.breaker.level)
    assert levels == [8, 1, 1]


def test_the_level_is_the_most_that_was_in_flight_and_not_what_is():
    """Eight were, and seven have ended, before the call that opens it."""
    circuit = Circuit(failures=1)
    for _ in range(8):
        circuit.attempt(START)
    for _ in range(7):
        circuit.end("N", START)
    circuit.call("F", START)
    assert circuit.breaker.level == 8


# -- what it tells


def test_a_change_tells_the_numbers_behind_it():
    """The state before and after, seconds only of an opening, counts, what was reached, the hint, and how often."""
    circuit = Circuit(failures=2, successes=1)
    circuit.call("F", 0.0, slow=True)
    circuit.call("F", 0.0, hint=15.0)
    circuit.call("F", 16.0)
    circuit.call("S", 37.0)
    told = [
        (change.before, change.after, change.seconds, change.run, change.calls, change.failed, change.slow)
        for change in circuit.breaker.changes
    ]
    assert told == [
        ("closed", "open", 15.0, 2, 2, 2, 1),
        ("open", "half_open", 0.0, 0, 0, 0, 0),
        ("half_open", "open", 20.0, 1, 1, 1, 0),
        ("open", "half_open", 0.0, 0, 0, 0, 0),
        ("half_open", "closed", 0.0, 0, 1, 0, 0),
    ]
    more = [(change.threshold, change.hint, change.openings) for change in circuit.breaker.changes]
    assert more == [(2.0, 15.0, 1), (0.0, 0.0, 1), (1.0, 0.0, 2), (0.0, 0.0, 2), (1.0, 0.0, 2)]


@pytest.mark.parametrize(
    ("config", "letters", "threshold"),
    [({"failures": 5}, "FFFFF", 5.0), ({"failure_rate": 0.3}, "SSSSSSSFFF", 0.3), ({"slow_rate": 0.9}, "s" * 10, 0.9)],
)
def test_the_threshold_is_the_one_that_was_reached(config, letters, threshold):
    """Failures in a row, a share of failures, a share of slow calls."""
    circuit = Circuit(**config)
    for letter in letters:
        circuit.call(letter.upper(), 0.0, slow=letter.islower())
    assert circuit.breaker.changes[-1].threshold == threshold


def test_who_only_observes_counts_anew_after_each_time():
    """Runs and rates: thirteen failures in a row are two times five; five calls with two failures are one time four."""
    runs, rates = Circuit(min_calls=NEVER), Circuit(failures=NEVER, min_calls=4)
    for circuit, letters in ((runs, "F" * 13), (rates, "SSFFF")):
        circuit.breaker.operate("observe", 0.0)
        circuit.calls(letters, 0.0)
    assert [(change.run, change.threshold) for change in runs.breaker.changes[1:]] == [(5, 5.0), (5, 5.0)]
    told = [(change.seconds, change.calls, change.failed, change.threshold) for change in rates.breaker.changes[1:]]
    assert told == [(0.0, 4, 2, 0.5)]


def test_an_operators_words_are_told_with_the_time_that_they_hold():
    """Until his time is over, and then for no time at all."""
    circuit = Circuit()
    circuit.breaker.operate("disabled", 0.0)
    circuit.breaker.operate("forced_open", 10.0, until=70.0)
    circuit.breaker.operate(None, 30.0)
    changes = circuit.breaker.changes
    told = [(change.before, change.after, change.seconds) for change in changes]
    assert told == [("closed", "disabled", 0.0), ("disabled", "forced_open", 60.0), ("forced_open", "closed", 0.0)]
    for change in changes:  # nothing was counted, and nothing reached
        counts = (change.run, change.calls, change.failed, change.slow, change.threshold, change.hint, change.openings)
        assert counts == (0, 0, 0, 0, 0.0, 0.0, 0)
    with pytest.raises(ValueError, match="cannot be set to 'half_open': use forced_open"):
        circuit.breaker.operate("half_open", 0.0)


def test_an_operators_word_is_a_new_beginning():
    """How often it opened, and how many calls it bore before, count no more."""
    circuit = Circuit.slow_starting(8, START)
    circuit.call("F", START + 1.0)
    circuit.breaker.operate(None, START + 1.0)
    assert (circuit.breaker.openings, circuit.breaker.level) == (0, 0)
    circuit.call("F", START + 1.0)
    assert circuit.breaker.until == START + 2.0
