"""The counts of the last seconds, beside a list of everything that was ever counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.layers.breaker.window import Window

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.9, 2.0, 3.5, 100.0])),
        st.tuples(st.sampled_from(["success", "failure"]), st.booleans()),
        st.tuples(st.just("take back"), st.integers(0, 5)),
        st.tuples(st.just("clear"), st.none()),
    ),
    max_size=40,
)
SPAN, BUCKETS, WIDTH = 2.0, 4, 0.5


@given(steps=STEPS, start=st.sampled_from([0.0, 0.5, 1_000.25]))
def test_it_counts_what_a_list_of_everything_would_count(steps, start):
    """What is in the current bucket and the three before it, less the successes that were none after all."""
    window, now, known, successes = Window(SPAN, BUCKETS), start, [], []
    for step, how in steps:
        if step == "wait":
            now += how
        elif step == "success":
            known.append((int(now / WIDTH), "ok", how))
            successes.append((window.add_success(now, how), known[-1]))
            assert successes[-1][0] == known[-1][0]
        elif step == "failure":
            known.append((int(now / WIDTH), "failed", how))
            window.add_failure(now, how)
        elif step == "clear":
            window.clear()
            known, successes = [], []
        elif successes:
            window.move(now)
            number, success = successes.pop(how % len(successes))
            window.take_back_success(number, success[2])
            known.remove(success)
        window.move(now)
        inside = [entry for entry in known if entry[0] > int(now / WIDTH) - BUCKETS]
        counts = [sum(kind == name for _, kind, _ in inside) for name in ("ok", "failed")]
        assert [window.ok, window.failed, window.slow] == [*counts, sum(slow for _, _, slow in inside)]
        assert window.total == len(inside)


def test_a_success_of_the_first_bucket_can_be_taken_back():
    """And does not fall out a second time when its bucket does."""
    window = Window(SPAN, BUCKETS)
    window.take_back_success(window.add_success(0.0, slow=True), slow=True)
    assert (window.ok, window.slow) == (0, 0)
    window.move(SPAN)
    assert (window.ok, window.slow) == (0, 0)


def test_a_success_that_has_fallen_out_is_not_taken_back():
    """It is counted no more, to the moment: its bucket has others now."""
    window = Window(SPAN, BUCKETS)
    number = window.add_success(0.0, slow=True)
    window.move(SPAN)
    window.take_back_success(number, slow=True)
    assert (window.ok, window.slow) == (0, 0)


def test_a_long_rest_is_no_work():
    """After years the window looks at its own buckets, not at all that have passed."""
    window = Window(SPAN, BUCKETS)
    window.add_failure(0.0, slow=False)
    window.add_failure(1e12, slow=False)
    assert window.failed == 1


@pytest.mark.parametrize("forgotten", [lambda window: window.move(SPAN), lambda window: window.clear()])
def test_what_is_forgotten_is_not_forgotten_a_second_time(forgotten):
    """Not when its bucket falls out, nor when that has been used anew and falls out again."""
    window = Window(SPAN, BUCKETS)
    window.add_success(0.0, slow=True)
    window.add_failure(0.0, slow=False)
    forgotten(window)
    for now in (SPAN, 2 * SPAN):
        window.move(now)
        assert (window.ok, window.failed, window.slow) == (0, 0, 0)
