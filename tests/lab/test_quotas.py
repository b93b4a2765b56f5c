"""Rate limits: exactly as much as is allowed, told exactly, and what is told to wait is enough."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.lab.answer import Asked
from outlast.lab.quotas import Cost, Exceeded, Gauge, Limits, Quota
from outlast.lab.vendors import anthropic_side, openai_side

gaps = st.lists(st.floats(0, 30), min_size=1, max_size=80)


@given(gaps=gaps, limit=st.integers(1, 20), burst=st.sampled_from([1, 10, 60]))
def test_no_window_admits_more_than_the_bucket_and_what_flows_in(gaps, limit, burst):
    """Between any two moments at most the bucket's content and the rate times the time between them gets through."""
    quota = Quota(Limits(requests_per_minute=limit, burst=burst), 0)
    now, admitted = 0.0, []
    for gap in gaps:
        now += gap
        if quota.exceeded(Cost(), now) is None:
            admitted.append(now)
    bucket = max(1, limit * burst / 60)
    for first, start in enumerate(admitted):
        for last, end in enumerate(admitted[first:], first):
            assert last - first + 1 <= bucket + limit / 60 * (end - start) + 1e-6


@given(gaps=gaps, limit=st.integers(1, 20))
def test_whoever_waits_as_told_is_admitted(gaps, limit):
    """A refusal tells the time to wait, neither too long nor too short, and takes nothing."""
    quota = Quota(Limits(requests_per_minute=limit), 0)
    now = 0.0
    for gap in gaps:
        now += gap
        refused = quota.exceeded(Cost(), now)
        if refused is not None:
            assert quota.exceeded(Cost(), now + refused.wait * 0.99 - 1e-3) is not None
            now += refused.wait
            assert quota.exceeded(Cost(), now) is None


def test_a_burst_gets_exactly_the_limit_and_then_one_by_one():
    """Sixty a minute: sixty at once, then one each second."""
    quota = Quota(Limits(requests_per_minute=60), 0)
    assert sum(quota.exceeded(Cost(), 0) is None for _ in range(100)) == 60
    assert [quota.exceeded(Cost(), now) is None for now in (0.5, 1, 1.5, 2, 2)] == [False, True, False, True, False]


def test_a_small_burst_spreads_requests():
    """With one second's worth, sixty a minute are one a second from the start."""
    quota = Quota(Limits(requests_per_minute=60, burst=1), 0)
    assert [quota.exceeded(Cost(), now) is None for now in (0, 0, 1, 1.5, 100, 100)] == [
        True, False, True, False, True, False,
    ]  # fmt: skip


def test_tokens_are_taken_by_prompt_and_by_what_the_answer_may_have():
    """Tokens count both, input tokens only the prompt; the refusal names the limit that takes longest."""
    quota = Quota(Limits(tokens_per_minute=600, input_tokens_per_minute=120), 0)
    assert quota.exceeded(Cost(100, 400), 0) is None
    assert quota.gauges(0) == [Gauge("tokens", 600, 100, 50), Gauge("input-tokens", 120, 20, 50)]
    assert quota.exceeded(Cost(10, 120), 0) == Exceeded("tokens", 600, 130, 3)
    assert quota.exceeded(Cost(40, 10), 0) == Exceeded("input-tokens", 120, 40, 10)
    assert quota.exceeded(Cost(121, 0), 0) == Exceeded("input-tokens", 120, 121, math.inf)
    assert quota.gauges(0)[0].remaining == 100


def test_output_tokens_are_taken_as_they_are_made_and_may_be_overdrawn():
    """What is made is known too late: then nobody is admitted until the debt is paid."""
    quota = Quota(Limits(output_tokens_per_minute=60), 0)
    assert quota.exceeded(Cost(5, 1000), 0) is None
    quota.generated(70, 0)
    assert quota.gauges(0) == [Gauge("output-tokens", 60, 0, 70)]
    assert quota.exceeded(Cost(5, 5), 0) == Exceeded("output-tokens", 60, 1, 11)
    assert quota.exceeded(Cost(5, 5), 11) is None


def test_as_many_run_at_once_as_may():
    """The count of what runs decides; nothing else is taken meanwhile."""
    running = [2]
    quota = Quota(Limits(concurrent=2, requests_per_minute=5), 0, lambda: running[0])
    assert quota.exceeded(Cost(), 0) == Exceeded("concurrent", 2, 1, 1)
    running[0] = 1
    assert quota.exceeded(Cost(), 0) is None
    assert quota.gauges(0) == [Gauge("requests", 5, 4, 12)]


def test_without_limits_there_is_nothing_to_tell():
    """Everybody is admitted, and no gauge shows."""
    quota = Quota(Limits(), 0)
    assert quota.exceeded(Cost(10**9, 10**9), 0) is None
    assert quota.gauges(0) == []


def test_a_clock_that_goes_back_fills_nothing():
    """Only time that passes counts."""
    quota = Quota(Limits(requests_per_minute=1), 100)
    assert quota.exceeded(Cost(), 100) is None
    assert quota.exceeded(Cost(), 50).wait == 60
    assert quota.exceeded(Cost(), 100).wait == 60


@pytest.mark.parametrize("wrong", [{"requests_per_minute": 0}, {"concurrent": -1}, {"burst": 0}])
def test_a_limit_of_nothing_is_refused(wrong):
    """It would be an outage, not a limit."""
    with pytest.raises(ValueError, match="a limit must be more than 0"):
        Limits(**wrong)


GAUGES = [Gauge("requests", 60, 59, 1.0), Gauge("tokens", 1000, 900, 6.0004), Gauge("input-tokens", 800, 0, 480)]


def test_openai_tells_limits_with_durations():
    """In its own words."""
    assert dict(openai_side.rate_limits(GAUGES[:2], 0)) == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "900",
        "x-ratelimit-reset-tokens": "6.001s",
    }


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0ms"), (0.012, "12ms"), (8.64, "8.64s"), (360, "6m0s"), (61.5, "1m1.5s"), (0.9999, "1s"), (10, "10s")],
)
def test_openai_writes_durations_as_go_does(seconds, said):
    """Never too short."""
    assert dict(openai_side.rate_limits([Gauge("tokens", 1, 0, seconds)], 0))["x-ratelimit-reset-tokens"] == said


def test_anthropic_tells_limits_with_moments():
    """In its own words, each unit by itself."""
    assert dict(anthropic_side.rate_limits(GAUGES[1:], 1_767_225_600.0)) == {
        "anthropic-ratelimit-tokens-limit": "1000",
        "anthropic-ratelimit-tokens-remaining": "900",
        "anthropic-ratelimit-tokens-reset": "2026-01-01T00:00:07Z",
        "anthropic-ratelimit-input-tokens-limit": "800",
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-ratelimit-input-tokens-reset": "2026-01-01T00:08:00Z",
    }


def test_what_never_fits_is_told_without_a_hint():
    """Nobody should wait for what will not come."""
    never = Exceeded("tokens", 10, 20, math.inf)
    asked = Asked(body={"model": "m"})
    assert openai_side.exceeded(asked, never)[3] == {}
    assert anthropic_side.exceeded(asked, never)[3] == {}
