"""Slots and their queue: how many calls may be under way at once, and who is next when one is free.

    five classes       critical, high, normal, low, batch: the best class goes first; but who has waited `age` seconds
                       counts as one class better, and every fourth slot goes to the oldest that by now counts as
                       the best, so that nobody waits for ever and a flood of batch work still delays nobody else
    inside a class     callers take turns, so that no caller starves another
    inside a caller    first come first served, until its oldest has waited longer than `target`; then newest first,
                       for the oldest will not make it anyway (CoDel's insight)

The releaser hands its slot to the chosen waiter; a waiter that was cancelled meanwhile passes it on. What cannot be
served before its deadline is shed at once, with the honest time after which it might.

Used twice: for the gateway's admission, and for each target, where retries and failovers run one class lower and the
slots adapt: fewer while the provider says that it has too much to do (`Adaptive`).

Sources: Google SRE ch. 21, failsafe-go's semaphore (hand-off), Netflix concurrency-limits, Nichols & Jacobson (CoDel).
"""

from __future__ import annotations

from collections.abc import Callable

from outlast.flow.call import Call, Layer
from outlast.flow.gate import gates
from outlast.flow.kept import Kept
from outlast.layers.bulkhead.adaptive import Adaptive
from outlast.layers.bulkhead.config import GATEWAY, AdaptiveConfig, BulkheadConfig, SlotsConfig
from outlast.layers.bulkhead.slots import AGED_EVERY, Cohort, Slots
from outlast.layers.bulkhead.ticket import Full, Ticket
from outlast.model.caller import PRIORITIES
from outlast.model.errors import Rejected

__all__ = [
    "AGED_EVERY",
    "GATEWAY",
    "Adaptive",
    "AdaptiveConfig",
    "Bulkhead",
    "BulkheadConfig",
    "Full",
    "Slots",
    "SlotsConfig",
    "Ticket",
]


class Bulkhead:
    """The slots of every target, or of the gateway as a whole.

    Args:
        config: how many, and how many may wait.
        name: which gate refuses, for who is refused.
        name_of: whose slots a call needs.
        lowers: retries and failovers run one class lower.
        adaptive: how the slots adapt; None: they do not.
    """

    __slots__ = ("_adaptive", "_lowers", "_name_of", "_slots", "config", "name")

    def __init__(
        self,
        config: SlotsConfig,
        name: str,
        name_of: Callable[[Call], str],
        *,
        lowers: bool = False,
        adaptive: AdaptiveConfig | None = None,
    ) -> None:
        self.config = config
        self.name = name
        self._name_of = name_of
        self._lowers = lowers
        self._adaptive = adaptive
        self._slots: Kept[Slots] = Kept()

    def of(self, name: str, now: float = 0.0) -> Slots:
        """The slots of that name."""
        slots = self._slots.get(name)
        return slots or self._slots.put(name, Slots(self.config, self.name, name, self._adaptive), now)

    def items(self) -> list[tuple[str, Slots]]:
        """All slots that exist, by name."""
        return list(self._slots.items())

    def waiting(self) -> int:
        """How many calls wait, over all."""
        return sum(slots.waiting for slots in self._slots.values())

    def admit(self, call: Call, now: float) -> Cohort | Ticket | Rejected:
        """The gate: a slot, or a place in the queue."""
        slots = self.of(self._name_of(call), now)
        if slots.take():
            return slots.cohort
        priority = call.priority
        if self._lowers and call.story.made > call.earlier:
            priority = min(priority + 1, len(PRIORITIES) - 1)
        ticket = slots.enter(call.caller.name, priority, now, call.deadline, call.io.waiter)
        return slots.refusal(call, ticket, priority) if isinstance(ticket, Full) else ticket

    def layer(self) -> Layer:
        """Hold a slot for as long as the call is under way, its stream included."""
        return gates(self.admit)
