"""How low a backlog has been since each charge, against a list that forgets nothing."""

from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st

from outlast.layers.limits.lows import MOST, Lows

BACKLOGS = st.floats(0.0, 100.0)


@given(before=st.lists(BACKLOGS, min_size=1, max_size=30), last=BACKLOGS)
def test_it_knows_the_lowest_since_each_charge(before, last):
    """Of all that later charges found, and of what is there now."""
    lows = Lows()
    for backlog in before:
        lows.charged(backlog)
    lows.note(last)
    for number in range(1, len(before) + 1):
        assert lows.since(number) == min(*before[number:], last, 1e9)


@given(before=st.lists(BACKLOGS, min_size=3, max_size=20), which=st.integers(1, 10), share=st.floats(0.0, 1.0))
def test_what_was_never_used_would_have_left_all_later_ones_lower(before, which, share):
    """And the earlier ones as they were, as far as they are still the lowest."""
    lows = Lows()
    for backlog in before:
        lows.charged(backlog)
    lows.note(7.0)
    which = min(which, len(before))
    found = [*before[which:], 7.0]
    by = share * min(found)
    lows.lower(which, by)
    assert abs(lows.since(which) - (min(found) - by)) < 1e-9
    assert lows.since(1) <= min(*before[1:], 7.0)


def test_what_is_low_is_not_raised_by_what_comes_later_without_a_charge():
    """The same stretch of time, looked at twice."""
    lows = Lows()
    lows.charged(5.0)
    lows.note(2.0)
    lows.note(4.0)
    assert lows.since(1) == 2.0


@settings(max_examples=20)
@given(st.integers(MOST + 1, 500))
def test_it_stays_small_and_errs_low(count):
    """A bucket that only fills: every charge finds more, and the oldest lows count as the lowest of them."""
    lows = Lows()
    for number in range(count):
        lows.charged(float(number))
    assert len(lows) <= MOST
    assert lows.since(1) == 0.0 or lows.since(1) <= 1.0
    assert lows.since(count - 1) == count - 1
    assert all(lows.since(number) <= number for number in range(1, count))


def test_since_the_latest_charge_nothing_is_known_before_somebody_looks():
    """It may have been any."""
    lows = Lows()
    lows.charged(5.0)
    assert lows.since(1) == inf


def test_looking_often_forgets_nothing():
    """A hundred times, and each time there is more."""
    lows = Lows()
    lows.charged(5.0)
    lows.charged(6.0)
    for backlog in range(7, 107):
        lows.note(float(backlog))
    assert [lows.since(number) for number in (1, 2)] == [6.0, 7.0]


def test_the_oldest_low_is_forgotten_by_lowering_the_next():
    """One more than there is room for: the second oldest counts as the oldest, and the third as itself."""
    lows = Lows()
    for number in range(MOST + 1):
        lows.charged(10.0 * (number + 1))
    assert [lows.since(number) for number in (1, 2)] == [10.0, 30.0]


def test_what_is_lowered_is_the_lowest_for_those_before_it_too():
    """A refund of the second charge, seen from the first; one since which nobody has looked changes nothing."""
    lows = Lows()
    for backlog in (5.0, 3.0, 4.0, 6.0):
        lows.charged(backlog)
    lows.lower(99, 1.0)
    assert [lows.since(number) for number in (1, 2, 3)] == [3.0, 4.0, 6.0]
    lows.lower(2, 2.0)
    assert [lows.since(number) for number in (1, 2, 3)] == [2.0, 2.0, 4.0]
    lows.lower(3, 3.0)
    assert [lows.since(number) for number in (1, 2, 3)] == [1.0, 1.0, 1.0]
