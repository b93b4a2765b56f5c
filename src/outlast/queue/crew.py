"""Has the work done that is accepted, and tells its owners how it ended.

accepted ──▶ its turn ──▶ a task: the work, then its callback ──▶ the slot is given back ──▶ next
└──▶ taken back, too late, or the queue stops ──▶ dropped: the callback alone
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import partial
from math import inf
from typing import Any

from outlast.edge.deadline import enter, forget
from outlast.flow.faults import told
from outlast.model.errors import Rejected, TimedOut
from outlast.model.events import Fault, Shed
from outlast.ports import Io
from outlast.queue.counter import Counter
from outlast.queue.standing import Alarm
from outlast.queue.ticket import ENDS, State, Ticket
from outlast.queue.work import Callback, Work, called, on_loop

CallsBack = Callable[[Callback, Ticket[Any]], Awaitable[None]]


class Crew:
    """The workers. Everything happens on the loop that it is used on.

    Args:
        name: what events and errors call the queue.
        io: the world.
        counter: says who is next.
        threads: where plain functions run.
        calls_back: calls a callback where such functions are called.
        empty: called when there is nothing left to do.

    Attributes:
        works: what is accepted and not over, callbacks included, by number.
        ended: how much has ended in each way.
        working: is work begun at all?
    """

    __slots__ = ("_alarm", "_calls_back", "_counter", "_empty", "_io", "_name", "_threads", "ended", "working", "works")

    def __init__(
        self, name: str, io: Io, counter: Counter, threads: Executor, calls_back: CallsBack, empty: Callable[[], None]
    ) -> None:
        self._name = name
        self._io = io
        self._counter = counter
        self._threads = threads
        self._calls_back = calls_back
        self._empty = empty
        self._alarm = Alarm(self.go)
        self.works: dict[int, Work] = {}
        self.ended: dict[State, int] = dict.fromkeys(ENDS, 0)
        self.working = False

    def go(self) -> None:
        """Begin what may begin now, and look again when the rate allows more."""
        if not self.working:
            return
        now = self._io.now()
        wait = self._counter.next(now)
        self._io.watch(self._alarm, inf if wait is None else now + wait)

    def take(self, work: Work, due: float) -> None:
        """See to it that this is done; it is dropped if it has not begun by `due`."""
        self.works[work.ticket.number] = work
        self._io.watch(work, due)
        self.go()

    # -- doing it ----------------------------------------------------------------------------------------------

    def begin(self, work: Work) -> None:
        """It is its turn."""
        work.ticket.begin(self._io.now() - work.since)
        self._io.watch(work, work.at)
        if work.at < inf:
            work.context.run(enter, work.at, self._io.now)
        name = f"{self._name} {work.ticket.number}"
        work.task = asyncio.get_running_loop().create_task(self._run(work), name=name, context=work.context)
        work.task.add_done_callback(partial(self._left, work))

    async def _run(self, work: Work) -> None:
        ticket = work.ticket
        try:
            result = await called(ticket.fn, ticket.args, self._threads)
        except BaseException as error:
            self._broke(work, error)
            if isinstance(error, (KeyboardInterrupt, SystemExit)) and on_loop(ticket.fn):
                raise
        else:
            self._end(work, "done", result)
        await self._call_back(work)

    def _broke(self, work: Work, error: BaseException) -> None:
        """It did not end well."""
        task = asyncio.current_task()
        if work.why and task is not None:
            task.uncancel()
        if isinstance(error, asyncio.CancelledError):
            self._interrupted(work)
        else:
            self._end(work, "failed", error=error)

    def _interrupted(self, work: Work) -> None:
        if work.why == "too late":
            self._end(work, "failed", error=TimedOut(f"{self._name}: the work took longer than its timeout"))
        else:
            self._end(work, "cancelled")

    def _left(self, work: Work, task: asyncio.Task[None]) -> None:
        """The task is over: the slot goes to who is next."""
        if not task.cancelled():
            task.exception()  # if there is one, the loop has been told
        self._counter.leave(work.place, self._io.now())
        if work.ticket.over:
            self._forget(work)
        else:  # cancelled before its first step
            self._interrupted(work)
            self._tell(work)
        self.go()

    # -- not doing it ------------------------------------------------------------------------------------------

    def drop(self, work: Work, state: State, error: BaseException | None = None) -> None:
        """It will not begin."""
        now = self._io.now()
        self._counter.leave(work.place, now)
        work.ticket.waited = now - work.since
        self._end(work, state, error=error)
        self._tell(work)

    def cancel(self, number: int) -> bool:
        """The owner does not want it any more: is that of any effect?"""
        work = self.works.get(number)
        if work is None:
            return False
        if work.ticket.state != "waiting":
            return work.interrupt("cancelled")
        self.drop(work, "cancelled")
        return True

    def expire(self, work: Work) -> None:
        """Its time is over."""
        if work.ticket.state != "waiting":
            work.interrupt("too late")
            return
        why, wait = "it did not begin in time", self._counter.room_in(self._io.now())
        self._io.emit(Shed("", self._name, why, wait))
        late = Rejected(f"{self._name}: {why}", gate="queue", code="overloaded", retry_after=wait)
        self.drop(work, "rejected", late)

    def give_back(self) -> tuple[Ticket[Any], ...]:
        """Begin nothing any more; what has not begun goes back to its owners."""
        self.working = False
        self._io.watch(self._alarm, inf)
        waiting = [work for work in self.works.values() if work.ticket.state == "waiting"]
        why = f"{self._name}: the queue stopped before the work began"
        for work in waiting:
            self.drop(work, "given back", Rejected(why, gate="queue", code="stopping"))
        return tuple(work.ticket for work in waiting)

    def interrupt(self) -> bool:
        """Cancel what runs: is there anything that can be?"""
        return any([work.interrupt("stopping") for work in list(self.works.values())])  # noqa: C419  (all of them)

    # -- telling -----------------------------------------------------------------------------------------------

    def _end(self, work: Work, state: State, result: object = None, error: BaseException | None = None) -> None:
        self._io.watch(work, inf)
        self.ended[state] += 1
        work.ticket.end(state, result, error)

    def _tell(self, work: Work) -> None:
        """Call back for work that has no task."""
        if work.callback is None:
            self._forget(work)
            return
        task = asyncio.get_running_loop().create_task(self._call_back(work), context=work.context)
        task.add_done_callback(lambda _: self._forget(work))

    async def _call_back(self, work: Work) -> None:
        if work.callback is None:
            return
        forget()
        try:
            await self._calls_back(work.callback, work.ticket)
        except (Exception, SystemExit) as error:  # noqa: BLE001  (it must spoil neither the work nor the worker)
            self._io.emit(Fault(f"{self._name}: callback", told(error)))

    def _forget(self, work: Work) -> None:
        """Nothing is left to be done about it."""
        del self.works[work.ticket.number]
        if not self.works:
            self._empty()
