"""Live quantiles: of the last values, within a certain age."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.flow.quantiles import Quantiles

VALUES = st.lists(st.floats(0.0, 100.0), min_size=1, max_size=60)


def of(values, now=0.0, **more):
    """Quantiles of these values."""
    made = Quantiles(**more)
    for value in values:
        made.add(value, now)
    return made


@given(values=VALUES, share=st.sampled_from([0.01, 0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_the_least_value_that_so_many_do_not_exceed(values, share):
    """It is one of the values; so many are not above it, and of the next smaller one that is not true."""
    got = of(values).at(share, 0.0)
    assert got in values
    assert sum(value <= got for value in values) >= share * len(values) - 1e-9
    below = [value for value in values if value < got]
    assert len(below) < share * len(values)


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100), (0.0, 1)])
def test_of_a_hundred_values_the_share_is_the_rank(share, expected):
    """The nearest rank, nothing in between."""
    assert of(range(1, 101)).at(share, 0.0) == expected


def test_too_few_values_say_nothing():
    """19 of 20 that are asked for, and none at all."""
    assert of(range(19)).at(0.95, 0.0, least=20) is None
    assert of(range(20)).at(0.95, 0.0, least=20) == 18
    assert Quantiles().at(0.5, 0.0) is None


def test_only_the_last_values_count():
    """Of 200 the last 128."""
    quantiles = of(range(200))
    assert quantiles.count(0.0) == 128
    assert quantiles.at(0.0, 0.0) == 72


def test_old_values_fall_out():
    """After five minutes, to the moment."""
    quantiles = of([1.0, 2.0])
    quantiles.add(3.0, 1.0)
    assert (quantiles.count(299.9), quantiles.at(0.0, 299.9)) == (3, 1.0)
    assert (quantiles.count(300.0), quantiles.at(0.0, 300.0)) == (1, 3.0)
    assert quantiles.at(0.5, 301.0) is None


@given(values=VALUES, cut=st.floats(0.0, 100.0), dice=st.floats(0.0, 1.0, exclude_max=True))
def test_a_value_that_was_cut_short_stands_for_a_larger_one(values, cut, dice):
    """One of those that are known, whichever the dice say; where none is larger it stands for itself."""
    quantiles = of(values)
    quantiles.add_cut(cut, 0.0, dice)
    larger = sorted(value for value in values if value > cut)
    stands = larger[int(dice * len(larger))] if larger else cut
    kept = sorted([*values, stands])
    assert [quantiles.at(rank / len(kept), 0.0) for rank in range(1, len(kept) + 1)] == kept


def test_what_is_cut_short_does_not_pull_a_quantile_down():
    """Of a hundred values the largest five are cut at the 95th again and again: it stays."""
    quantiles = of(range(1, 101), size=100)
    for number in range(1_000):
        value = number * 37 % 100 + 1
        if value > 95:
            quantiles.add_cut(95.0, 0.0, number % 7 / 7)
        else:
            quantiles.add(value, 0.0)
    assert quantiles.at(0.95, 0.0) >= 94


@given(size=st.integers(1, 40), count=st.integers(0, 100))
def test_any_size_will_do(size, count):
    """Even one."""
    assert of(range(count), size=size).count(0.0) == min(size, count)


@given(values=st.lists(st.tuples(st.floats(0.0, 100.0), st.floats(0.0, 90.0)), min_size=1, max_size=40))
def test_what_is_told_is_what_sorting_all_of_them_would_tell(values):
    """At any time, whatever has come and gone."""
    quantiles, came, now = Quantiles(size=10), [], 0.0
    for value, seconds in values:
        now += seconds
        quantiles.add(value, now)
        came.append((now, value))
        kept = sorted(value for when, value in came[-10:] if when > now - 300.0)
        assert quantiles.count(now) == len(kept)
        assert [quantiles.at(share, now) for share in (0.0, 1.0)] == [kept[0], kept[-1]]


def test_quantiles_are_as_good_as_new_when_nothing_is_known():
    """Before the first value, and once the last is too old; one is enough to keep them."""
    assert Quantiles().idle(0.0)
    assert [of([1.0]).idle(now) for now in (0.0, 299.9, 300.0)] == [False, False, True]


def test_none_are_no_values_however_few_are_asked_for():
    """Not even for `least=0`."""
    assert Quantiles().at(0.5, 0.0, least=0) is None
    assert of([7.0]).at(0.5, 0.0, least=0) == 7.0


@pytest.mark.parametrize(("share", "count"), [(0.07, 100), (0.55, 100), (0.56, 25)])
def test_a_share_that_is_a_whole_number_of_values_is_not_rounded_up(share, count):
    """As floats, 0.07 of 100 is a little more than 7: it is the seventh all the same."""
    assert share * count > round(share * count)
    assert of(range(1, count + 1)).at(share, 0.0) == round(share * count)


def test_a_share_above_all_is_all():
    """The largest value, no error."""
    assert of([1.0, 2.0]).at(1.5, 0.0) == 2.0


def test_a_value_that_was_cut_stands_for_none_that_is_too_old():
    """A minute's answer of five minutes ago is forgotten, so what was cut after a second counts as that second."""
    quantiles = of([60.0])
    quantiles.add_cut(1.0, 300.0, 0.0)
    assert quantiles.at(1.0, 300.0) == 1.0
