"""Limits of requests, tokens, money and calls at once, by GCRA with reservation.

The state of a limit is one number, the theoretical arrival time (TAT); T = period / rate, tolerance = burst * T:

    tat = max(tat, now);  new = tat + cost * T;  wait = max(0, new - tolerance - now)

`wait <= max_wait`: commit `new` and sleep `wait` once, for the place is reserved: first come, first served, and nobody
polls. Else refuse with `retry_after = wait` and write nothing. All limits of one request are one decision. What was
estimated is settled with what was used: too much is refunded, too little becomes a debt that the next callers wait for.

Sources: ITU-T I.371 (GCRA), throttled/throttled and redis_rate (the arithmetic), failsafe-go (reservation).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from msgspec import Struct

from outlast.flow.call import Allowance, Call, Layer
from outlast.flow.gate import gate
from outlast.flow.quantiles import Quantiles
from outlast.flow.stream import End
from outlast.model.caller import UserType
from outlast.model.errors import Rejected
from outlast.model.events import LimitHit
from outlast.model.messages import Quota
from outlast.model.target import Price, Target

Unit = Literal["requests", "tokens", "usd"]

MINUTE = 60.0
DAY = 86_400.0
NEVER = float("inf")


class LimitConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What one caller, user, provider or target may use; None: as much as it likes."""

    rpm: float | None = None
    """Requests a minute."""
    tpm: float | None = None
    """Tokens a minute, prompt and answer together."""
    concurrent: int | None = None
    """Calls at once."""
    usd_per_day: float | None = None
    """US dollars a day."""


class LimitsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How limits are kept, whatever they are. Times in seconds."""

    enabled: bool = True
    burst: float = 10.0
    """A limit's burst is what it allows in so many seconds (money: in its whole period)."""
    max_wait: float = 60.0
    """Without another target, a call waits for a provider's quota at most so long."""
    expected_output: int = 1000
    """Output tokens that a request is charged for before anything is known of its model."""
    samples: int = 20
    """From so many answers on, the live p95 of the model's output is charged instead."""


class Gcra:
    """One limit. Costs may be fractions; a negative cost is a refund."""

    __slots__ = ("amount", "burst", "name", "period", "spacing", "tat", "unit")

    def __init__(self, name: str, unit: Unit, amount: float, period: float, burst: float) -> None:
        self.name = name
        self.unit: Unit = unit
        self.amount = amount
        self.period = period
        self.burst = burst
        self.spacing = period / amount
        self.tat = 0.0

    def wait(self, cost: float, now: float) -> float:
        """Seconds until `cost` may be spent; infinite for more than a whole period's amount.

        A cost above the burst waits for a full bucket, and goes into debt.
        """
        if cost > max(self.amount, self.burst):
            return NEVER
        if cost <= 0:
            return 0.0
        ready = max(self.tat, now) + (min(cost, self.burst) - self.burst) * self.spacing
        return ready - now if ready - now > 1e-9 else 0.0

    def take(self, cost: float, now: float) -> None:
        """Spend `cost`, or refund it when it is negative. A refund never overfills the bucket."""
        self.tat = max(self.tat, now) + cost * self.spacing

    def remaining(self, now: float) -> float:
        """What may be spent now, without waiting."""
        return max(0.0, self.burst - max(0.0, self.tat - now) / self.spacing)

    def reset(self, now: float) -> float:
        """Seconds until the bucket is full again."""
        return max(0.0, self.tat - now)

    def anchor(self, remaining: float, now: float) -> None:
        """The provider says what is left. That only ever tightens: what is more than we thought is not believed."""
        left = max(0.0, min(remaining, self.burst))
        self.tat = max(self.tat, now + (self.burst - left) * self.spacing)


class Costs(Struct):
    """What one request is charged, in each unit."""

    requests: float = 1.0
    tokens: float = 0.0
    usd: float = 0.0

    def of(self, unit: Unit) -> float:
        """The charge in that unit."""
        return self.requests if unit == "requests" else self.tokens if unit == "tokens" else self.usd


class Denied(Struct, frozen=True):
    """A limit said no: which, and for how many seconds; None when a repetition cannot change it."""

    limit: str
    retry_after: float | None


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

    def acquire(self, costs: Costs, now: float, max_wait: float = 0.0) -> float | Denied:
        """Seconds to sleep before going on, all charges made; or who denied it, and nothing charged."""
        if self.concurrent is not None and self.under_way >= self.concurrent:
            return Denied("concurrent", 1.0)
        longest = 0.0
        for bucket in self.buckets:
            wait = bucket.wait(costs.of(bucket.unit), now)
            if wait > max_wait:
                return Denied(bucket.name, None if wait == NEVER else wait)
            longest = max(longest, wait)
        for bucket in self.buckets:
            bucket.take(costs.of(bucket.unit), now)
        self.under_way += 1
        return longest

    def settle(self, charged: Costs, used: Costs, now: float) -> None:
        """The call is over: refund or owe the difference."""
        self.under_way -= 1
        for bucket in self.buckets:
            difference = used.of(bucket.unit) - charged.of(bucket.unit)
            if difference:
                bucket.take(difference, now)

    def learn(self, quota: Quota, now: float) -> None:
        """The provider's own count, as its headers tell it."""
        for bucket in self.buckets:
            if bucket.unit == "requests" and quota.requests_left is not None:
                bucket.anchor(quota.requests_left, now)
            elif bucket.unit == "tokens" and quota.tokens_left is not None:
                bucket.anchor(quota.tokens_left, now)

    def idle(self, now: float) -> bool:
        """Is it as good as new, so that it may be forgotten?"""
        return not self.under_way and all(bucket.tat <= now for bucket in self.buckets)


class Scope(Struct, frozen=True):
    """Whose limits: a key, a user, a provider or a target; and how a refusal is counted."""

    key: str
    config: LimitConfig
    user_type: UserType
    window: int = 0


ScopesOf = Callable[[Call], Sequence[Scope]]
MaxWait = Callable[[Call, float], float]


class Held:
    """Charges made for one call in all its scopes, perhaps with a sleep still to come."""

    __slots__ = ("_charged", "_keeper", "_limits", "_model", "_slept", "_wait")

    def __init__(self, keeper: Keeper, limits: list[Limits], charged: Costs, wait: float, model: str) -> None:
        self._keeper = keeper
        self._limits = limits
        self._charged = charged
        self._wait = wait
        self._slept = wait <= 0
        self._model = model

    def wait(self, call: Call) -> Awaitable[None] | None:
        """The one sleep that the reservation asks for."""
        return None if self._slept else self._sleep(call)

    async def _sleep(self, call: Call) -> None:
        await call.io.sleep(self._wait)
        self._slept = True

    def answered(self, call: Call, now: float) -> None:
        """Nothing yet: the bill comes at the end."""

    def settle(self, end: End, now: float) -> None:
        """Refund what was not used, owe what was used beyond the estimate."""
        used = self._used(end)
        for limits in self._limits:
            limits.settle(self._charged, used, now)
            if end.quota is not None:
                limits.learn(end.quota, now)
        if end.usage is not None:
            self._keeper.note_output(self._model, end.usage.output, now)

    def _used(self, end: End) -> Costs:
        if not self._slept:
            return Costs(0.0, 0.0, 0.0)  # it left before its turn
        usage = end.usage
        if usage is not None:
            usd = self._charged.usd if end.cost is None else end.cost
            return Costs(1.0, float(usage.input + usage.output), usd)
        if isinstance(end.error, Rejected):
            return Costs(0.0, 0.0, 0.0)  # never sent
        if end.outcome == "success":
            return self._charged
        return Costs(1.0, 0.0, 0.0)


class Keeper:
    """The limits of many scopes, and the gate over them. Those that are as good as new are forgotten."""

    __slots__ = ("_config", "_kept", "_max_wait", "_outputs", "_scopes_of")

    def __init__(
        self,
        config: LimitsConfig,
        scopes_of: ScopesOf,
        *,
        max_wait: MaxWait = lambda _call, _now: 0.0,
    ) -> None:
        self._config = config
        self._scopes_of = scopes_of
        self._max_wait = max_wait
        self._kept: dict[str, Limits] = {}
        self._outputs: dict[str, Quantiles] = {}

    def limits(self, scope: Scope, now: float) -> Limits:
        """The limits of that scope."""
        kept = self._kept.get(scope.key)
        if kept is None:
            if len(self._kept) >= 10_000:
                self._kept = {key: limits for key, limits in self._kept.items() if not limits.idle(now)}
            kept = Limits.of(scope.config, burst_seconds=self._config.burst, window=scope.window)
            self._kept[scope.key] = kept
        return kept

    def note_output(self, model: str, tokens: int, now: float) -> None:
        """An answer had so many tokens."""
        outputs = self._outputs.get(model)
        if outputs is None:
            if len(self._outputs) >= 1_000:
                self._outputs.clear()
            outputs = self._outputs[model] = Quantiles()
        outputs.add(float(tokens), now)

    def costs(self, call: Call, price: Price | None, now: float) -> Costs:
        """What the call is charged before anything is known of its answer."""
        request = call.request
        output = 0.0
        if request.operation == "chat":
            known = self._outputs.get(_model(call))
            p95 = known.at(0.95, now, self._config.samples) if known else None
            output = float(self._config.expected_output) if p95 is None else p95
            if request.max_tokens is not None:
                output = min(output, float(request.max_tokens))
        usd = price.of(request.tokens, int(output)) if price else 0.0
        return Costs(1.0, request.tokens + output, usd)

    def admit(self, call: Call, now: float) -> Held | Rejected:
        """The gate: all limits of all scopes, or none."""
        scopes = self._scopes_of(call)
        if not scopes:
            return Held(self, [], Costs(), 0.0, _model(call))
        price = _aimed_at(call).price
        costs = self.costs(call, price, now)
        held: list[Limits] = []
        longest = 0.0
        for scope in scopes:
            limits = self.limits(scope, now)
            got = limits.acquire(costs, now)
            if isinstance(got, Denied):
                max_wait = self._max_wait(call, now)
                got = limits.acquire(costs, now, max_wait) if max_wait > 0 else got
            if isinstance(got, Denied):
                for taken in held:
                    taken.settle(costs, Costs(0.0, 0.0, 0.0), now)
                return self._refusal(call, scope, got)
            held.append(limits)
            longest = max(longest, got)
            if scope.user_type != "operator":
                call.story.allowances.extend(_allowances(limits, now))
        return Held(self, held, costs, longest, _model(call))

    def _refusal(self, call: Call, scope: Scope, denied: Denied) -> Rejected:
        call.io.emit(LimitHit(call.id, scope.key, denied.limit, scope.user_type, denied.retry_after))
        spent = denied.limit == "usd_per_day" or denied.retry_after is None
        code = "insufficient_quota" if spent else "rate_limit_exceeded"
        ours = scope.user_type == "operator"
        return Rejected(
            f"the limit {denied.limit} of {scope.key} is used up",
            gate="limits" if ours else "caller_limits",
            code=code,
            status=503 if ours else 429,
            retry_after=denied.retry_after,
        )

    def layer(self) -> Layer:
        """Charge every call to its scopes, and settle with what it used."""
        return gate(self.admit)


def _aimed_at(call: Call) -> Target:
    """Where the call goes; before it is routed, where it would rather go."""
    return call.target if call.target.name else call.route.targets[0]


def _model(call: Call) -> str:
    return _aimed_at(call).name


def _allowances(limits: Limits, now: float) -> list[Allowance]:
    return [Allowance(b.name, b.amount, b.period, b.remaining(now), b.reset(now)) for b in limits.buckets]
