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
    """Five minutes, give or take a thirtieth for which the order is kept."""
    quantiles = of([1.0, 2.0])
    assert quantiles.count(289.0) == 2
    assert quantiles.count(300.0) == 0


@given(size=st.integers(1, 40), count=st.integers(0, 100))
def test_any_size_will_do(size, count):
    """Even one."""
    assert of(range(count), size=size).count(0.0) <= size
    assert of(range(count), size=size).count(0.0) >= min(size, count) - size // 8


@given(values=st.lists(st.floats(0.0, 100.0), min_size=130, max_size=300))
def test_what_is_told_lags_by_an_eighth_of_the_values_at_most(values):
    """The order is not made anew for each value."""
    quantiles, told = Quantiles(), []
    for number, value in enumerate(values):
        quantiles.add(value, 0.0)
        told.append(quantiles.at(1.0, 0.0))
        window = values[max(0, number - 127 - 16) : number + 1]
        assert min(window) <= told[-1] <= max(window)
        sure = values[max(0, number - 111) : max(0, number - 15)]
        assert not sure or told[-1] >= max(sure)
