"""Slots and their queue: how many calls may be under way at once, and who is next when one is free.

    five classes       critical, high, normal, low, batch: the best class goes first; but who has waited `age` seconds
                       counts as one class better, and every fourth slot goes to the oldest that by now counts as
                       the best, so that nobody waits for ever and a flood of batch work still delays nobody else
    inside a class     callers take turns, so that no caller starves another
    inside a caller    first come first served, until its oldest has waited longer than `target`; then newest first,
                       for the oldest will not make it anyway (CoDel's insight)

The releaser hands its slot to the chosen waiter; a waiter that was cancelled meanwhile passes it on. What cannot be
served before its deadline is shed at once, with the honest time after which it might.

Used twice: for the gateway's admission, and for each target, where retries and failovers run one class lower.

Sources: Google SRE ch. 21, failsafe-go's semaphore (hand-off), Netflix concurrency-limits, Nichols & Jacobson (CoDel).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

from outlast.flow.bounds import AboveZero, AtLeastOne
from outlast.flow.call import Call, Layer
from outlast.flow.gate import AtOnce, gates
from outlast.flow.kept import Kept
from outlast.flow.stream import End
from outlast.model.caller import PRIORITIES
from outlast.model.errors import Rejected
from outlast.model.events import Shed
from outlast.ports import Waiter


class SlotsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How many at once, and how many may wait for how long. Times in seconds."""

    enabled: bool = True
    slots: AtLeastOne = 64
    """Calls under way at once."""
    queue: int = 256
    """Calls that may wait."""
    wait: float = 2.0
    """None waits longer."""
    target: float = 0.5
    """A caller whose oldest call has waited longer is served newest first."""
    age: AboveZero = 0.4
    """Who has waited so long counts as one class better, twice as long as two, and so on."""


GATEWAY = SlotsConfig(slots=1024, queue=1000, wait=10.0, target=2.0, age=2.0)
"""Admission's defaults."""

SURE_AFTER = 5
"""So many releases tell how fast a queue moves; fewer may be luck, and nobody is sent away for bad luck."""

AGED_EVERY = 4
"""Of so many slots that are handed on, one goes to a call whose class has improved by waiting, if there is one."""


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

    def settle(self, call: Call, end: End, now: float) -> None:  # noqa: ARG002
        """Hand the slot on, or leave the queue."""
        self.slots.leave(self, now)


class Full(Struct, frozen=True):
    """No place: why, and for how many seconds."""

    why: str
    retry_after: float


Waiting = OrderedDict[Ticket, None]
"""Waiting calls in the order in which they came; any of them can be taken out at once."""


class Line:
    """The waiting calls of one class: callers take turns."""

    __slots__ = ("all", "callers")

    def __init__(self) -> None:
        self.all: Waiting = OrderedDict()
        self.callers: OrderedDict[str, Waiting] = OrderedDict()

    def __len__(self) -> int:
        return len(self.all)

    def add(self, ticket: Ticket) -> None:
        """Behind the caller's others; a caller that had none waits for its turn."""
        own = self.callers.get(ticket.caller)
        if own is None:
            own = self.callers[ticket.caller] = OrderedDict()
        own[ticket] = self.all[ticket] = None

    def remove(self, ticket: Ticket) -> None:
        """Out of the line, wherever it stands."""
        del self.all[ticket]
        own = self.callers[ticket.caller]
        del own[ticket]
        if not own:
            del self.callers[ticket.caller]

    def next(self, now: float, target: float) -> Ticket:
        """The next call of the caller whose turn it is. The line must not be empty."""
        caller, own = next(iter(self.callers.items()))
        ticket = next(iter(own))
        if now - ticket.since > target:
            ticket = next(reversed(own))
        self.remove(ticket)
        if own:
            self.callers.move_to_end(caller)
        return ticket

    def oldest(self) -> Ticket:
        """Who came first. The line must not be empty."""
        return next(iter(self.all))

    def newest(self) -> Ticket:
        """Who came last. The line must not be empty."""
        return next(reversed(self.all))


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


class Bulkhead:
    """The slots of every target, or of the gateway as a whole."""

    __slots__ = ("_lowers", "_name_of", "_slots", "config", "name")

    def __init__(self, config: SlotsConfig, name: str, name_of: Callable[[Call], str], *, lowers: bool = False) -> None:
        self.config = config
        self.name = name
        self._name_of = name_of
        self._lowers = lowers
        self._slots: Kept[Slots] = Kept()

    def of(self, name: str, now: float = 0.0) -> Slots:
        """The slots of that name."""
        return self._slots.get(name) or self._slots.put(name, Slots(self.config, self.name, name), now)

    def waiting(self) -> int:
        """How many calls wait, over all."""
        return sum(slots.waiting for slots in self._slots.values())

    def admit(self, call: Call, now: float) -> Slots | Ticket | Rejected:
        """The gate: a slot, or a place in the queue."""
        slots = self.of(self._name_of(call), now)
        if slots.take():
            return slots
        priority = call.priority
        if self._lowers and call.story.made > call.earlier:
            priority = min(priority + 1, len(PRIORITIES) - 1)
        ticket = slots.enter(call.caller.name, priority, now, call.deadline, call.io.waiter)
        return slots.refusal(call, ticket) if isinstance(ticket, Full) else ticket

    def layer(self) -> Layer:
        """Hold a slot for as long as the call is under way, its stream included."""
        return gates(self.admit)
