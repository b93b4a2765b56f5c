"""Rate limits that are enforced as vendors do it: buckets that fill up all the time, and a count of what is under way.

limits ──▶ Quota ──exceeded(cost)──▶ None, and the cost is taken; or what is exceeded, and when to come again
                 ──gauges()───────▶ limit, remaining and reset of each, for the headers of every answer
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from msgspec import Struct

Unit = Literal["requests", "tokens", "input-tokens", "output-tokens"]
MINUTE = 60.0
_CROWDED = 1.0
"""Seconds that one is told to wait for a place: nobody knows when one will be free."""
_DUST = 1e-9
"""What sums of fractions may lack."""


class Limits(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a provider lets one caller have. None: as much as he likes.

    Attributes:
        requests_per_minute: requests that are answered.
        tokens_per_minute: tokens of the prompt, and those of the answer, or as many as the caller allows for it.
        input_tokens_per_minute: tokens of prompts.
        output_tokens_per_minute: tokens of answers, taken as they are made; a new request needs one that is left.
        concurrent: requests that are being answered at once.
        burst: seconds' worth of quota that can be had at once after a rest.
    """

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    input_tokens_per_minute: float | None = None
    output_tokens_per_minute: float | None = None
    concurrent: int | None = None
    burst: float = MINUTE

    def __post_init__(self) -> None:
        if any(value <= 0 for value in self._said()):
            raise ValueError("a limit must be more than 0")

    def _said(self) -> Iterator[float]:
        values = (getattr(self, name) for name in self.__struct_fields__)
        yield from (value for value in values if value is not None)


class Cost(NamedTuple):
    """What one request takes: tokens of its prompt, and tokens that its answer may have."""

    prompt: int = 0
    answer: int = 0


class Gauge(NamedTuple):
    """How one limit stands: a minute's worth, what is left, and the seconds until all of it is back."""

    unit: Unit
    limit: int
    remaining: int
    reset: float


class Exceeded(NamedTuple):
    """Why a request is refused, and the seconds to wait; infinite when it asks for more than there ever is."""

    unit: Unit | Literal["concurrent"]
    limit: int
    requested: int
    wait: float


class Bucket:
    """Fills up all the time, at `per_minute`, to `burst` seconds' worth. May be overdrawn by what is known too late."""

    __slots__ = ("_at", "_capacity", "_level", "_rate", "per_minute")

    def __init__(self, per_minute: float, burst: float, now: float) -> None:
        self.per_minute = per_minute
        self._rate = per_minute / MINUTE
        # One request at least fits into it, however slowly it fills.
        self._capacity = self._level = max(1.0, self._rate * burst)
        self._at = now

    def wait(self, cost: float, now: float) -> float:
        """Seconds until so much is there; infinite when it will never be."""
        self._fill(now)
        if cost <= self._level + _DUST:
            return 0.0
        return math.inf if cost > self._capacity else (cost - self._level) / self._rate

    def take(self, cost: float, now: float) -> None:
        """Take so much out, whether it is there or not."""
        self._fill(now)
        self._level -= cost

    def gauge(self, unit: Unit, now: float) -> Gauge:
        """How it stands."""
        self._fill(now)
        remaining = max(0, math.floor(self._level + _DUST))
        return Gauge(unit, math.floor(self.per_minute), remaining, (self._capacity - self._level) / self._rate)

    def _fill(self, now: float) -> None:
        self._level = min(self._capacity, self._level + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)


class Quota:
    """The live state of one provider's limits.

    Args:
        limits: what is allowed.
        now: the moment, on the clock of all later ones.
        running: how many requests are being answered just now.
    """

    __slots__ = ("_buckets", "_concurrent", "_running")

    def __init__(self, limits: Limits, now: float, running: Callable[[], int] = lambda: 0) -> None:
        said: dict[Unit, float | None] = {
            "requests": limits.requests_per_minute,
            "tokens": limits.tokens_per_minute,
            "input-tokens": limits.input_tokens_per_minute,
            "output-tokens": limits.output_tokens_per_minute,
        }
        self._buckets = {unit: Bucket(rate, limits.burst, now) for unit, rate in said.items() if rate is not None}
        self._concurrent = limits.concurrent
        self._running = running

    def exceeded(self, cost: Cost, now: float) -> Exceeded | None:
        """None, and the cost is taken; or which limit is in the way longest, and nothing is taken."""
        refusals = [*self._crowded(), *self._lacking(cost, now)]
        if refusals:
            return max(refusals, key=lambda refusal: refusal.wait)
        for unit, bucket in self._buckets.items():
            if unit != "output-tokens":
                bucket.take(_share(unit, cost), now)
        return None

    def generated(self, tokens: int, now: float) -> None:
        """So many tokens of an answer were made."""
        if (bucket := self._buckets.get("output-tokens")) is not None:
            bucket.take(tokens, now)

    def gauges(self, now: float) -> list[Gauge]:
        """How each limit stands."""
        return [bucket.gauge(unit, now) for unit, bucket in self._buckets.items()]

    def _crowded(self) -> Iterator[Exceeded]:
        if self._concurrent is not None and self._running() >= self._concurrent:
            yield Exceeded("concurrent", self._concurrent, 1, _CROWDED)

    def _lacking(self, cost: Cost, now: float) -> Iterator[Exceeded]:
        for unit, bucket in self._buckets.items():
            wanted = _share(unit, cost)
            if wait := bucket.wait(wanted, now):
                yield Exceeded(unit, math.floor(bucket.per_minute), wanted, wait)


def _share(unit: Unit, cost: Cost) -> int:
    """What a request takes of one bucket when it is admitted."""
    match unit:
        case "tokens":
            return cost.prompt + cost.answer
        case "input-tokens":
            return cost.prompt
    return 1
