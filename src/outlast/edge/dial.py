"""New connections: name, address, TCP, proxy and TLS, all before one deadline.

The work is a task of its own, so that the deadline can end it without touching the caller's task. What arrives after
the caller has left is closed.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Coroutine
from math import inf

from outlast.edge import tls
from outlast.edge.address import literal, refusal
from outlast.edge.bounds import Bounds
from outlast.edge.connection import Connection, Home
from outlast.edge.origin import Origin
from outlast.edge.proxy import tunnel
from outlast.edge.resolve import Found, Resolver, SocketAddress
from outlast.edge.sweeper import Sweeper
from outlast.model.errors import Connect, Failure, Rejected, TimedOut

NO_LIMIT = 3600.0
"""asyncio's own limit of the handshake, out of the way: the sweeper's counts."""
OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
"""What our own machine lacks: no provider is to blame for it."""
WHY = {
    errno.ECONNREFUSED: "refused the connection",
    errno.ECONNRESET: "reset the connection",
    errno.EPIPE: "closed the connection",
    errno.ENETUNREACH: "cannot be reached from this network",
    errno.EHOSTUNREACH: "cannot be reached",
    errno.ETIMEDOUT: "does not answer",
}


class Dial:
    """One connection in the making. Implements `Timed`."""

    __slots__ = ("_connection", "_failure", "_landed", "_task", "due")

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Coroutine[None, None, Connection]) -> None:
        self.due = inf
        self._connection: Connection | None = None
        self._failure: BaseException | None = None
        self._landed: asyncio.Future[None] = loop.create_future()
        self._task = loop.create_task(work)
        self._task.add_done_callback(self._land)

    async def connection(self) -> Connection:
        """The connection, once it stands. Raises `Connect`, `TimedOut`."""
        try:
            await self._landed
        except BaseException:
            self._leave()
            raise
        if self._connection is None:
            raise self._why()
        return self._connection

    def expire(self) -> None:
        """The deadline of the connection has passed."""
        self._failure = TimedOut("no connection within the limit", phase="connect")
        self._finish()
        self._task.cancel()

    def _why(self) -> BaseException:
        failure, self._failure = self._failure, None  # given out once: kept, it would be a cycle with its traceback
        return failure or Connect("the connection was not made")

    def _leave(self) -> None:
        """The caller has left: nothing may stay open."""
        self._finish()
        self._task.cancel()
        if self._connection is not None:
            self._connection.abort()

    def _land(self, task: asyncio.Task[Connection]) -> None:
        connection = None if task.cancelled() or task.exception() is not None else task.result()
        if self._landed.done():
            if connection is not None:
                connection.abort()
            return
        self._connection = connection
        self._failure = None if task.cancelled() else task.exception()
        self._finish()

    def _finish(self) -> None:
        self.due = inf
        if not self._landed.done():
            self._landed.set_result(None)


class Dialer:
    """Makes connections."""

    __slots__ = ("_bounds", "_loop", "_resolver", "_sweeper")

    def __init__(self, loop: asyncio.AbstractEventLoop, sweeper: Sweeper, resolver: Resolver, bounds: Bounds) -> None:
        self._loop = loop
        self._sweeper = sweeper
        self._resolver = resolver
        self._bounds = bounds

    async def connect(self, origin: Origin, home: Home, due: float) -> Connection:
        """A new connection to `origin`, which will live at `home`. Raises `Connect`, `TimedOut`, `Rejected`."""
        dial = Dial(self._loop, self._make(origin, home))
        self._sweeper.watch(dial, due)
        return await dial.connection()

    async def _make(self, origin: Origin, home: Home) -> Connection:
        try:
            return await self._open(origin, home)
        except Failure:
            raise
        except ssl.SSLError as error:
            raise tls.failure_of(error, origin.host) from None
        except (OSError, EOFError) as error:
            if _number(error) in OURS:
                raise Rejected("no more connections can be opened here", gate="descriptors", retry_after=1.0) from None
            raise Connect(f"{origin.host} {WHY.get(_number(error), 'cannot be connected to')}") from None

    async def _open(self, origin: Origin, home: Home) -> Connection:
        sock = await self._socket(origin)
        try:
            if origin.proxy is not None:
                await tunnel(self._loop, sock, origin, origin.proxy, self._bounds)
            connection = Connection(home, self._sweeper, self._bounds, self._loop, sock)
            opening = self._loop.create_task(self._loop.create_connection(lambda: connection, sock=sock))
        except BaseException:
            sock.close()
            raise
        transport = await _unbroken(opening, sock)
        if origin.secure:
            await self._secure(connection, transport, origin)
        return connection

    async def _secure(self, connection: Connection, bare: asyncio.Transport, origin: Origin) -> None:
        try:
            connection.unspoken()
            secured = await self._loop.start_tls(
                bare,
                connection,
                tls.context_for(origin.ca_file),
                server_hostname=origin.host.rstrip("."),
                ssl_handshake_timeout=NO_LIMIT,
            )
            connection.secured(_standing(secured))
        except BaseException:
            bare.abort()
            connection.connection_lost(None)  # within a handshake nobody else says so
            raise

    async def _socket(self, origin: Origin) -> socket.socket:
        way = origin.proxy or origin
        if origin.proxy is not None and literal(origin.host) and (reason := refusal(origin.host, origin.host)):
            raise Connect(reason, again="never")
        addresses = await self._resolver.addresses(way.host, way.port)
        if len(addresses) == 1:
            return await _connected(self._loop, *addresses[0])
        return await _first_connected(self._loop, addresses, self._bounds.stagger)


def _standing(transport: asyncio.Transport | None) -> asyncio.Transport:
    """The transport, unless it was lost within the handshake."""
    if transport is None:
        raise ConnectionResetError(errno.ECONNRESET, "closed within the handshake")
    return transport


async def _unbroken(
    opening: asyncio.Task[tuple[asyncio.Transport, Connection]], sock: socket.socket
) -> asyncio.Transport:
    """The transport. Opening one takes two turns and is not cut short: half-way nobody knows who owns the socket."""
    opening.add_done_callback(lambda task: _disown(task, sock))
    try:
        transport, _ = await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_abort_late)
        raise
    return transport


def _disown(opening: asyncio.Task[tuple[asyncio.Transport, Connection]], sock: socket.socket) -> None:
    """A transport of uvloop that is lost while it opens closes the descriptor, and leaves its number on the socket."""
    if opening.cancelled() or opening.exception() is not None:
        return
    transport = opening.result()[0]
    if transport.is_closing() and type(transport).__module__.startswith("uvloop"):
        sock.detach()


def _abort_late(opening: asyncio.Task[tuple[asyncio.Transport, Connection]]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[0].abort()


async def _connected(
    loop: asyncio.AbstractEventLoop, family: socket.AddressFamily, address: SocketAddress
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        await loop.sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


async def _first_connected(loop: asyncio.AbstractEventLoop, addresses: Found, stagger: float) -> socket.socket:
    """The first address that answers; each next one is tried when one has failed, or has been silent for a while."""
    waiting = list(addresses)
    trying: set[asyncio.Task[socket.socket]] = set()
    last: BaseException = OSError()
    try:
        while waiting or trying:
            if waiting:
                trying.add(loop.create_task(_connected(loop, *waiting.pop(0))))
            done, trying = await asyncio.wait(
                trying, timeout=stagger if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            sockets = [task.result() for task in done if task.exception() is None]
            for spare in sockets[1:]:
                spare.close()
            if sockets:
                return sockets[0]
            last = next((error for task in done if (error := task.exception())), last)
        raise last
    finally:
        del last
        for task in trying:
            task.add_done_callback(_close_late)
            task.cancel()


def _close_late(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


def _number(error: BaseException) -> int:
    return error.errno or 0 if isinstance(error, OSError) else 0
