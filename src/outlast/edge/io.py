"""The real `Io`: the system's clock and dice, asyncio's loop, our own HTTP client, and the sinks."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Iterable
from threading import get_ident
from typing import Any, TypeVar

from outlast.edge.beside import Beside
from outlast.edge.bounds import Bounds
from outlast.edge.dial import Dialer
from outlast.edge.ears import Ears
from outlast.edge.exchange import HttpExchange
from outlast.edge.loops import running_loop
from outlast.edge.pool import Pool, Shelf
from outlast.edge.process import Process
from outlast.edge.race import TaskRace
from outlast.edge.request import Prepared
from outlast.edge.resolve import Lookup, Resolver, system_lookup
from outlast.edge.sweeper import Sweeper
from outlast.edge.waiting import Wait
from outlast.model.events import Event, LoopBlocked
from outlast.model.target import Provider, Target
from outlast.ports import Outgoing, Sink, Timed

T = TypeVar("T")

MOST_PROVIDERS = 1024
ELSEWHERE = (
    "AsyncIo works on the loop that used it first: call it from a coroutine there, or make one AsyncIo for each loop"
)


class Moorings:
    """What belongs to one loop in one process."""

    __slots__ = ("beside", "loop", "pid", "pool", "sweeper", "thread")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        bounds: Bounds,
        lookup: Lookup,
        blocked: Callable[[float], None],
        emit: Callable[[Event], None],
    ) -> None:
        self.loop = loop
        self.beside = Beside(loop, emit)
        self.pid = Process.pid
        self.thread = get_ident()
        self.sweeper = Sweeper(time.monotonic, loop.call_later, blocked)
        self.pool = Pool(self.sweeper, Dialer(loop, self.sweeper, Resolver(loop, lookup), bounds), bounds)


class AsyncIo:
    """The clock, the dice, the network and the ear of the outside world, on one event loop. Implements `Io`.

    Bound to the loop that uses it first. After a fork, or when that loop is closed, it begins anew on the next one.

    Args:
        sinks: who hears of every event, in this order.
        gather: tell them at the end of the loop's turn, many events at a time, which costs a busy process less.
        bounds: what is taken from a peer.
        lookup: blocking name lookup; the system's unless a test brings its own.

    Attributes:
        emit: tells the sinks. A sink that raises is counted, and the others are told of that too.
    """

    __slots__ = ("_bounds", "_closed", "_ears", "_lookup", "_moorings", "_orphans", "_prepared", "emit")

    now = staticmethod(time.monotonic)
    random = staticmethod(random.random)

    def __init__(
        self,
        sinks: Iterable[Sink] = (),
        *,
        gather: bool = False,
        bounds: Bounds | None = None,
        lookup: Lookup = system_lookup,
    ) -> None:
        self._ears = Ears(sinks)
        self.emit: Callable[[Event], None] = self._ears.gather if gather else self._ears.tell
        self._bounds = bounds or Bounds()
        self._lookup = lookup
        self._moorings: Moorings | None = None
        self._orphans: list[Moorings] = []
        self._prepared: dict[int, tuple[Prepared, Shelf]] = {}
        self._closed = False

    @property
    def sink_faults(self) -> int:
        """How often a sink has raised."""
        return self._ears.faults

    async def sleep(self, seconds: float) -> None:
        """Wait at least so long, by the monotonic clock."""
        await self.waiter().wait(self.now() + seconds)

    def watch(self, timed: Timed, due: float) -> None:
        """Arm, move or (with infinity) disarm the one deadline of `timed`."""
        self._here().sweeper.watch(timed, due)

    def on_loop(self, callback: Callable[[], None]) -> None:
        """Call it on the loop's own thread: at once when that is where we are, never once the loop is gone."""
        here = self._moorings
        if here is None or here.pid != Process.pid or here.loop.is_closed():
            return
        if here.loop is running_loop():
            callback()
        else:
            here.loop.call_soon_threadsafe(callback)

    def waiter(self) -> Wait:
        """A new place to wait."""
        here = self._here()
        return Wait(here.loop, here.sweeper)

    def race(self, decides: Callable[[BaseException], bool], late: Callable[[T], None]) -> TaskRace[T]:
        """A new race, of tasks on this loop."""
        return TaskRace(self._here().loop, decides, late)

    def begin(self, work: Coroutine[object, object, None]) -> asyncio.Task[None] | None:
        """Have it done beside the requests, in a task that ends when this is closed; None where that is too much."""
        return self._here().beside.begin(work)

    def send(
        self, target: Target, outgoing: Outgoing, connect_due: float, due: float
    ) -> Coroutine[Any, Any, HttpExchange]:
        """Send, and return when the head of the answer is in. The coroutine is the pool's: one level less to resume.

        Raises:
            Connect: no connection, or it was closed before a byte of an answer.
            TimedOut: `connect_due` or `due` has passed; `phase` is "connect" or "head".
            BadResponse: what came is not HTTP/1.1, or not within bounds.
            ValueError: the provider's configuration cannot be sent; `request.check` tells that beforehand.
        """
        here = self._here()
        prepared, shelf = self._prepared.get(id(target.provider)) or self._prepare(here, target.provider)
        head = prepared.head(outgoing)
        return here.pool.send(shelf, head, outgoing, connect_due, due)

    async def aclose(self) -> None:
        """Close all connections; afterwards nothing can be sent."""
        self._closed = True
        self._ears.tell_gathered()
        self.emit = self._ears.tell
        here, self._moorings = self._moorings, None
        self._prepared.clear()
        if here is None or here.pid != Process.pid or here.loop.is_closed():
            return
        if here.loop is not asyncio.get_running_loop():
            self._moorings = here
            raise RuntimeError(ELSEWHERE)
        await here.beside.aclose()
        await here.pool.aclose()
        here.sweeper.close()

    @property
    def connections(self) -> int:
        """Open connections, idle or not."""
        return 0 if self._moorings is None else len(self._moorings.pool)

    def _here(self) -> Moorings:
        """Our moorings. To ask for the running loop is a system call; that ours runs in this thread says as much."""
        here = self._moorings
        if here is not None and here.thread == get_ident() and here.pid == Process.pid and here.loop.is_running():
            return here
        return self._moor(here)

    def _moor(self, before: Moorings | None) -> Moorings:
        loop = running_loop()
        if self._closed:
            raise RuntimeError("AsyncIo is closed: make a new one")
        if loop is None:
            raise RuntimeError(ELSEWHERE)
        if before is not None:
            if before.pid == Process.pid and before.loop is loop:
                before.thread = get_ident()  # a loop may run in one thread after the other
                return before
            if before.pid == Process.pid and not before.loop.is_closed():
                raise RuntimeError(ELSEWHERE)
            if before.pid != Process.pid:
                self._orphans.append(before)  # a parent's sockets must not be touched, not even by a destructor
        self._prepared.clear()
        self._moorings = here = Moorings(loop, self._bounds, self._lookup, self._blocked, self._tell)
        return here

    def _tell(self, event: Event) -> None:
        self.emit(event)

    def _blocked(self, seconds: float) -> None:
        self.emit(LoopBlocked(seconds))

    def _prepare(self, here: Moorings, provider: Provider) -> tuple[Prepared, Shelf]:
        """Keyed by identity, since a provider holds a dict; the entry keeps the provider, so that ids stay true."""
        if len(self._prepared) >= MOST_PROVIDERS:
            self._prepared.clear()
        prepared = Prepared(provider)
        entry = self._prepared[id(provider)] = (prepared, here.pool.shelf(prepared.origin))
        return entry
