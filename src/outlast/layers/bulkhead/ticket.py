"""What a call holds that found no slot free: a place in the queue, and later the slot itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from outlast.flow.call import Call
from outlast.flow.stream import End
from outlast.ports import Waiter

if TYPE_CHECKING:
    from outlast.layers.bulkhead.slots import Cohort, Slots


class Ticket(Struct, eq=False):
    """A place in the queue, or a slot: `granted` says which, `shed` that the place was taken away."""

    slots: Slots
    caller: str
    priority: int
    since: float
    waiter: Waiter | None = None
    granted: bool = True
    shed: bool = False
    over: bool = False
    cohort: Cohort | None = None
    """With whom it got its slot."""

    @property
    def waits(self) -> bool:
        """Was there no slot at once?"""
        return self.waiter is not None

    async def wait(self, call: Call) -> None:
        """Return with the slot. Raises `Rejected` when there is none in time."""
        slots = self.slots
        if self.waiter is None:
            raise RuntimeError("a ticket without a slot must have a waiter")
        await self.waiter.wait(min(self.since + slots.config.wait, call.deadline))
        if not self.granted:
            reason = "a better class took the place" if self.shed else "no slot became free in time"
            raise slots.refusal(call, Full(reason, max(1.0, slots.expected_wait(self.priority))))

    def answered(self, call: Call, now: float) -> None:
        """The slot is held until the answer is over."""

    def settle(self, call: Call, end: End, now: float) -> None:
        """Hand the slot on, or leave the queue."""
        if self.cohort is not None:
            self.slots.learn(call, end, self.cohort, now)
        self.slots.leave(self, now)


class Full(Struct, frozen=True):
    """No place: why, and for how many seconds."""

    why: str
    retry_after: float
