"""Limits of requests, tokens, money and calls at once, by GCRA with reservation.

The state of a limit is one number, the theoretical arrival time (TAT); T = period / rate, tolerance = burst * T:

    tat = max(tat, now);  new = tat + cost * T;  wait = max(0, new - tolerance - now)

`wait <= max_wait`: commit `new` and sleep `wait` once, for the place is reserved: first come, first served, and nobody
polls. Else refuse with `retry_after = wait` and write nothing. All limits of one request are one decision. What was
estimated is settled with what was used: too much is refunded, too little becomes a debt that the next callers wait for.
What comes back, also to who gives up before its turn, is what would still be missing (`Lows`): over any time no more
goes out than the burst and the rate, waits, refunds and cancellations included.

Sources: ITU-T I.371 (GCRA), throttled/throttled and redis_rate (the arithmetic), failsafe-go (reservation),
golang.org/x/time/rate (what a cancelled reservation gives back).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from outlast.flow.call import NOWHERE, Call
from outlast.flow.kept import Kept
from outlast.flow.quantiles import Quantiles
from outlast.flow.stream import End
from outlast.layers.limits.config import LimitConfig, LimitsConfig
from outlast.layers.limits.gcra import NOTHING, Costs, Denied, Gcra, Limits
from outlast.model.caller import UserType
from outlast.model.errors import BrokenStream, Cancelled, Failure, Rejected, TimedOut
from outlast.model.events import LimitAwaited, LimitHit, Overdrawn
from outlast.model.target import Price, Target

__all__ = ["Costs", "Denied", "Gcra", "Keeper", "LimitConfig", "Limits", "LimitsConfig", "Scope", "ScopesOf"]


class Scope(Struct, frozen=True):
    """Whose limits: a key, a user, a provider or a target; and how a refusal is counted."""

    key: str
    config: LimitConfig
    user_type: UserType
    window: int = 0


ScopesOf = Callable[[Call], Sequence[Scope]]
MaxWait = Callable[[Call, float], float]
Asked = Sequence[tuple[Scope, Limits]]


class Held:
    """Charges made for one call in all its scopes; `waits` says that a sleep is still to come."""

    __slots__ = ("_charged", "_keeper", "_limits", "_made", "_numbers", "_wait", "waits")

    def __init__(self, keeper: Keeper, call: Call, limits: Asked, charged: Costs, wait: float) -> None:
        self._keeper = keeper
        self._limits = limits
        self._charged = charged
        self._made = call.sent
        self._wait = wait
        self._numbers = [of.number() for _, of in limits]
        self.waits = wait > 0

    async def wait(self, call: Call) -> None:
        """The one sleep that the reservation asks for."""
        await call.io.sleep(self._wait)
        self.waits = False

    def answered(self, call: Call, now: float) -> None:
        """Nothing yet: the bill comes at the end."""

    def settle(self, call: Call, end: End, now: float) -> None:
        """Refund what was not used, owe what was used beyond the estimate."""
        used = self._used(call, end)
        for (scope, limits), number in zip(self._limits, self._numbers, strict=True):
            limits.settle(self._charged, used, now, number)
            if end.quota is not None and scope.user_type == "operator":
                limits.learn(end.quota, now)
        if end.usage is not None and call.request.operation != "count":
            self._keeper.note_output(_aimed_at(call).name, end.usage.output, now)
        if self._owes(used):
            charged = self._charged
            call.io.emit(Overdrawn(call.id, _aimed_at(call).name, charged.tokens, used.tokens, charged.usd, used.usd))

    def _owes(self, used: Costs) -> bool:
        """Has the call used more than it was charged for, of what anybody counts?"""
        charged = self._charged
        if used.tokens <= charged.tokens and used.usd <= charged.usd:
            return False
        units = {bucket.unit for _, limits in self._limits for bucket in limits.buckets}
        return ("tokens" in units and used.tokens > charged.tokens) or ("usd" in units and used.usd > charged.usd)

    def _used(self, call: Call, end: End) -> Costs:
        usage = end.usage
        if call.request.operation == "count":
            return self._charged if call.sent != self._made else NOTHING
        if usage is not None:
            usd = self._charged.usd if end.cost is None else end.cost
            return Costs(self._charged.requests, float(usage.input + usage.output), usd)
        if end.outcome == "success":
            return self._charged
        if call.sent == self._made:
            return NOTHING  # never sent
        if isinstance(end.error, Failure) and not isinstance(end.error, (TimedOut, BrokenStream, Cancelled)):
            return Costs(self._charged.requests, 0.0, 0.0)  # the provider refused it
        prompt = call.request.tokens  # nobody knows how far the answer got, but the prompt was read
        price = _aimed_at(call).price
        return Costs(self._charged.requests, float(prompt), price.of(prompt, 0) if price else 0.0)


class Keeper:
    """The limits of many scopes, and the gate over them. Those that are as good as new are forgotten.

    Args:
        config: what holds for all of them.
        scopes_of: whose limits a call falls under; None where nobody has any, so that the gate is not `needed`.
        max_wait: how long a call may wait for its place, in seconds.
    """

    __slots__ = ("_config", "_kept", "_max_wait", "_outputs", "_scopes_of", "needed")

    def __init__(
        self,
        config: LimitsConfig,
        scopes_of: ScopesOf | None,
        *,
        max_wait: MaxWait = lambda _call, _now: 0.0,
    ) -> None:
        self._config = config
        self._scopes_of = scopes_of or _nobody
        self.needed = scopes_of is not None
        self._max_wait = max_wait
        self._kept: Kept[Limits] = Kept(10_000)
        self._outputs: dict[str, Quantiles] = {}

    def limits(self, scope: Scope, now: float) -> Limits:
        """The limits of that scope."""
        kept = self._kept.get(scope.key)
        if kept is None:
            made = Limits.of(scope.config, burst_seconds=self._config.burst, window=scope.window)
            kept = self._kept.put(scope.key, made, now)
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
        if request.operation == "count":
            return Costs(1.0, 0.0, 0.0)
        output = 0.0
        if request.operation == "chat":
            known = self._outputs.get(_aimed_at(call).name)
            p95 = known.at(0.95, now, self._config.samples) if known else None
            output = float(self._config.expected_output) if p95 is None else p95
            if request.max_tokens is not None:
                output = min(output, float(request.max_tokens))
        usd = price.of(request.tokens, int(output)) if price else 0.0
        again = call.lesser and call.target is NOWHERE  # the caller's request was counted when it came
        return Costs(0.0 if again else 1.0, request.tokens + output, usd)

    def admit(self, call: Call, now: float) -> Held | Rejected | None:
        """The gate: all limits of all scopes, or none."""
        scopes = self._scopes_of(call)
        if not scopes:
            return None
        costs = self.costs(call, _aimed_at(call).price, now)
        limits = [(scope, self.limits(scope, now)) for scope in scopes]
        wait = _ask(limits, costs, now, 0.0)
        if isinstance(wait, Refused):
            max_wait = self._max_wait(call, now)
            wait = _wait(call, wait, _ask(limits, costs, now, max_wait)) if max_wait > 0 else wait
            if isinstance(wait, Refused):
                _tell_what_is_left(call, limits, now)
                return _refusal(call, wait, max_wait)
        for _, of in limits:
            of.take(costs, now)
        call.metered = True
        _tell_what_is_left(call, limits, now)
        return Held(self, call, limits, costs, wait)


class Refused(Struct, frozen=True):
    """One scope's limit said no."""

    scope: Scope
    by: Denied


def _wait(call: Call, met: Refused, wait: float | Refused) -> float | Refused:
    """The same wait; the sinks hear of one that will be made, and of the limit that was met."""
    if not isinstance(wait, Refused):
        scope, by = met.scope, met.by
        left = by.cost, by.remaining, by.amount
        call.io.emit(LimitAwaited(call.id, scope.key, by.limit, scope.user_type, wait, *left))
    return wait


def _ask(limits: Asked, costs: Costs, now: float, max_wait: float) -> float | Refused:
    """Seconds to wait until all scopes let the charges pass, or which of them says no for longest."""
    longest = 0.0
    refused: Refused | None = None
    for scope, of in limits:
        wait = of.ask(costs, now, max_wait)
        if isinstance(wait, float):
            longest = max(longest, wait)
        elif refused is None or wait.longer_than(refused.by):
            refused = Refused(scope, wait)
    return longest if refused is None else refused


def _refusal(call: Call, refused: Refused, max_wait: float) -> Rejected:
    scope, by = refused.scope, refused.by
    left = by.cost, by.remaining, by.amount
    call.io.emit(LimitHit(call.id, scope.key, by.limit, scope.user_type, by.retry_after, *left, max_wait))
    ours = scope.user_type == "operator"
    return Rejected(
        f"the limit {by.limit} of {scope.key} is used up",
        gate="limits" if ours else "caller_limits",
        code=by.code,
        status=503 if ours else 429,
        retry_after=by.retry_after,
    )


def _nobody(call: Call) -> Sequence[Scope]:  # noqa: ARG001
    """No limits at all."""
    return ()


def _aimed_at(call: Call) -> Target:
    """Where the call goes; before it is routed, where it would rather go."""
    return call.target if call.target.name else call.route.targets[0]


def _tell_what_is_left(call: Call, limits: Asked, now: float) -> None:
    """Of the caller's own limits: in the headers of its answer, whether that is a refusal or not."""
    for scope, of in limits:
        if scope.user_type != "operator":
            call.story.allowances += of.allowances(now)
