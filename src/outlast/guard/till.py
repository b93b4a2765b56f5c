"""Where calls pay to the limits that they fall under: all of them, or none. Used under the desk's lock only."""

from __future__ import annotations

from outlast.flow.kept import Kept
from outlast.guard.machines import Charge, Held, Machines
from outlast.guard.order import Plan
from outlast.guard.policies import Limit
from outlast.layers.limits import Costs, Denied, Limits
from outlast.model.errors import Rejected

NOTHING = Costs(0.0, 0.0, 0.0)
MOST_KEYS = 10_000


class Till:
    """The limits of all keys that have their own, and the decision over all limits of a call.

    Args:
        plan: the guard's policies.
        name: what refusals call it.
    """

    __slots__ = ("_kept", "_name")

    def __init__(self, plan: Plan, name: str) -> None:
        self._name = name
        self._kept: list[Kept[Limits]] = [Kept(MOST_KEYS) for _ in (*plan.calls, *plan.attempts)]

    def charge(self, held: Held, now: float) -> float | Rejected:
        """All limits are paid; seconds to sleep first. Or none is."""
        limits = tuple([self._limits_of(held.machines, charge, now) for charge in held.charges])
        longest = 0.0
        denied: tuple[Denied, Limit] | None = None
        for charge, of in zip(held.charges, limits, strict=True):
            wait = of.ask(charge.costs, now, min(charge.limit.max_wait, held.deadline - now))
            if not isinstance(wait, float):
                denied = (wait, charge.limit) if denied is None or wait.longer_than(denied[0]) else denied
            elif wait > longest:
                longest = wait
        if denied is not None:
            return self._over(*denied)
        for charge, of in zip(held.charges, limits, strict=True):
            of.take(charge.costs, now)
        held.paid = limits
        return longest

    def settle(self, held: Held, paid: tuple[Limits, ...], now: float, hold: float) -> None:
        """The call is over: what was never sent gets its charges back; `hold` is for how long nobody may go."""
        if not held.sent:
            self._refund(held, paid, now)
            return
        for limits in paid:
            limits.done()
            if hold > 0:
                limits.hold(hold, now)

    def begin_anew(self) -> None:
        """In a forked child nothing is under way."""
        for kept in self._kept:
            for limits in kept.values():
                limits.under_way = 0

    def _limits_of(self, machines: Machines, charge: Charge, now: float) -> Limits:
        own = machines.limits[charge.number]
        if own is not None:
            return own
        kept, key, limit = self._kept[charge.number], charge.key or "", charge.limit
        return kept.get(key) or kept.put(key, Limits.of(limit.config, burst_seconds=limit.burst), now)

    def _over(self, denied: Denied, limit: Limit) -> Rejected:
        """A limit that has keys is that of whoever calls, any other that of what is called."""
        hint = denied.retry_after
        more = "a repetition cannot change it" if hint is None else f"try again in {hint:.3g} s"
        return Rejected(
            f"{self._name}: the limit {denied.limit} is used up; {more}",
            gate="limits" if limit.key is None else "caller_limits",
            code=denied.code,
            status=429,
            retry_after=hint,
        )

    def _refund(self, held: Held, paid: tuple[Limits, ...], now: float) -> None:
        numbers = held.numbers or numbers_of(paid)
        for charge, limits, number in zip(held.charges, paid, numbers, strict=True):
            limits.settle(charge.costs, NOTHING, now, number)


def numbers_of(paid: tuple[Limits, ...]) -> tuple[int, ...]:
    """Which charges were made last: to be noted before others are charged, for these may have to be given back."""
    return tuple([limits.number() for limits in paid])
