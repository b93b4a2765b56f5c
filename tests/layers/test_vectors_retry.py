"""The conformance vectors of retries and their budget, by their ids."""

import asyncio
import json

import pytest

from outlast.dialects.classify import classify
from outlast.dialects.hints import wait_asked
from outlast.flow.stream import Stream
from outlast.layers.retry import Budget, Move, Retries, RetryConfig, SoFar, Wait, backoff, decide
from outlast.model.errors import BrokenStream, Transient
from outlast.model.messages import Batch, Chunk

from .calls import ALPHA, Ear, a_call

DAY = 86_400.0

DELAYS = {
    "RT-01": (0.05, 20.0, range(1, 12), [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 20, 20]),
    "RT-02": (1.0, 20.0, range(1, 7), [1, 2, 4, 8, 16, 20]),
    "RT-07": (0.05, 20.0, [1], [0.05]),
    "RT-13": (DAY, 2 * DAY, [1_000, 10_000], [2 * DAY, 2 * DAY]),
}
"""id: (base, cap, attempts, delays when the die shows 1)"""

AGAIN = {
    # id: (status, headers, is the same target asked again?)
    "RT-17-true-on-400": (400, {b"x-should-retry": b"true"}, True),
    "RT-17-false-on-500": (500, {b"x-should-retry": b"false"}, False),
    **{f"RT-18-{status}": (status, {}, True) for status in (408, 409, 429, 500, 502, 503, 504, 529)},
    **{f"RT-19-{status}": (status, {}, False) for status in (400, 401, 403, 404, 413, 422)},
}

HINTS = {
    "RT-07-invalid": ({b"retry-after": b"invalid"}, None),
    "RT-20": ({b"retry-after-ms": b"1500", b"retry-after": b"9"}, 1.5),
    "RT-21-whole": ({b"retry-after": b"2"}, 2.0),
    "RT-21-part": ({b"retry-after": b"0.5"}, 0.5),
    "RT-21-date": (
        {b"retry-after": b"Wed, 21 Oct 2026 07:28:07 GMT", b"date": b"Wed, 21 Oct 2026 07:28:00 GMT"},
        7.0,
    ),
    "RT-21-nan": ({b"retry-after": b"nan"}, None),
    "RT-21-inf": ({b"retry-after": b"inf"}, None),
}


def so_far(**more):
    """One attempt made, no other target, much time."""
    state = {"here": 1, "made": 1, "total": 1, "healthy": 0, "patience": float("inf"), "left": 100.0, "limit": 10.0}
    return SoFar(**{**state, **more})


@pytest.mark.parametrize("row", DELAYS)
def test_delays_double_up_to_the_cap(row):
    """With the die at its highest; no number of attempts overflows."""
    base, cap, attempts, expected = DELAYS[row]
    assert [backoff(base, cap, attempt, 1.0) for attempt in attempts] == pytest.approx(expected)


def test_rt_03_full_jitter_is_uniform_from_zero_to_the_cap():
    """10,000 draws at the tenth attempt, each whole second within a fifth of its share."""
    draws = [backoff(0.25, 20.0, 10, number / 10_000) for number in range(10_000)]
    bins = [sum(second <= draw < second + 1 for draw in draws) for second in range(20)]
    assert sum(bins) == 10_000
    assert all(400 <= count <= 600 for count in bins)


@pytest.mark.parametrize("row", AGAIN)
def test_a_status_is_retried_or_not_as_the_table_says(row):
    """With the provider's own envelope; the provider's word on retries beats the status."""
    status, headers, again = AGAIN[row]
    body = json.dumps({"error": {"message": "no", "type": "error", "code": None}}).encode()
    failure = classify(status, headers.get, body, ALPHA)
    assert isinstance(decide(RetryConfig(), failure, so_far(), 0.0, 0.5), Wait if again else Move)


@pytest.mark.parametrize("row", HINTS)
def test_a_hint_is_read_as_the_table_says(row):
    """The header in milliseconds first; what is no positive finite number is no hint."""
    headers, seconds = HINTS[row]
    assert wait_asked(headers.get) == seconds


def test_rt_23_there_is_one_deadline_and_no_attempt_gets_a_new_one():
    """0.3 s of 3 s are left: a backoff of 0.2 s fits, one of 0.4 s does not."""
    left = so_far(left=0.3)
    assert isinstance(decide(RetryConfig(base=0.2), Transient("no"), left, 2.7, 1.0), Wait)
    assert isinstance(decide(RetryConfig(base=0.4), Transient("no"), left, 2.7, 1.0), Move)


def test_rt_25_what_breaks_after_content_was_handed_over_is_asked_of_nobody_again():
    """Neither of the same target nor of another."""
    broken = BrokenStream("cut")
    assert isinstance(decide(RetryConfig(), broken, so_far(), 0.0, 0.5), Move)
    assert not broken.onward


class ThreeTokens:
    """A source of three tokens and a break."""

    target, dialect = "alpha/m", ""

    def __init__(self):
        self.left = ["one", "two", "three"]

    async def next(self):
        """The next token, or the break."""
        if not self.left:
            raise BrokenStream("reset")
        return Batch(b"", [Chunk(text=self.left.pop(0))])

    def abort(self):
        """Nothing is held."""


def test_rt_28_no_token_is_ever_handed_over_twice():
    """Three tokens, then the error; the provider was asked once."""
    asked, seen = [], []

    async def upstream(call):
        asked.append(call.target.name)
        source = ThreeTokens()
        return Stream(source, await source.next(), call.io)

    async def story():
        stream = await Retries(RetryConfig()).layer()(upstream)(a_call(Ear(), stream=True))
        async for chunk in stream:
            seen.append(chunk.text)  # noqa: PERF401  (what was seen before the break counts)

    with pytest.raises(BrokenStream):
        asyncio.run(story())
    assert (seen, asked) == (["one", "two", "three"], ["alpha/m"])


NO_FLOOR = {"floor": 0, "floor_at_once": 0}
MANY = 1_000_000

BUDGETS = {
    # id: (configuration, requests, retries granted)
    "RB-11": ({**NO_FLOOR, "deposit": 0.1, "deposit_ttl": 60.0}, 10_000, 1_000),
    "RB-12-half": ({**NO_FLOOR, "deposit": 0.5}, 10_000, 5_000),
    "RB-12-quarter": ({**NO_FLOOR, "deposit": 0.25}, 10_000, 2_500),
    "RB-12-three-quarters": ({**NO_FLOOR, "deposit": 0.75}, 10_000, 7_500),
    "RB-15": (
        {"deposit": 0.5, "deposit_ttl": 2.0, "floor": 10, "floor_seconds": 2.0, "floor_at_once": MANY},
        10_000,
        5_010,
    ),
}


@pytest.mark.parametrize("row", BUDGETS)
def test_the_budget_grants_its_ratio_and_its_floor(row):
    """Deposit and withdraw in turn, while the clock stands still; less than one retry is left when it refuses."""
    config, requests, expected = BUDGETS[row]
    budget = Budget(RetryConfig(**config))
    granted = 0
    for _ in range(requests):
        budget.deposit(0.0)
        if budget.withdraw(1.0, 0.0):
            granted += 1
        else:
            assert budget.balance(0.0) < 1.0
    assert abs(granted - expected) <= 1


def test_rb_14_without_any_deposit_there_is_the_floor():
    """Ten in a second, and not an eleventh; in the next second there are more."""
    budget = Budget(RetryConfig(deposit=0.0, deposit_ttl=1.0, floor=10, floor_seconds=1.0, floor_at_once=MANY))
    assert [budget.withdraw(1.0, 0.0) is not None for _ in range(11)] == [True] * 10 + [False]
    assert budget.withdraw(1.0, 1.0) is not None


def test_rb_17_a_deposit_is_good_for_its_whole_time():
    """Two halves make a retry 0.901 s later; after a second they are gone."""
    config = RetryConfig(**NO_FLOOR, deposit=0.5, deposit_ttl=1.0)
    early, late = Budget(config), Budget(config)
    for budget in (early, late):
        budget.deposit(0.0)
        budget.deposit(0.0)
    assert early.withdraw(1.0, 0.901) is not None
    assert late.withdraw(1.0, 1.0) is None


@pytest.mark.parametrize(("active", "retries"), [(100, 25), (4, 3)], ids=["RB-18-many", "RB-18-few"])
def test_at_any_time_a_share_of_the_calls_may_be_retries_and_a_few_in_any_case(active, retries):
    """A quarter of 100 calls; of four calls three, by the floor."""
    budget = Budget(RetryConfig(deposit=0.25, floor_at_once=3, floor=MANY))
    for _ in range(active):
        budget.deposit(0.0)
    assert sum(budget.withdraw(1.0, 0.0) is not None for _ in range(active)) == retries
