"""The slots of one target, or of the gateway, and the queue for them. The picture is in the package's docstring."""

from __future__ import annotations

from collections.abc import Callable

from outlast.flow.call import Call
from outlast.flow.gate import AtOnce
from outlast.flow.stream import End
from outlast.layers.bulkhead.config import SlotsConfig
from outlast.layers.bulkhead.line import Line
from outlast.layers.bulkhead.ticket import Full, Ticket
from outlast.model.caller import PRIORITIES
from outlast.model.errors import Rejected
from outlast.model.events import Shed
from outlast.ports import Waiter

SURE_AFTER = 5
"""So many releases tell how fast a queue moves; fewer may be luck, and nobody is sent away for bad luck."""

AGED_EVERY = 4
"""Of so many slots that are handed on, one goes to a call whose class has improved by waiting, if there is one."""


class Slots(AtOnce):
    """The slots of one target, or of the gateway. No method waits; a waiter is woken by who releases.

    Who finds a slot free holds no ticket: the slots themselves are its permit.
    """

    __slots__ = (
        "_freed_at",
        "_gaps",
        "_handed_on",
        "_lines",
        "_pace",
        "capacity",
        "config",
        "gate",
        "name",
        "used",
        "waiting",
    )

    def __init__(self, config: SlotsConfig, gate: str = "bulkhead", name: str = "") -> None:
        self.config = config
        self.gate = gate
        self.name = name
        self.capacity = config.slots
        self.used = 0
        self.waiting = 0
        self._lines = [Line() for _ in PRIORITIES]
        self._handed_on = 0
        self._pace = 0.0  # mean seconds between two releases while calls wait
        self._gaps = 0  # how many of them that mean was made of, up to SURE_AFTER
        self._freed_at = 0.0  # the last release, or when the queue formed

    def expected_wait(self, priority: int) -> float:
        """Seconds that a new call of that class would wait; 0 until enough releases have shown the queue's pace."""
        if self._gaps < SURE_AFTER:
            return 0.0
        ahead = sum(len(line) for line in self._lines[: priority + 1])
        return (ahead + 1) * self._pace

    def idle(self, now: float) -> bool:  # noqa: ARG002
        """Is it as good as new, so that it may be forgotten?"""
        return not (self.used or self.waiting)

    def answered(self, call: Call, now: float) -> None:
        """The slot is held until the answer is over."""

    def settle(self, call: Call, end: End, now: float) -> None:  # noqa: ARG002
        """Hand on a slot that was free when it was taken."""
        self._free(now)

    def take(self) -> bool:
        """Take a slot that is free, if nobody waits for it."""
        if self.waiting or self.used >= self.capacity:
            return False
        self.used += 1
        return True

    def enter(
        self, caller: str, priority: int, now: float, deadline: float, waiter: Callable[[], Waiter]
    ) -> Ticket | Full:
        """A slot (`granted`), a place in the queue, or the reason why there is neither."""
        if self.take():
            return Ticket(self, caller, priority, now)
        expected = self.expected_wait(priority)
        if expected > min(deadline - now, self.config.wait):
            return Full("it could not be served in time", expected)
        if self.waiting >= self.config.queue and not self._displace(priority):
            return Full("the queue is full", max(expected, 1.0))
        if not self.waiting:
            self._freed_at = now
        ticket = Ticket(self, caller, priority, now, waiter(), granted=False)
        self._lines[priority].add(ticket)
        self.waiting += 1
        return ticket

    def _displace(self, priority: int) -> bool:
        """Make room by sending away the newest call of the lowest class below `priority`, if there is one."""
        for line in reversed(self._lines[priority + 1 :]):
            if line:
                ticket = line.newest()
                ticket.shed = True
                self._leave_queue(ticket)
                if ticket.waiter is not None:
                    ticket.waiter.wake()
                return True
        return False

    def _leave_queue(self, ticket: Ticket) -> None:
        self._lines[ticket.priority].remove(ticket)
        ticket.over = True
        self.waiting -= 1

    def leave(self, ticket: Ticket, now: float) -> None:
        """Give up the slot or the place, whichever it is; again does nothing."""
        if ticket.over:
            return
        if not ticket.granted:
            self._leave_queue(ticket)
            return
        ticket.over = True
        self._free(now)

    def _free(self, now: float) -> None:
        self.used -= 1
        if self.waiting:
            gap = max(0.0, now - self._freed_at)
            self._freed_at = now
            self._gaps = min(self._gaps + 1, SURE_AFTER)
            self._pace += (gap - self._pace) / self._gaps
            self._hand_on(now)
        elif self._gaps:
            self._gaps -= 1  # a queue that is gone says less and less of the next one

    def refusal(self, call: Call, full: Full) -> Rejected:
        """What a call is told that gets no slot; the sinks hear of it too."""
        call.io.emit(Shed(call.id, self.name, full.why, full.retry_after))
        message = f"{self.name}: {full.why}"
        return Rejected(message, gate=self.gate, code="overloaded", retry_after=full.retry_after)

    def resize(self, capacity: int, now: float) -> None:
        """From now on so many at once. Fewer takes effect as calls end."""
        self.capacity = capacity
        self._hand_on(now)

    def _hand_on(self, now: float) -> None:
        while self.waiting and self.used < self.capacity:
            ticket = self._choose(now)
            self.waiting -= 1
            self.used += 1
            ticket.granted = True
            if ticket.waiter is not None:
                ticket.waiter.wake()

    def _choose(self, now: float) -> Ticket:
        """Who is next, taken out of its line."""
        best = next(number for number, line in enumerate(self._lines) if line)
        self._handed_on += 1
        if self._handed_on % AGED_EVERY == 0 and (aged := self._aged(best, now)) is not None:
            self._lines[aged.priority].remove(aged)
            return aged
        return self._lines[best].next(now, self.config.target)

    def _aged(self, best: int, now: float) -> Ticket | None:
        """The oldest call of a lower class that has waited long enough to count as one of the best, if there is one."""
        found: Ticket | None = None
        for number, line in enumerate(self._lines[best + 1 :], start=1):
            if line:
                oldest = line.oldest()
                long_enough = now - oldest.since >= number * self.config.age
                if long_enough and (found is None or oldest.since < found.since):
                    found = oldest
        return found
