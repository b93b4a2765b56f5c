"""The slots of one target, or of the gateway, and the queue for them. The picture is in the package's docstring."""

from __future__ import annotations

from collections.abc import Callable

from outlast.flow.call import Call
from outlast.flow.gate import AtOnce
from outlast.flow.stream import End
from outlast.layers.bulkhead.adaptive import Adaptive
from outlast.layers.bulkhead.config import AdaptiveConfig, SlotsConfig
from outlast.layers.bulkhead.line import Line
from outlast.layers.bulkhead.ticket import Full, Ticket
from outlast.model.caller import PRIORITIES
from outlast.model.errors import Failure, Rejected
from outlast.model.events import LimitChanged, Shed
from outlast.ports import Waiter

SURE_AFTER = 5
"""So many releases tell how fast a queue moves; fewer may be luck, and nobody is sent away for bad luck."""

BETTER = "a better class took the place"
CROWDED = "a caller with fewer calls took the place"

AGED_EVERY = 4
"""Of so many slots that are handed on, one goes to a call whose class has improved by waiting, if there is one."""


NOBODY = tuple([Line() for _ in PRIORITIES])
"""The lines of all slots for which nobody has waited yet, which are most: ten ordered dictionaries are much."""


class Cohort(AtOnce):
    """The calls that found a slot free since the limit was last cut: one permit for all of them."""

    __slots__ = ("_slots",)

    def __init__(self, slots: Slots) -> None:
        self._slots = slots

    def answered(self, call: Call, now: float) -> None:
        """The slot is held until the answer is over."""

    def settle(self, call: Call, end: End, now: float) -> None:
        """Hand on a slot that was free when it was taken."""
        slots = self._slots
        changed = slots.learn(end, self, now) if slots.cut or end.error is not None else None
        slots.free(now)
        if changed is not None:
            call.io.emit(changed)


class Slots:
    """The slots of one target, or of the gateway. No method waits; a waiter is woken by who releases.

    Attributes:
        capacity: calls under way at once, by now.
        used: how many are.
        waiting: how many calls wait for a slot.
        adaptive: what the capacity follows; None: it stays.
        cut: there are fewer than configured, because the target bears no more.
        cohort: the permit of a call that finds a slot free now.
    """

    __slots__ = (
        "_freed_at",
        "_gaps",
        "_handed_on",
        "_lines",
        "_pace",
        "adaptive",
        "capacity",
        "cohort",
        "config",
        "cut",
        "gate",
        "name",
        "used",
        "waiting",
    )

    def __init__(
        self, config: SlotsConfig, gate: str = "bulkhead", name: str = "", adaptive: AdaptiveConfig | None = None
    ) -> None:
        self.config = config
        self.gate = gate
        self.name = name
        self.capacity = config.slots
        self.adaptive = Adaptive(adaptive, config.slots) if adaptive is not None and adaptive.enabled else None
        self.cut = False
        self.cohort = Cohort(self)
        self.used = 0
        self.waiting = 0
        self._lines = NOBODY  # until somebody waits
        self._handed_on = 0
        self._pace = 0.0  # mean seconds between two releases while calls wait
        self._gaps = 0  # how many of them that mean was made of, up to SURE_AFTER
        self._freed_at = 0.0  # the last release, or when the queue formed

    def expected_wait(self, priority: int) -> float:
        """Seconds that a new call of that class would wait; 0 until enough releases have shown the queue's pace."""
        if self._gaps < SURE_AFTER:
            return 0.0
        return (self.ahead(priority) + 1) * self._pace

    def ahead(self, priority: int) -> int:
        """Waiting calls of that class and of better ones."""
        return sum(len(line) for line in self._lines[: priority + 1])

    @property
    def pace(self) -> float:
        """Mean seconds between two releases while calls waited."""
        return self._pace

    def idle(self, now: float) -> bool:
        """Is it as good as new, so that it may be forgotten?"""
        most = self.capacity if self.adaptive is None else self.adaptive.most
        if self.used or self.waiting or most != self.config.slots:
            return False
        return self.adaptive is None or self.adaptive.idle(now)

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
            return Ticket(self, caller, priority, now, cohort=self.cohort)
        expected, longest = self.expected_wait(priority), min(deadline - now, self.config.wait)
        if expected > longest:
            expected = self._expected_in_turn(caller, priority)
        if expected > longest:
            return Full("it could not be served in time", expected)
        if self.waiting >= self.config.queue and not self._displace(caller, priority):
            return Full("the queue is full", max(expected, 1.0))
        if not self.waiting:
            self._freed_at = now
        if self._lines is NOBODY:
            self._lines = tuple([Line() for _ in PRIORITIES])
        ahead = self.ahead(priority)
        ticket = Ticket(self, caller, priority, now, waiter(), granted=False, ahead=ahead, expected=expected)
        self._lines[priority].add(ticket)
        self.waiting += 1
        return ticket

    def _expected_in_turn(self, caller: str, priority: int) -> float:
        """The same for a call of this caller: others' crowds are not before it, for callers take turns."""
        better = sum(len(line) for line in self._lines[:priority])
        return (better + self._lines[priority].ahead_of(caller) + 1) * self._pace

    def _displace(self, caller: str, priority: int) -> bool:
        """Make room: by the newest call of the lowest class below, else of who crowds this caller out of its own."""
        for line in reversed(self._lines[priority + 1 :]):
            if line:
                self._send_away(line.newest(), BETTER)
                return True
        crowding = self._lines[priority].crowding_out(caller)
        if crowding is not None:
            self._send_away(crowding, CROWDED)
        return crowding is not None

    def _send_away(self, ticket: Ticket, why: str) -> None:
        ticket.shed = why
        self._leave_queue(ticket)
        if ticket.waiter is not None:
            ticket.waiter.wake()

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
        self.free(now)

    def free(self, now: float) -> None:
        """A call that held a slot is over: the next one has it."""
        self.used -= 1
        if self.waiting:
            gap = now - self._freed_at
            self._freed_at = now
            self._gaps = min(self._gaps + 1, SURE_AFTER)
            self._pace += (gap - self._pace) / self._gaps
            self._hand_on(now)
        elif self._gaps:
            self._gaps -= 1  # a queue that is gone says less and less of the next one

    def refusal(self, call: Call, full: Full, priority: int, waited: float = 0.0) -> Rejected:
        """What a call is told that gets no slot; the sinks hear of it too."""
        call.io.emit(
            Shed(
                call=call.id,
                queue=self.name,
                reason=full.why,
                retry_after=full.retry_after,
                waited=waited,
                waiting=self.waiting,
                ahead=self.ahead(priority),
                slots=self.capacity,
                pace=self._pace,
                expected=self.expected_wait(priority),
                priority=priority,
            )
        )
        message = f"{self.name}: {full.why}"
        return Rejected(message, gate=self.gate, code="overloaded", retry_after=full.retry_after)

    def learn(self, end: End, cohort: Cohort, now: float) -> LimitChanged | None:
        """How a call ended that held a slot, and still does: the provider may bear fewer, or more. What has changed.

        What was let in before the last cut says nothing new of too much. Cancellations, our own refusals and timers,
        and other failures say nothing at all.
        """
        adaptive, error = self.adaptive, end.error
        if adaptive is None or (error is None and not self.cut):
            return None
        before = adaptive.limit
        why = _too_much(error)
        if why and cohort is self.cohort and adaptive.too_much(now):
            self.cohort = Cohort(self)
        elif error is not None or not adaptive.succeeded(self.used, now):
            return None
        changed = LimitChanged(self.name, before, adaptive.limit, self.used, why or "answered")
        self._bear(adaptive)
        return changed

    def resize(self, slots: int, now: float) -> None:
        """From now on so many at once, or fewer if the target bears fewer. Fewer takes effect as calls end."""
        self.capacity = slots
        if self.adaptive is not None:
            self.adaptive.resize(slots)
            self._bear(self.adaptive)
        self._hand_on(now)

    def _bear(self, adaptive: Adaptive) -> None:
        self.capacity = adaptive.limit
        self.cut = adaptive.limit < adaptive.most

    def _hand_on(self, now: float) -> None:
        while self.waiting and self.used < self.capacity:
            ticket = self._choose(now)
            self.waiting -= 1
            self.used += 1
            ticket.granted = True
            ticket.cohort = self.cohort
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


def _too_much(error: BaseException | None) -> str:
    """What the provider said of too much; empty if it did not."""
    if not isinstance(error, Failure):
        return ""
    if error.outcome == "throttled":
        return "throttled"
    return "overloaded" if error.overloaded else ""
