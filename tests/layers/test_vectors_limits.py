"""The conformance vectors of the limiter, by their ids. RL-01 to RL-16 share one: 1 a second, burst 5, full."""

import pytest

from outlast.layers.limits import Costs, Denied, Gcra, LimitConfig, Limits
from outlast.layers.limits.gcra import NEVER
from outlast.model.messages import Quota

SHARED = {
    # id: (time, cost, seconds until it may go, remaining after it, seconds until full after it)
    "RL-01": (0.0, 6, NEVER, 5, 0.0),
    "RL-02": (0.0, 1, 0.0, 4, 1.0),
    "RL-03": (0.0, 1, 0.0, 3, 2.0),
    "RL-04": (0.0, 1, 0.0, 2, 3.0),
    "RL-05": (0.0, 1, 0.0, 1, 4.0),
    "RL-06": (0.0, 1, 0.0, 0, 5.0),
    "RL-07": (0.0, 1, 1.0, 0, 5.0),
    "RL-08": (3.0, 1, 0.0, 2, 3.0),
    "RL-09": (3.1, 1, 0.0, 1, 3.9),
    "RL-10": (4.0, 1, 0.0, 1, 4.0),
    "RL-12": (9.5, 1, 0.0, 4, 1.0),
    "RL-13": (9.5, 0, 0.0, 4, 1.0),
    "RL-16": (15.0, 6, NEVER, 5, 0.0),
}


def one(rate, per, burst):
    """Limits of requests alone."""
    return Limits([Gcra("rpm", "requests", rate, per, burst)])


def granted(limits, count, now):
    """How many of so many requests pass."""
    return sum(limits.acquire(Costs(1.0), now) == 0.0 for _ in range(count))


@pytest.mark.parametrize("row", SHARED)
def test_the_shared_limiter_answers_as_the_table_says(row):
    """Every row is asked after all the rows before it."""
    bucket = Gcra("rpm", "requests", 1.0, 1.0, 5.0)
    for name, (now, cost, wait, remaining, reset) in SHARED.items():
        got = bucket.wait(cost, now)
        if got == 0.0:
            bucket.take(cost, now)
        if name == row:
            expected = pytest.approx((wait, remaining, reset))
            assert (got, int(bucket.remaining(now)), bucket.reset(now)) == expected
            return


def tokens_and_requests():
    """60 requests a minute with a burst of 10, 60,000 tokens with one of 10,000."""
    return Limits([Gcra("rpm", "requests", 60, 60, 10), Gcra("tpm", "tokens", 60_000, 60, 10_000)])


def test_rl_20_a_request_draws_on_both_limits():
    """9 requests and 1,000 tokens are left."""
    limits = tokens_and_requests()
    assert limits.acquire(Costs(1.0, 9_000.0), 0.0) == 0.0
    assert [bucket.remaining(0.0) for bucket in limits.buckets] == pytest.approx([9, 1_000])


def test_rl_21_what_one_limit_refuses_the_other_does_not_lose():
    """Refused by tokens, for a second; all nine requests are still there."""
    limits = tokens_and_requests()
    limits.acquire(Costs(1.0, 9_000.0), 0.0)
    refused = limits.acquire(Costs(1.0, 2_000.0), 0.0)
    assert isinstance(refused, Denied)
    assert (refused.limit, refused.retry_after) == ("tpm", pytest.approx(1.0))
    assert limits.buckets[0].remaining(0.0) == pytest.approx(9)


def test_rl_24_what_was_estimated_too_high_comes_back_but_never_above_the_burst():
    """600 of 1,000 tokens; and all of them, asked back from a full bucket, change nothing."""
    limits = Limits([Gcra("tpm", "tokens", 60_000, 60, 10_000)])
    limits.acquire(Costs(1.0, 1_000.0), 0.0)
    limits.settle(Costs(1.0, 1_000.0), Costs(1.0, 400.0), 0.0)
    assert limits.buckets[0].remaining(0.0) == pytest.approx(9_600)
    limits.buckets[0].refund(5_000.0, 1, 0.0)
    assert limits.buckets[0].remaining(0.0) == pytest.approx(10_000)


def test_rl_28_a_refusal_costs_nothing():
    """600 pass, 600 do not, and 300 still pass."""
    limits = Limits([Gcra("tpm", "tokens", 1_000, 60, 1_000)])
    got = [limits.acquire(Costs(1.0, cost), 0.0) for cost in (600.0, 600.0, 300.0)]
    assert [isinstance(wait, Denied) for wait in got] == [False, True, False]


def test_rl_29_there_is_no_seam_between_two_seconds():
    """Of 200 requests on both sides of a full second 12 pass; a counter that starts anew would let all through."""
    limits = one(100, 1.0, 10)
    assert granted(limits, 100, 0.99) + granted(limits, 100, 1.01) == 12


def test_rl_30_the_providers_own_count_only_tightens():
    """Nothing left: the next waits one spacing, no longer than the reset. Much left: that is not believed."""
    limits = one(10, 60.0, 5)
    limits.learn(Quota(requests_left=0, requests_reset=20.0), 0.0)
    refused = limits.acquire(Costs(1.0), 0.0)
    assert isinstance(refused, Denied)
    assert 6.0 <= refused.retry_after <= 20.0
    limits.learn(Quota(requests_left=1_000_000), 0.0)
    assert limits.acquire(Costs(1.0), 0.0) == refused


def test_the_bursts_are_ten_seconds_of_rate_the_largest_window_or_a_whole_day():
    """Requests at least 1; tokens no more than a minute's; money the whole period."""
    small = Limits.of(LimitConfig(rpm=3, tpm=60_000, usd_per_day=25), window=32_000)
    large = Limits.of(LimitConfig(rpm=600, tpm=60_000), window=1_000_000)
    assert [bucket.burst for bucket in small.buckets] == [1, 32_000, 25]
    assert [bucket.burst for bucket in large.buckets] == [100, 60_000]
