"""How low a backlog has been since each charge, against a list that forgets nothing."""

from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st

from outlast.layers.limits.lows import MOST, Lows

BACKLOGS = st.floats(0.0, 100.0)


def found(*backlogs):
    """So many charges, and what each of them found; the first one's number is 1."""
    lows = Lows()
    for number, backlog in enumerate(backlogs):
        lows.note(number, backlog)
    return lows


@given(before=st.lists(BACKLOGS, min_size=1, max_size=30), last=BACKLOGS)
def test_it_knows_the_lowest_since_each_charge(before, last):
    """Of all that later charges found, and of what is there now."""
    lows = found(*before, last)
    for number in range(1, len(before) + 1):
        assert lows.since(number) == min(*before[number:], last, 1e9)


@given(before=st.lists(BACKLOGS, min_size=3, max_size=20), which=st.integers(1, 10), share=st.floats(0.0, 1.0))
def test_what_was_never_used_would_have_left_all_later_ones_lower(before, which, share):
    """And the earlier ones as they were, as far as they are still the lowest."""
    lows = found(*before, 7.0)
    which = min(which, len(before))
    since = [*before[which:], 7.0]
    by = share * min(since)
    assert lows.lower(which, by) == by
    assert abs(lows.since(which) - (min(since) - by)) < 1e-9
    assert lows.since(1) <= min(*before[1:], 7.0)


def test_what_is_low_is_not_raised_by_what_comes_later_without_a_charge():
    """The same stretch of time, looked at twice."""
    lows = found(5.0, 2.0)
    lows.note(1, 4.0)
    assert lows.since(1) == 2.0


@settings(max_examples=20)
@given(st.integers(MOST + 1, 500))
def test_it_stays_small_and_errs_low(count):
    """A bucket that only fills: every charge finds more, and the oldest lows count as the lowest of them."""
    lows = found(*(float(number) for number in range(count)))
    assert len(lows) <= MOST
    assert lows.since(1) <= 1.0
    assert lows.since(count - 1) == count - 1
    assert all(lows.since(number) == number for number in range(count - MOST // 2, count))
    assert all(lows.since(number) <= number for number in range(1, count))


def test_since_the_latest_charge_nothing_is_known_before_somebody_looks():
    """It may have been any; what that charge has too much is all too much."""
    lows = found(5.0)
    assert lows.since(1) == inf
    assert lows.lower(1, 3.0) == 3.0
    assert lows.since(1) == inf


def test_looking_often_forgets_nothing():
    """A hundred times, and each time there is more."""
    lows = found(5.0, 6.0)
    for backlog in range(7, 7 + 2 * MOST):
        lows.note(2, float(backlog))
    assert [lows.since(number) for number in (1, 2)] == [6.0, 7.0]


def test_the_older_half_is_forgotten_by_lowering_the_next():
    """One more than there is room for: they count as the oldest, and the younger ones as themselves."""
    lows = found(*(10.0 * (number + 1) for number in range(MOST)))
    half = MOST // 2
    assert [lows.since(number) for number in (0, 1, half - 1, half)] == [10.0, 10.0, 10.0, 10.0 * (half + 1)]


def test_one_less_than_there_is_room_for_are_all_kept():
    """Besides the low that is nothing."""
    lows = found(*(10.0 * (number + 1) for number in range(MOST - 1)))
    assert [lows.since(number) for number in range(MOST - 1)] == [10.0 * (number + 1) for number in range(MOST - 1)]


def test_when_the_bucket_was_full_nothing_was_missing():
    """Of what was charged before; what came later begins anew."""
    lows = found(5.0, 6.0, 0.0, 4.0)
    assert [lows.since(number) for number in (0, 1, 2, 3, 4)] == [0.0, 0.0, 0.0, 4.0, inf]
    assert [lows.lower(number, 9.0) for number in (1, 2, 3)] == [0.0, 0.0, 4.0]
    assert len(lows) == 1


def test_what_is_lowered_is_the_lowest_for_those_before_it_too():
    """A refund of the second charge, seen from the first; one since which nobody has looked changes nothing."""
    lows = found(5.0, 3.0, 4.0, 6.0)
    assert lows.lower(99, 1.0) == 1.0
    assert [lows.since(number) for number in (1, 2, 3)] == [3.0, 4.0, 6.0]
    assert lows.lower(2, 2.0) == 2.0
    assert [lows.since(number) for number in (1, 2, 3)] == [2.0, 2.0, 4.0]
    assert lows.lower(3, 3.0) == 3.0
    assert [lows.since(number) for number in (1, 2, 3)] == [1.0, 1.0, 1.0]


def test_nothing_is_lowered_further_than_it_goes():
    """The lowest since the first charge is 3: so much of 8 comes back, and then nothing."""
    lows = found(5.0, 3.0, 4.0)
    assert [lows.lower(1, 8.0), lows.lower(1, 8.0)] == [3.0, 0.0]
    assert [lows.since(number) for number in (1, 2)] == [0.0, 1.0]
