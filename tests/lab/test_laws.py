"""Latency laws: what is drawn follows the law that was asked for."""

import math
import statistics
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.lab.laws import Law, drawn

MANY = 4000
seconds = st.floats(0.001, 100)
seeds = st.integers(0, 1 << 32)


def draws(law, seed=1):
    dice = Random(seed)
    return sorted(drawn(law, dice) for _ in range(MANY))


@pytest.mark.parametrize(("median", "p95"), [(0.4, 1.5), (2.0, 2.0), (0.05, 5.0)])
def test_a_lognormal_law_has_its_median_and_its_95th_percentile(median, p95):
    """Of many draws half are below the median and one in twenty is above p95, within what chance allows."""
    found = draws(Law(median=median, p95=p95))
    below = sum(1 for one in found if one <= median) / MANY
    above = sum(1 for one in found if one > p95 * (1 + 1e-9)) / MANY
    if p95 == median:
        assert found[0] == found[-1] == pytest.approx(median)
    else:
        assert below == pytest.approx(0.5, abs=0.03)
        assert above == pytest.approx(0.05, abs=0.015)


@given(low=seconds, width=seconds, seed=seeds)
def test_a_uniform_law_stays_between_its_bounds(low, width, seed):
    """No draw is outside."""
    law, dice = Law(low=low, high=low + width), Random(seed)
    assert all(low <= law.draw(dice) <= low + width for _ in range(50))


def test_a_uniform_law_is_even():
    """Each quarter of the range gets a quarter of the draws."""
    found = draws(Law(low=1, high=5))
    assert statistics.quantiles(found, n=4) == pytest.approx([2, 3, 4], abs=0.1)


def test_an_exponential_law_has_its_mean_and_forgets():
    """The mean is as asked, and e⁻¹ of all draws are above it."""
    found = draws(Law(mean=0.4))
    assert statistics.fmean(found) == pytest.approx(0.4, rel=0.05)
    assert sum(1 for one in found if one > 0.4) / MANY == pytest.approx(math.exp(-1), abs=0.03)


def test_a_number_is_always_the_same_and_no_time_is_none():
    """Constants take no chance."""
    assert drawn(0.25, Random(1)) == 0.25
    assert Law(mean=0).draw(Random(1)) == 0


@given(seed=seeds)
def test_the_same_seed_draws_the_same(seed):
    """A run can be repeated."""
    law = Law(median=0.4, p95=1.5)
    assert [law.draw(Random(seed)) for _ in range(3)] == [law.draw(Random(seed)) for _ in range(3)]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"median": 1},
        {"median": 1, "p95": 2, "mean": 1},
        {"low": 1},
        {"median": 2, "p95": 1},
        {"median": 0, "p95": 1},
        {"low": 2, "high": 1},
        {"mean": -1},
        {"mean": math.inf},
        {"low": math.nan, "high": 1},
        {"medain": 1},
    ],
)
def test_what_is_no_law_is_refused(wrong):
    """Too little, too much, or numbers that cannot be."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, Law)
