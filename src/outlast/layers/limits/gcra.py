"""The limits themselves: one number each, and one decision over all. The formula is in the package's docstring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from outlast.flow.bucket import NEVER, Bucket
from outlast.flow.call import Allowance
from outlast.layers.limits.config import LimitConfig
from outlast.layers.limits.lows import Lows
from outlast.model.messages import Quota

Unit = Literal["requests", "tokens", "usd"]
UNITS: Sequence[Unit] = ("requests", "tokens", "usd")
"""Each at its place among the costs of a request."""

MINUTE = 60.0
DAY = 86_400.0


class Gcra(Bucket):
    """One limit of this process, which knows how much of each charge can still be refunded."""

    __slots__ = ("charges", "lows", "name", "place", "unit")

    def __init__(self, name: str, unit: Unit, amount: float, period: float, burst: float) -> None:
        super().__init__(amount, period, burst)
        self.name = name
        self.unit: Unit = unit
        self.place = UNITS.index(unit)
        self.charges = 0
        self.lows = Lows()

    def take(self, cost: float, now: float) -> None:
        """Spend `cost`, or reserve it for when it may be spent; `charges` is then the number of this charge."""
        tat, spacing = self.tat, self.spacing
        if tat > now:
            backlog = tat - now
            allowed = (self.burst - cost) * spacing  # who has to wait goes when it has come down to that
            self.lows.note(self.charges, backlog if backlog < allowed else allowed)  # noqa: FURB136  (min takes longer)
            self.tat = tat + cost * spacing
        else:
            self.lows.note(self.charges, 0.0)
            self.tat = now + cost * spacing
        self.charges += 1

    def owe(self, cost: float, now: float) -> None:
        """Spend what was used beyond what was charged; it delays who comes next, not who has a place."""
        self.lows.note(self.charges, self.tat - now)
        self.charge(cost, now)

    def refund(self, cost: float, number: int, now: float) -> float:
        """So much of a charge was not used: give back what would still be missing. How much that was, in seconds.

        Who has a place goes at the time that he was given. What would have run over until then is lost, or a newcomer
        would spend it a second time.
        """
        tat = self.tat
        if tat <= now:
            return 0.0
        missing, unused = tat - now, cost * self.spacing
        lowered = self.lows.lower(number, unused if unused < missing else missing)  # noqa: FURB136
        self.tat = tat - lowered
        return lowered

    def anchor(self, remaining: float, now: float) -> bool:
        """The provider says what is left. That only ever tightens: what is more than we thought is not believed.

        Where it does it counts what was really used, so that earlier charges have nothing left to be refunded.
        """
        lowered = self.lower(remaining, now)
        if lowered:
            self.lows.note(self.charges, 0.0)
        return lowered

    def follow(self, reset: float, cost: float, now: float, *, granted: bool) -> None:
        """Others spend of it too, and this is how it is seen from outside: full in `reset` seconds.

        Between two such looks it had no less spent than what had not flowed off since the first one, save for what
        others gave back; and no more than it had at the second, before `cost` was charged there.
        """
        before = reset - cost * self.spacing if granted else reset
        lowest = min(before, self.tat - now)
        if granted:
            lowest = min(lowest, (self.burst - cost) * self.spacing)
        self.lows.note(self.charges, lowest)
        self.tat = now + reset
        self.charges += granted

    def hold(self, seconds: float, now: float) -> None:
        """Whoever is asked wants to be left alone for so long; then one call may go, and no burst."""
        held = now + seconds + (self.burst - 1.0) * self.spacing
        if held > self.tat:
            self.tat = held
            self.lows.note(self.charges, 0.0)


class Costs(Struct, frozen=True):
    """What one request is charged, in each unit."""

    requests: float = 1.0
    tokens: float = 0.0
    usd: float = 0.0


NOTHING = Costs(0.0, 0.0, 0.0)


class Denied(Struct, frozen=True):
    """A limit said no: which, and for how many seconds; None when a repetition cannot change it.

    `cost` was asked for where `remaining` is left of `amount`.
    """

    limit: str
    retry_after: float | None
    cost: float
    remaining: float
    amount: float

    @property
    def code(self) -> str:
        """What vendors call it: too fast, or what one has is spent."""
        spent = self.limit == "usd_per_day" or self.retry_after is None
        return "insufficient_quota" if spent else "rate_limit_exceeded"

    def longer_than(self, other: Denied) -> bool:
        """Is its time to come back later than the other's? None is never."""
        if other.retry_after is None:
            return False
        return self.retry_after is None or self.retry_after > other.retry_after


class Limits:
    """All limits of one caller or provider: one decision over all of them."""

    __slots__ = ("buckets", "concurrent", "under_way")

    def __init__(self, buckets: Sequence[Gcra], concurrent: int | None = None) -> None:
        self.buckets = tuple(buckets)
        self.concurrent = concurrent
        self.under_way = 0

    @classmethod
    def of(cls, config: LimitConfig, *, burst_seconds: float = 10.0, window: int = 0) -> Limits:
        """The limits that a configuration asks for. `window` is the largest prompt that must pass at once."""
        buckets = []
        if config.rpm is not None:
            burst = max(1.0, config.rpm * burst_seconds / MINUTE)
            buckets.append(Gcra("rpm", "requests", config.rpm, MINUTE, burst))
        if config.tpm is not None:
            burst = min(max(config.tpm * burst_seconds / MINUTE, float(window)), config.tpm)
            buckets.append(Gcra("tpm", "tokens", config.tpm, MINUTE, burst))
        if config.usd_per_day is not None:
            buckets.append(Gcra("usd_per_day", "usd", config.usd_per_day, DAY, config.usd_per_day))
        return cls(buckets, config.concurrent)

    def ask(self, costs: Costs, now: float, max_wait: float = 0.0) -> float | Denied:
        """Seconds that the charges would have to wait, or who denies them and for how long. Writes nothing."""
        if self.concurrent is not None and self.under_way >= self.concurrent:
            return Denied("concurrent", 1.0, 1.0, 0.0, self.concurrent)
        longest = 0.0
        slowest: Gcra | None = None
        each = costs.requests, costs.tokens, costs.usd
        for bucket in self.buckets:
            wait = bucket.wait(each[bucket.place], now)
            if wait > longest:
                longest, slowest = wait, bucket
        if slowest is None or longest <= max_wait:
            return longest
        left = slowest.remaining(now)
        return Denied(slowest.name, None if longest == NEVER else longest, each[slowest.place], left, slowest.amount)

    def take(self, costs: Costs, now: float) -> None:
        """Make the charges."""
        each = costs.requests, costs.tokens, costs.usd
        for bucket in self.buckets:
            bucket.take(each[bucket.place], now)
        self.under_way += 1

    def acquire(self, costs: Costs, now: float, max_wait: float = 0.0) -> float | Denied:
        """Seconds to sleep before going on, all charges made; or who denied it, and nothing charged."""
        wait = self.ask(costs, now, max_wait)
        if isinstance(wait, float):
            self.take(costs, now)
        return wait

    def settle(self, charged: Costs, used: Costs, now: float, number: int | None = None) -> None:
        """The call is over, or gave up before its turn: refund or owe the difference.

        `number` is what `number()` gave when it was charged; without it, it counts as the latest charge.
        """
        self.under_way -= 1
        if used is charged:
            return
        each = charged.requests - used.requests, charged.tokens - used.tokens, charged.usd - used.usd
        for bucket in self.buckets:
            unused = each[bucket.place]
            if unused > 0.0:
                bucket.refund(unused, bucket.charges if number is None else number, now)
            elif unused < 0.0:
                bucket.owe(-unused, now)

    def done(self) -> None:
        """The call is over, and used what it was charged."""
        self.under_way -= 1

    def hold(self, seconds: float, now: float) -> None:
        """Nothing may be spent for so long, nor all at once afterwards."""
        for bucket in self.buckets:
            bucket.hold(seconds, now)

    def number(self) -> int:
        """Of the charge that was made last, the same for all; asked for after a charge, it is what `settle` needs."""
        return self.buckets[0].charges if self.buckets else 0

    def learn(self, quota: Quota, now: float, parts: int = 1) -> None:
        """The provider's own count, as its headers tell it; of so many equal parts, one is ours."""
        for bucket in self.buckets:
            if bucket.unit == "requests" and quota.requests_left is not None:
                bucket.anchor(quota.requests_left / parts, now)
            elif bucket.unit == "tokens" and quota.tokens_left is not None:
                bucket.anchor(quota.tokens_left / parts, now)

    def allowances(self, now: float) -> list[Allowance]:
        """What is left of each, for the RateLimit headers."""
        return [Allowance(b.name, b.amount, b.period, b.remaining(now), b.reset(now)) for b in self.buckets]

    def idle(self, now: float) -> bool:
        """Is it as good as new, so that it may be forgotten?"""
        return not self.under_way and all(bucket.tat <= now for bucket in self.buckets)
