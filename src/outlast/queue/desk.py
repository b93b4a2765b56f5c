"""Where work is handed in, on one event loop or from any thread, and where one waits for its end.

    submit ──▶ Counter, who is next ──▶ Crew, who does it ──▶ Ticket

`AsyncQueue` and `Queue` are this, with ways to wait that suit code with and without an event loop.
"""

from __future__ import annotations

import asyncio
import atexit
import warnings
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from functools import partial
from math import inf
from typing import Any, TypeVar, TypeVarTuple, Unpack, overload
from weakref import WeakSet

from outlast.edge.deadline import forget
from outlast.edge.io import AsyncIo
from outlast.edge.loops import running_loop
from outlast.edge.process import Process
from outlast.flow.bounds import checked
from outlast.layers.bulkhead import Full
from outlast.model.caller import PRIORITIES, Priority
from outlast.model.errors import Rejected
from outlast.model.events import Shed
from outlast.ports import Io, Sink
from outlast.queue.counter import Counter, QueueConfig
from outlast.queue.crew import Crew
from outlast.queue.standing import Leftover, QueueState
from outlast.queue.ticket import Ticket
from outlast.queue.work import Callback, Work, check

T = TypeVar("T")
Args = TypeVarTuple("Args")

LAST_TURN = 1.0
"""Seconds that cancelled coroutines have to clean up when the queue stops."""

_inside: ContextVar[Desk | None] = ContextVar("outlast_queue", default=None)


_desks: WeakSet[Desk] = WeakSet()


class Desk:
    """Takes work in, and has it done.

    Args:
        concurrency: pieces of work under way at once, their callbacks included.
        rpm: pieces of work that begin in a minute, over all workers; None for no such limit.
        burst: so many may begin at once after a rest; ten seconds' worth of `rpm`, and at least 1, when left out.
        size: pieces of work that may wait; what comes on top is refused.
        expires: seconds after which what has not begun is refused; None for never.
        age: who has waited so many seconds counts as one class better, so that nobody waits for ever.
        name: what events and errors call it.
        sinks: who hears of what was refused (`Shed`), and of callbacks that raised (`Fault`).
        io: the world; the real one unless a test brings its own.

    Raises:
        ValueError: a number is out of bounds; says which, and what it may be.
    """

    def __init__(
        self,
        *,
        concurrency: int = 5,
        rpm: float | None = None,
        burst: int | None = None,
        size: int = 1_000,
        expires: float | None = None,
        age: float = 2.0,
        name: str = "queue",
        sinks: Iterable[Sink] = (),
        io: Io | None = None,
    ) -> None:
        config = QueueConfig(concurrency=concurrency, rpm=rpm, burst=burst, size=size, expires=expires, age=age)
        config = checked(type(self).__name__, config)
        self.name = name
        self._io: Io = io or AsyncIo(sinks)
        self._counter = Counter(config, name)
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix=name)
        self._crew = Crew(name, self._io, self._counter, self._threads, self._calls_back, self._over)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = Process.pid
        self._accepted = self._refused = self._draining = 0
        self._stopped = False
        self._given_back: tuple[Ticket[Any], ...] = ()
        self._waiters: set[asyncio.Future[None]] = set()
        _desks.add(self)

    # -- for everybody -----------------------------------------------------------------------------------------

    @overload
    def submit(
        self,
        priority: Priority,
        fn: Callable[[Unpack[Args]], Coroutine[Any, Any, T]],
        *args: *Args,
        callback: Callback | None = None,
        caller: str = "",
        timeout: float | None = None,
    ) -> Ticket[T]: ...

    @overload
    def submit(
        self,
        priority: Priority,
        fn: Callable[[Unpack[Args]], T],
        *args: *Args,
        callback: Callback | None = None,
        caller: str = "",
        timeout: float | None = None,
    ) -> Ticket[T]: ...

    def submit(
        self,
        priority: Priority,
        fn: Callable[..., object],
        *args: object,
        callback: Callback | None = None,
        caller: str = "",
        timeout: float | None = None,
    ) -> Ticket[Any]:
        """Hand in work. Never waits; any thread may.

        Args:
            priority: critical, high, normal, low or batch; the best class goes first.
            fn: a coroutine function runs on the queue's loop, any other function in a thread.
            args: what it is called with; use `functools.partial` for arguments by name.
            callback: told the ticket, once, when it is over in whatever way; before the next piece of work begins.
            caller: whom it is for; callers take turns inside a class.
            timeout: seconds for waiting and working together. What has not begun by then is refused, a coroutine that
                runs is cancelled and fails with `TimedOut`; a plain function cannot be interrupted, and can ask
                `outlast.time_left()`.

        Raises:
            Rejected: the queue is full, stops, or could not begin it in time; `retry_after` says when it might.
            TypeError: `fn` is nothing that can be called later.
            ValueError: there is no such class.
        """
        check(fn, callback)
        if priority not in PRIORITIES:
            raise ValueError(f"priority must be one of {', '.join(PRIORITIES)}, not {priority!r}")
        context = copy_context()
        context.run(forget)  # whoever hands it in may be in a hurry, and leave before it is done
        context.run(_inside.set, self)

        def accept() -> Ticket[Any]:
            now = self._io.now()
            at = inf if timeout is None else now + timeout
            ticket: Ticket[Any] = Ticket(
                self._accepted + 1, PRIORITIES.index(priority), caller, (fn, args), self._take_back
            )
            return self._accept(Work(ticket, callback, context, (now, at), (self._crew.begin, self._crew.expire)))

        return self._at_home(accept)

    @property
    def state(self) -> QueueState:
        """What there is to do, and what has become of the rest."""
        loop = self._loop
        return self._at_home(self._state) if loop is not None and loop.is_running() else self._state()

    # -- at home -----------------------------------------------------------------------------------------------

    def _home(self) -> asyncio.AbstractEventLoop:
        """The loop that all of this happens on."""
        raise NotImplementedError

    def _at_home(self, do: Callable[[], T]) -> T:
        """What `do` gives, on our loop."""
        self._check_process()
        loop = self._home()
        if running_loop() is loop:
            return do()
        answer: Future[T] = Future()
        loop.call_soon_threadsafe(_answer, answer, do)
        return answer.result()

    async def _calls_back(self, callback: Callback, ticket: Ticket[Any]) -> None:
        """Call it where such functions are called."""
        raise NotImplementedError

    def _accept(self, work: Work) -> Ticket[Any]:
        ticket, now, config = work.ticket, work.since, self._counter.config
        if self._stopped or self._draining:
            raise self._refusal("the queue has stopped" if self._stopped else "the queue is being drained", None)
        due = work.at if config.expires is None else min(work.at, now + config.expires)
        place = self._counter.hand_in(ticket.caller, PRIORITIES.index(ticket.priority), now, due, lambda: work)
        if isinstance(place, Full):
            raise self._refusal(place.why, place.retry_after)
        work.place = place
        self._accepted = ticket.number
        self._crew.take(work, due)
        return ticket

    def _refusal(self, why: str, retry_after: float | None) -> Rejected:
        self._refused += 1
        if retry_after is not None:
            self._io.emit(Shed("", self.name, why, retry_after))
        code = "stopping" if retry_after is None else "overloaded"
        return Rejected(f"{self.name}: {why}", gate="queue", code=code, retry_after=retry_after)

    def _take_back(self, number: int) -> bool:
        """The owner of a ticket does not want it any more."""
        return self._at_home(partial(self._crew.cancel, number))

    # -- beginning and end -------------------------------------------------------------------------------------

    def _start(self) -> None:
        if self._stopped:
            raise RuntimeError(f"the queue {self.name} has stopped: make a new one")
        self._crew.working = True
        self._crew.go()

    async def _drain(self, timeout: float | None) -> bool:  # noqa: ASYNC109  (it is bounded, not cancelled)
        self._check_place()
        if self._crew.works and not (self._crew.working or self._stopped):
            raise RuntimeError(f"the queue {self.name} has not been started: start() it, or nothing will be done")
        self._draining += 1
        try:
            return await self._emptied(timeout)
        finally:
            self._draining -= 1

    async def _stop(self, timeout: float | None) -> Leftover:  # noqa: ASYNC109  (as above)
        self._check_place()
        if not self._stopped:
            self._stopped = True
            self._given_back = self._crew.give_back()
        if not await self._emptied(timeout) and self._crew.interrupt():
            await self._emptied(LAST_TURN)
        works = self._crew.works.values()
        if not works:
            self._threads.shutdown(wait=False)
        return Leftover(self._given_back, tuple(work.ticket for work in works))

    async def _emptied(self, timeout: float | None) -> bool:  # noqa: ASYNC109  (as above)
        """True when everything is over, False when that has not come about in so many seconds."""
        if not self._crew.works:
            return True
        empty = asyncio.get_running_loop().create_future()
        self._waiters.add(empty)
        try:
            async with asyncio.timeout(timeout):
                await empty
        except TimeoutError:
            return False
        finally:
            self._waiters.discard(empty)
        return True

    def _over(self) -> None:
        """Nothing is left to be done."""
        if self._stopped:
            self._threads.shutdown(wait=False)
        for empty in self._waiters:
            if not empty.done():
                empty.set_result(None)

    def _check_process(self) -> None:
        if Process.pid != self._pid:
            raise RuntimeError(f"the queue {self.name} belongs to the process that made it: make one after the fork")

    def _check_place(self) -> None:
        """Whoever waits for the end must be able to."""
        self._check_process()
        if running_loop() is not self._home():
            raise RuntimeError(f"the queue {self.name} works on the event loop that used it first: wait for it there")
        if _inside.get() is self:
            raise RuntimeError(f"work of the queue {self.name} cannot wait for the end of all work: that includes it")

    @property
    def abandoned(self) -> int:
        """How much work nobody will do or hear of, should the process end now."""
        return 0 if self._stopped or Process.pid != self._pid else len(self._crew.works)

    def _state(self) -> QueueState:
        waiting: dict[Priority, int] = dict.fromkeys(PRIORITIES, 0)
        running = 0
        for work in self._crew.works.values():
            if work.ticket.state == "waiting":
                waiting[work.ticket.priority] += 1
            running += work.ticket.state == "running"
        ended = self._crew.ended
        return QueueState(
            submitted=self._accepted + self._refused,
            waiting=waiting,
            running=running,
            done=ended["done"],
            failed=ended["failed"],
            cancelled=ended["cancelled"],
            rejected=ended["rejected"] + self._refused,
            given_back=ended["given back"],
        )


def _answer(answer: Future[T], do: Callable[[], T]) -> None:
    try:
        answer.set_result(do())
    except BaseException as error:  # noqa: BLE001  (it belongs to whoever asked)
        answer.set_exception(error)


def _last_words() -> None:
    """At the end of the process: nothing is lost without a word."""
    for desk in list(_desks):
        if desk.abandoned:
            warnings.warn(
                f"the queue {desk.name} was neither drained nor stopped, and {desk.abandoned} pieces of work are lost: "
                "use it in a with block",
                RuntimeWarning,
                stacklevel=1,
            )


atexit.register(_last_words)
