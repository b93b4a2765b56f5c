"""What a call holds that found no slot free: a place in the queue, and later the slot itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from outlast.flow.call import Call
from outlast.flow.stream import End
from outlast.model.events import SlotAwaited
from outlast.ports import Waiter

if TYPE_CHECKING:
    from outlast.layers.bulkhead.slots import Cohort, Slots


class Ticket(Struct, eq=False):
    """A place in the queue, or a slot: `granted` says which, `shed` why the place was taken away.

    When it was taken, `ahead` calls waited that went before it, and it was to wait `expected` seconds.
    """

    slots: Slots
    caller: str
    priority: int
    since: float
    waiter: Waiter | None = None
    granted: bool = True
    shed: str = ""
    over: bool = False
    cohort: Cohort | None = None
    """With whom it got its slot."""
    ahead: int = 0
    expected: float = 0.0

    @property
    def waits(self) -> bool:
        """Was there no slot at once?"""
        return self.waiter is not None

    async def wait(self, call: Call) -> None:
        """Return with the slot. Raises `Rejected` when there is none in time."""
        slots = self.slots
        if self.waiter is None:
            raise RuntimeError("a ticket without a slot must have a waiter")
        try:
            await self.waiter.wait(min(self.since + slots.config.wait, call.deadline))
        except BaseException:
            self._tell(call)
            raise
        if not self.granted:
            full = Full(self.shed or "no slot became free in time", max(1.0, slots.expected_wait(self.priority)))
            raise slots.refusal(call, full, self.priority, call.io.now() - self.since)
        self._tell(call)

    def _tell(self, call: Call) -> None:
        """How long it has waited, to the sinks."""
        slots, waited = self.slots, call.io.now() - self.since
        numbers = (self.ahead, slots.pace, self.expected, self.priority)
        call.io.emit(SlotAwaited(call.id, slots.name, waited, self.granted, *numbers))

    def answered(self, call: Call, now: float) -> None:
        """The slot is held until the answer is over."""

    def settle(self, call: Call, end: End, now: float) -> None:
        """Hand the slot on, or leave the queue."""
        changed = self.slots.learn(end, self.cohort, now) if self.cohort is not None else None
        self.slots.leave(self, now)
        if changed is not None:
            call.io.emit(changed)


class Full(Struct, frozen=True):
    """No place: why, and for how many seconds."""

    why: str
    retry_after: float
