"""Connections that wait for work, one shelf per origin, last in first out. There is no queue: who finds none dials.

How many connections there may be is for the bulkhead to say. A kept connection may have been closed by its peer just
as we write: if it then says nothing at all, the request is sent once more on a fresh one, unseen by the caller.
"""

from __future__ import annotations

import asyncio
from math import inf

from outlast.edge.bounds import Bounds
from outlast.edge.connection import Connection
from outlast.edge.dial import Dialer
from outlast.edge.exchange import HttpExchange
from outlast.edge.feeding import Feeding
from outlast.edge.origin import Origin
from outlast.edge.request import time_left, with_line
from outlast.edge.stage import Stage
from outlast.edge.sweeper import Sweeper
from outlast.model.errors import Connect
from outlast.model.forwarding import Feed
from outlast.ports import Outgoing

IDLE = Stage.IDLE
TURNS_TO_CLOSE = 100


class Shelf:
    """The connections of one origin. Implements `Home`."""

    __slots__ = ("_idle", "_pool", "origin")

    def __init__(self, origin: Origin, pool: Pool) -> None:
        self.origin = origin
        self._pool = pool
        self._idle: dict[Connection, None] = {}

    def take(self) -> Connection | None:
        """The connection that was put here last and still stands; None if there is none.

        One whose time is over is closed, even if nobody had a turn to notice: a process may have been frozen for hours.
        """
        while self._idle:
            connection, _ = self._idle.popitem()
            if connection.stage is IDLE:
                if connection.due > self._pool.sweeper.now():
                    return connection
                connection.abort()
        return None

    def opened(self, connection: Connection) -> None:
        """There is one more."""
        self._pool.open.add(connection)
        if self._pool.closed:
            connection.abort()

    def put(self, connection: Connection, seconds: float) -> None:
        """Keep it for so many seconds, unless there are enough."""
        pool = self._pool
        if len(self._idle) >= pool.bounds.kept or pool.closed:
            connection.abort()
            return
        self._idle[connection] = None
        pool.sweeper.watch(connection, pool.sweeper.now() + seconds)

    def closed(self, connection: Connection) -> None:
        """It is gone."""
        self._idle.pop(connection, None)
        self._pool.open.discard(connection)


class Pool:
    """All connections of one loop.

    Attributes:
        open: every connection that stands, idle or not.
        closed: nothing is kept any more; what is being connected just now is closed on arrival.
    """

    __slots__ = ("_dialer", "_shelves", "bounds", "closed", "open", "sweeper")

    def __init__(self, sweeper: Sweeper, dialer: Dialer, bounds: Bounds) -> None:
        self.sweeper = sweeper
        self.bounds = bounds
        self.open: set[Connection] = set()
        self.closed = False
        self._dialer = dialer
        self._shelves: dict[Origin, Shelf] = {}

    def __len__(self) -> int:
        """Open connections, idle or not."""
        return len(self.open)

    def shelf(self, origin: Origin) -> Shelf:
        """Where the connections of `origin` are."""
        shelf = self._shelves.get(origin)
        if shelf is None:
            shelf = self._shelves[origin] = Shelf(origin, self)
        return shelf

    async def send(self, shelf: Shelf, head: bytes, outgoing: Outgoing, connect_due: float, due: float) -> HttpExchange:
        """The answer, once its head is in, or where it is wanted whole its end or much of it.

        Raises `Connect`, `TimedOut`, `BadResponse`; then, or when cancelled, nothing is open.
        """
        if outgoing.feed is not None:
            return await self._upload(shelf, head, outgoing, outgoing.feed, connect_due, due)
        connection = shelf.take()
        while True:
            fresh = connection is None
            if connection is None:
                connection = await self._dialer.connect(shelf.origin, shelf, connect_due)
            try:
                await connection.ask(self._timed(head, outgoing, due), outgoing.body, due, patient=outgoing.whole)
                if not connection.status:
                    connection.raise_failure()
                return HttpExchange(connection, self.bounds)
            except BaseException as error:
                connection.abort()
                if fresh or not isinstance(error, Connect) or self.sweeper.now() >= connect_due:
                    raise
            connection = None

    async def _upload(
        self, shelf: Shelf, head: bytes, outgoing: Outgoing, feed: Feed, connect_due: float, due: float
    ) -> HttpExchange:
        """The same for a body that is still on its way: on a connection of its own, since it may not come twice."""
        connection = await self._dialer.connect(shelf.origin, shelf, connect_due)
        feeding = Feeding(connection, feed, self.sweeper, progress=outgoing.progress, patience=due - self.sweeper.now())
        writing: asyncio.Task[None] | None = None
        try:
            answered = connection.ask(self._timed(head, outgoing, due), b"", inf)
            connection.feed(feeding)
            writing = asyncio.get_running_loop().create_task(feeding.run())
            await answered
            if not connection.status:
                connection.raise_failure()
            connection.forgo()
            return HttpExchange(connection, self.bounds)
        except BaseException:
            connection.abort()
            raise
        finally:
            if writing is not None:
                writing.cancel()

    def _timed(self, head: bytes, outgoing: Outgoing, due: float) -> bytes:
        """The head as it goes out now: to connect may have taken a while."""
        name = outgoing.deadline_header
        return with_line(head, time_left(name, due - self.sweeper.now())) if name else head

    async def aclose(self) -> None:
        """Close every connection, and give the transports the turns that they need to say goodbye to the loop."""
        self.closed = True
        for connection in list(self.open):
            connection.abort()
        for _ in range(TURNS_TO_CLOSE):
            if not self.open:
                return
            await asyncio.sleep(0)
