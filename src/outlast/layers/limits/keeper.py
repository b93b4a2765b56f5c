"""The limits of many scopes in this process, and the gate over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from outlast.flow.call import NOWHERE, Call
from outlast.flow.kept import Kept
from outlast.flow.quantiles import Quantiles
from outlast.flow.stream import End
from outlast.layers.limits.config import LimitsConfig
from outlast.layers.limits.gcra import NOTHING, Costs, Limits
from outlast.layers.limits.refusing import Metered, Refused, Scope, ask, patiently, refusal, tell_what_is_left
from outlast.model.errors import BrokenStream, Cancelled, Failure, Rejected, TimedOut
from outlast.model.events import Overdrawn
from outlast.model.target import Price, Target

ScopesOf = Callable[[Call], Sequence[Scope]]
MaxWait = Callable[[Call, float], float]


def at_once(call: Call, now: float) -> float:  # noqa: ARG001
    """Nobody waits for a place."""
    return 0.0


class Held:
    """Charges made for one call in all its scopes; `waits` says that a sleep is still to come."""

    __slots__ = ("_charged", "_keeper", "_limits", "_made", "_numbers", "_wait", "waits")

    def __init__(self, keeper: Keeper, call: Call, limits: Metered, charged: Costs, wait: float) -> None:
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
            self._keeper.note_output(aimed_at(call).name, end.usage.output, now)
        if self._owes(used):
            charged = self._charged
            call.io.emit(Overdrawn(call.id, aimed_at(call).name, charged.tokens, used.tokens, charged.usd, used.usd))

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
        price = aimed_at(call).price
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
        max_wait: MaxWait = at_once,
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

    def give_back(self, now: float) -> None:
        """Give back what was taken in advance: nothing is, here."""

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
            known = self._outputs.get(aimed_at(call).name)
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
        costs = self.costs(call, aimed_at(call).price, now)
        limits = [(scope, self.limits(scope, now)) for scope in scopes]
        wait = ask(limits, costs, now, 0.0)
        if isinstance(wait, Refused):
            max_wait = self._max_wait(call, now)
            wait = patiently(call, wait, limits, costs, now, max_wait)
            if isinstance(wait, Refused):
                tell_what_is_left(call, limits, now)
                return refusal(call, wait, max_wait)
        for _, of in limits:
            of.take(costs, now)
        call.metered = True
        tell_what_is_left(call, limits, now)
        return Held(self, call, limits, costs, wait)


def _nobody(call: Call) -> Sequence[Scope]:  # noqa: ARG001
    """No limits at all."""
    return ()


def aimed_at(call: Call) -> Target:
    """Where the call goes; before it is routed, where it would rather go."""
    return call.target if call.target.name else call.route.targets[0]
