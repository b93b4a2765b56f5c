"""One accepted connection of a simulated provider: requests in, steps out, and no byte that a step did not ask for.

Written over asyncio's protocols, since only they give what faults need: resets, silence, bytes outside all framing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import time
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any, Protocol, cast

import httptools

from outlast.lab.answer import Asked
from outlast.lab.ledger import Seen
from outlast.lab.script import Behaviour
from outlast.lab.steps import Body, End, Fin, Framer, Head, Pause, Raw, Rst, Silence, Step, Unreachable, Until

MOST = 32 << 20
"""Bytes of a body that are kept; vendors refuse about as many."""


class Received:
    """A request as it came; `keep_alive` says whether the connection may live on after the answer."""

    __slots__ = ("body", "headers", "keep_alive", "method", "path")

    def __init__(self) -> None:
        self.method = ""
        self.path = ""
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.keep_alive = True


class House(Protocol):
    """Whoever decides what a connection answers."""

    def early(self, received: Received) -> bool:
        """Is this request to be answered before its body is read?"""
        ...

    def admit(self, received: Received, connection: int) -> tuple[Seen, Behaviour, Asked]:
        """Take note of a request, and say what to do with it."""
        ...

    def changed(self) -> None:
        """Something that was noted has changed."""
        ...

    def opened(self, connection: Connection) -> int:
        """A new connection; gives its number."""
        ...

    def closed(self, connection: Connection) -> None:
        """A connection is gone."""
        ...


class Connection(asyncio.Protocol):
    """Parses requests, and plays for each what the house decides."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[Received | None] = asyncio.Queue()
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._writable = asyncio.Event()
        self._writable.set()
        self._parser = httptools.HttpRequestParser(self)
        self._coming = Received()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connects."""
        self._transport = cast("asyncio.Transport", transport)
        # Back-pressure at once, so that what was written is known to be with the other side before a reset. Not 0: with
        # that, TLS transports hold for ever.
        self._transport.set_write_buffer_limits(high=1)
        number = self._house.opened(self)
        self.task = self._loop.create_task(self._serve(number))

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._inbox.put_nowait(None)

    def eof_received(self) -> None:
        """The other side will send no more, which counts as leaving."""
        self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        del exc
        self._leave()
        self._house.closed(self)

    def pause_writing(self) -> None:
        """The other side does not read."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It reads again."""
        self._writable.set()

    def on_message_begin(self) -> None:
        """The parser meets a new request."""
        self._coming = Received()

    def on_url(self, url: bytes) -> None:
        """A piece of the request's path."""
        self._coming.path += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        before = self._coming.headers.get(key)
        self._coming.headers[key] = text if before is None else f"{before}, {text}"

    def on_headers_complete(self) -> None:
        """The head is there; a body may follow."""
        self._coming.method = self._parser.get_method().decode("latin-1")
        if self._house.early(self._coming):
            self._coming.keep_alive = False
            self._inbox.put_nowait(self._coming)

    def on_body(self, data: bytes) -> None:
        """A piece of the body. What is beyond the bound is read and dropped, so that the refusal can be read too."""
        if len(self._coming.body) <= MOST:
            self._coming.body += data

    def on_message_complete(self) -> None:
        """A request is there."""
        if self._coming.keep_alive:
            self._coming.keep_alive = self._parser.should_keep_alive()
            self._inbox.put_nowait(self._coming)

    def shut(self) -> None:
        """Close without further ado."""
        self._transport.abort()

    def _leave(self) -> None:
        if not self._gone.done():
            self._gone.set_result(None)
        self._writable.set()
        self._inbox.put_nowait(None)

    async def _serve(self, number: int) -> None:
        try:
            while (received := await self._inbox.get()) is not None:
                seen, behaviour, asked = self._house.admit(received, number)
                alive = await self._play(behaviour.play(asked), seen)
                if not alive or not received.keep_alive:
                    break
        finally:
            if not self._transport.is_closing():  # Python 3.11.2 cannot abort a TLS transport that was closed twice
                self._transport.close()

    async def _play(self, steps: Iterable[Step], seen: Seen) -> bool:
        """Plays one answer; True when the connection can be used again."""
        framer = Framer()
        rest = iter(steps)
        for step in rest:
            over = await self._step(step, framer, seen)
            if self._gone.done():
                seen.hung_up = "caller"
            if over or self._gone.done():
                break
        else:
            over = framer.closes
        seen.over(rest, time.monotonic())
        self._house.changed()
        return not over and not self._gone.done()

    async def _step(self, step: Step, framer: Framer, seen: Seen) -> bool:
        """Does one step; True when the connection is over."""
        match step:
            case Head() | Body() | End() | Raw():
                await self._write(step, framer, seen)
                return False
            case Pause(seconds):
                seen.pausing(step, time.monotonic())
                await self._pause(seconds)
                return False
            case Until(future, seconds):
                await self._until(future, seconds)
                return False
            case Silence() | Unreachable("blackhole"):
                seen.pausing(step, time.monotonic())
                await asyncio.wait({self._gone})
                return True
            case Fin():
                self._transport.close()
            case Rst() | Unreachable():
                self._reset()
        seen.hung_up = None if framer.closes else "provider"
        return True

    async def _write(self, step: Head | Body | End | Raw, framer: Framer, seen: Seen) -> None:
        data = framer.frame(step)
        if data and not self._transport.is_closing():
            # Noted first: whoever has read the answer finds it in the record.
            seen.sending(data, step, time.monotonic())
            self._transport.write(data)
        await self._writable.wait()

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            await asyncio.wait({self._gone}, timeout=seconds)
        else:
            await asyncio.sleep(0)

    async def _until(self, future: Future[Any], seconds: float) -> None:
        either: set[asyncio.Future[Any]] = {self._gone, asyncio.wrap_future(future)}
        await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)

    def _reset(self) -> None:
        raw = self._transport.get_extra_info("socket")
        # A twin of the descriptor: uvloop's own socket objects refuse to set options.
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(raw.fileno())) as twin:
            twin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
