"""Where the permits of a guard are given out and taken back, one at a time, for any number of threads and loops.

    enter ──▶ limits ──▶ slots ──▶ breaker ──▶ None: it may be sent
                │          │          │
              a sleep   a ticket   Rejected                 what was held before it is settled by whoever asked
    settle, from anywhere ──▶ news ──▶ taken up by whoever has the lock, at once if nobody has

The layers' machines are made for one thread at a time. The desk's lock sees to that, and is held for their transitions
only: never while a function runs, sleeps, queues or is told. To settle never waits for the lock, since it may happen in
a destructor that the collector runs in the middle of a transition.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from outlast.flow.kept import Kept
from outlast.guard.machines import Held, Machines
from outlast.guard.order import Plan
from outlast.guard.till import Till, numbers_of
from outlast.layers.breaker import Breaker, Change, Override, Refusal
from outlast.layers.bulkhead import Full, Slots, Ticket
from outlast.layers.retry import Draw
from outlast.model.caller import NORMAL
from outlast.model.errors import Outcome, Rejected
from outlast.ports import Waiter

T = TypeVar("T")

News = tuple[Held, Outcome, float, bool, float]
"""How an attempt ended, on its way to the machines: what it held, its outcome, when, was it slow, a hint."""


class Desk:
    """The machines of all keys of one guard, and the lock over them.

    Args:
        plan: the guard's policies.
        name: what refusals call it.
        dice: gives a number in [0, 1).
        changed: is told of the circuits' transitions and the calls that brought them, without the lock.
    """

    __slots__ = (
        "__weakref__",
        "_changed",
        "_changes",
        "_dice",
        "_kept",
        "_lock",
        "_name",
        "_news",
        "_only",
        "_plan",
        "_rule",
        "_till",
    )

    def __init__(
        self, plan: Plan, name: str, dice: Callable[[], float], changed: Callable[[Change, str], None] | None
    ) -> None:
        self._plan = plan
        self._name = name
        self._dice = dice
        self._changed = changed
        self._lock = Lock()
        self._news: deque[News] = deque()
        self._changes: deque[tuple[Change, str]] = deque()
        self._kept: Kept[Machines] = Kept()
        self._only = Machines(plan, name)
        self._till = Till(plan, name)
        self._rule: tuple[Override, float] | None = None

    # -- machines ----------------------------------------------------------------------------------------------

    def machines(self, key: str | None, now: float) -> Machines:
        """Those of that key; None is the one key of a guard that has no `key=`."""
        if key is None:
            return self._only
        return self._kept.get(key) or self.locked(
            lambda: self._kept.get(key) or self._kept.put(key, self._new(now, key), now)
        )

    def _new(self, now: float, key: str) -> Machines:
        machines = Machines(self._plan, self._name, key)
        if machines.breaker is not None and self._rule is not None:
            override, until = self._rule
            machines.breaker.operate(override, now, until=until)
            machines.breaker.changes.clear()
        return machines

    def known(self) -> list[tuple[str | None, Machines]]:
        """All machines by key, those of None first. To be asked under the lock."""
        return [(None, self._only), *self._kept.items()]

    def locked(self, transition: Callable[[], T]) -> T:
        """What a transition gives, under the lock. It must be short, and call nothing of a user's."""
        with self._lock:
            result = transition()
        self._take_up()
        return result

    def operate(self, override: Override | None, now: float, until: float) -> None:
        """An operator's word, for every circuit that there is and will be."""

        def transition() -> None:
            self._rule = None if override is None else (override, until)
            for _, machines in self.known():
                if machines.breaker is not None:
                    machines.breaker.operate(override, now, until=until)
                    self._gather(machines.breaker, "")

        self.locked(transition)

    # -- giving out --------------------------------------------------------------------------------------------

    def pay(self, held: Held, now: float) -> float:
        """Charge a call to its limits: seconds to sleep first.

        Raises:
            Rejected: a limit said no. Nothing is charged.
        """
        with self._lock:
            self._still_kept(held)
            wait = self._till.charge(held, now)
            self._note(held)
        self._take_up()
        if isinstance(wait, Rejected):
            raise wait
        return wait

    def enter(self, held: Held, now: float, waiter: Callable[[], Waiter]) -> float | Ticket | None:
        """Go on as far as possible: seconds to sleep, a ticket to wait with, or None when all that is needed is held.

        To be called again after the wait.

        Raises:
            Rejected: a gate said no. What was held before it is to be settled, as after any failure.
        """
        with self._lock:
            self._still_kept(held)
            wait = self._advance(held, now, waiter)
            if wait is not None:
                self._note(held)
        if self._news or self._changes:
            self._take_up()
        if isinstance(wait, Rejected):
            raise wait
        return wait

    def _still_kept(self, held: Held) -> None:
        """Machines that were forgotten between being asked for and being used are kept again, or their successors."""
        key = held.machines.key
        if key is not None:
            held.machines = self._kept.setdefault(key, held.machines)

    def _note(self, held: Held) -> None:
        """Before others are charged: what this one may have to give back."""
        if held.paid is not None and held.numbers is None:
            held.numbers = numbers_of(held.paid)

    def _advance(self, held: Held, now: float, waiter: Callable[[], Waiter]) -> float | Ticket | Rejected | None:
        if held.paid is None and held.charges:
            wait = self._till.charge(held, now)
            if wait:
                return wait
        machines = held.machines
        if machines.slots is not None and held.slot is None:
            queued = self._queue(machines.slots, held, now, waiter)
            if queued is not None:
                return queued
        breaker = machines.breaker
        if breaker is None:
            return None
        if not breaker.free:
            return self._ask(breaker, held, now)
        breaker.let_through(held)
        held.admitted = True
        return None

    def _queue(self, slots: Slots, held: Held, now: float, waiter: Callable[[], Waiter]) -> Ticket | Rejected | None:
        """A slot: held at once, or by waiting with the ticket, or not at all."""
        ticket = held.ticket
        if ticket is None:
            if slots.take():
                held.slot = slots
                return None
            place = slots.enter(held.caller, NORMAL, now, held.deadline, waiter)
            if isinstance(place, Full):
                return self._full(place)
            held.ticket = place
            return place
        if not ticket.granted:
            why = ticket.shed or "no slot became free in time"
            return self._full(Full(why, max(1.0, slots.expected_wait(NORMAL))))
        held.slot = slots
        return None

    def _full(self, full: Full) -> Rejected:
        return Rejected(
            f"{self._name}: {full.why}; try again in {full.retry_after:.3g} s",
            gate="slots",
            code="overloaded",
            retry_after=full.retry_after,
        )

    def _ask(self, breaker: Breaker, held: Held, now: float) -> Rejected | None:
        """What a circuit says that is not closed."""
        refusal = breaker.admit(now, limit=held.lease_for, permit=held)
        self._gather(breaker, held.call)
        if not isinstance(refusal, Refusal):
            held.admitted = True
            return None
        hint = refusal.retry_after if refusal.retry_after < float("inf") else None
        more = "" if hint is None else f"; try again in {hint:.3g} s"
        return Rejected(f"{self._name}: {refusal.why}{more}", gate="breaker", code="circuit_open", retry_after=hint)

    # -- taking back -------------------------------------------------------------------------------------------

    def answered(self, held: Held, now: float, *, slow: bool) -> None:
        """The first item of a stream is there: a success, until it breaks."""
        breaker = held.machines.breaker
        if breaker is not None:
            with self._lock:
                breaker.answered(held, now, slow)
                self._gather(breaker, held.call)
            self._take_up()

    def settle(self, held: Held, outcome: Outcome, now: float, *, slow: bool = False, hint: float = 0.0) -> None:
        """It is over. Once is enough, more does no harm; from any thread, and from destructors. Never waits."""
        if held.over:
            return
        held.over = True
        self._news.append((held, outcome, now, slow, hint))
        self._take_up()

    def _take_up(self) -> None:
        """Whatever has come in, by whoever has the lock: if that is somebody else, he does it when he lets go."""
        news, lock = self._news, self._lock
        while news and lock.acquire(blocking=False):
            try:
                while news:
                    self._learn(*news.popleft())
            finally:
                lock.release()
        if self._changes:
            self._tell()

    def _learn(self, held: Held, outcome: Outcome, now: float, slow: bool, hint: float) -> None:
        machines = held.machines
        if machines.gone:
            return  # the permits of a process that this one was forked from are its own
        breaker = machines.breaker
        if breaker is not None and held.admitted:
            breaker.settle(held, outcome, now, slow=slow, hint=hint, dice=self._dice)
            if breaker.changes:
                self._gather(breaker, held.call)
        if held.ticket is not None:
            held.ticket.slots.leave(held.ticket, now)
        elif held.slot is not None:
            held.slot.free(now)
        if held.paid is not None:
            self._till.settle(held, held.paid, now, hint if outcome == "throttled" else 0.0)

    def _gather(self, breaker: Breaker, call: str) -> None:
        """Transitions that a call has brought, to be told when the lock is free."""
        if breaker.changes:
            changes = breaker.noted()
            if self._changed is not None:
                self._changes.extend((change, call) for change in changes)

    def _tell(self) -> None:
        while self._changed is not None and self._changes:
            try:
                change = self._changes.popleft()
            except IndexError:
                return  # another thread tells it
            self._changed(*change)

    def part(self, held: Held) -> Held | None:
        """The slot alone, to be settled apart from the rest; None where there is none."""

        def transition() -> Held | None:
            if held.over or (held.slot is None and held.ticket is None):
                return None
            slot, ticket = held.slot, held.ticket
            held.slot = held.ticket = None
            return Held(
                machines=held.machines, charges=(), deadline=held.deadline, lease_for=0.0, slot=slot, ticket=ticket
            )

        return self.locked(transition)

    # -- the retry budget --------------------------------------------------------------------------------------

    def deposit(self, machines: Machines, now: float) -> None:
        """A call was made."""
        if machines.budget is not None:
            with self._lock:
                machines.budget.deposit(now)
            self._take_up()

    def draw(self, machines: Machines, cost: float, now: float) -> Draw | None:
        """Leave to retry once; to be told of by `drawn`. None when the budget is spent."""
        budget = machines.budget
        return None if budget is None else self.locked(lambda: budget.withdraw(cost, now))

    def drawn(self, draw: Draw | None, now: float, *, sent: bool) -> None:
        """That retry is over; it is given back where nothing was sent."""
        if draw is not None:
            self.locked(draw.done if sent else lambda: draw.undo(now))

    # -- forks -------------------------------------------------------------------------------------------------

    def hold(self) -> bool:
        """Before a fork: let no other thread be in the middle of a transition. False when one does not come out."""
        return self._lock.acquire(timeout=1.0)

    def let_go(self) -> None:
        """After a fork, in the parent, where the lock is held."""
        self._lock.release()
        self._take_up()

    def begin_anew(self) -> None:
        """After a fork, in the child: what was learned stays, nothing is under way."""
        self._lock = Lock()
        self._news.clear()
        self._changes.clear()
        self._only = self._only.in_child()
        for key, machines in list(self._kept.items()):
            self._kept[key] = machines.in_child()
        self._till.begin_anew()
