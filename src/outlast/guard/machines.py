"""What a guard knows of one key: the layers' machines. Touched under the lock of the guard's desk only."""

from __future__ import annotations

from copy import copy

from msgspec import Struct

from outlast.guard.order import Plan
from outlast.guard.policies import Limit
from outlast.layers.breaker import Breaker, Permit
from outlast.layers.bulkhead import Slots, Ticket
from outlast.layers.limits import Costs, Limits
from outlast.layers.retry import Budget

ONE = Costs()


class Charge(Struct, frozen=True):
    """What a call is to pay to one limit: `number` says which of the plan's, `key` whose it is."""

    limit: Limit
    number: int
    key: str | None = None
    costs: Costs = ONE


class Machines:
    """What one key has learned, and what is under way for it.

    Attributes:
        key: whose they are; None: everybody's.
        gone: what is under way belongs to the process that this one was forked from.
    """

    __slots__ = ("breaker", "budget", "gone", "key", "limits", "slots")

    def __init__(self, plan: Plan, name: str, key: str | None = None) -> None:
        self.key = key
        self.gone = False
        self.breaker = None if plan.breaker is None else Breaker(plan.breaker.config)
        self.slots = None if plan.slots is None else Slots(plan.slots.config, "slots", name)
        self.budget = None if plan.retry is None else Budget(plan.retry.config)
        self.limits: tuple[Limits | None, ...] = tuple(map(_limits, (*plan.calls, *plan.attempts)))

    def idle(self, now: float) -> bool:
        """Is all of it as good as new, so that it may be forgotten?"""
        parts = (self.breaker, self.slots, self.budget, *self.limits)
        return all(part is None or part.idle(now) for part in parts)

    def in_child(self) -> Machines:
        """The same in a forked child: what was learned, and nothing under way. These here are left to old permits."""
        child = copy(self)
        self.gone = True
        if self.breaker is not None:
            child.breaker = copy(self.breaker)
            child.breaker.ground()
        if self.slots is not None:
            child.slots = Slots(self.slots.config, self.slots.gate, self.slots.name)
        if self.budget is not None:
            child.budget = copy(self.budget)
            child.budget.ground()
        for limits in self.limits:
            if limits is not None:
                limits.under_way = 0
        return child


def _limits(limit: Limit) -> Limits | None:
    """The limit's machine; None where each key of its own has one."""
    return Limits.of(limit.config, burst_seconds=limit.burst) if limit.key is None else None


class Held(Permit, kw_only=True, eq=False):
    """What one attempt, or one call, holds: charges, a slot or a place in its queue, and the breaker's permit.

    Attributes:
        machines: those of its key.
        charges: what it is to pay; `paid` to whom, by the charges of these `numbers`.
        call: what events call it.
        caller: whose turn in the queue it is.
        deadline: when it has no time left.
        lease_for: seconds after which a probe is taken for lost.
        slot, ticket: the slot; its place in the queue, if it had to wait.
        admitted: the breaker has let it through.
        sent: the function was called.
        over: it has been settled.
    """

    machines: Machines
    charges: tuple[Charge, ...]
    call: str = ""
    caller: str = ""
    deadline: float
    lease_for: float
    paid: tuple[Limits, ...] | None = None
    numbers: tuple[int, ...] | None = None
    slot: Slots | None = None
    ticket: Ticket | None = None
    admitted: bool = False
    sent: bool = False
    over: bool = False
