"""A request on a connection of our own server, and how its answer is written.

One write for a whole answer, and one for each piece of a stream: the head goes out with the first of the body, the end
mark with the last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from outlast.gateway.conversation import CallerGone, Conversation
from outlast.gateway.exchange import Inbound, Outbound
from outlast.gateway.opening import Opening

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
NO_MORE = b"0\r\n\r\n"


class Line(Protocol):
    """The connection that a turn is taken on."""

    gone: bool
    paused: bool
    opening: Opening

    @property
    def write(self) -> Callable[[bytes], None]:
        """Sends."""
        ...

    async def drained(self, turn: Turn) -> None:
        """Wait until the caller has taken most of what was sent, which `turn` bounds."""

    def resume_reading(self) -> None:
        """Take what the caller sends."""

    def lighten(self) -> None:
        """Keep no more than an open stream needs."""

    def answered(self, turn: Turn) -> None:
        """The answer is out."""

    def cut_off(self) -> None:
        """Close at once."""


class Turn(Conversation):
    """A request that came over `line`.

    Args:
        inbound: its head.
        line: the connection.
        keep_alive: the connection may go on afterwards.
        crowded: there are more callers than we have descriptors for.

    Attributes:
        complete: the answer is out.
    """

    __slots__ = ("_chunked", "_line", "_told", "_waiter", "complete", "keep_alive")

    def __init__(self, inbound: Inbound, line: Line, *, keep_alive: bool, crowded: bool) -> None:
        super().__init__(inbound, crowded=crowded)
        self.keep_alive = keep_alive
        self.complete = False
        self._line = line
        self._told = False
        self._chunked = False
        self._waiter: asyncio.Future[None] | None = None

    # -- receiving ---------------------------------------------------------------------------------------------

    async def receive(self) -> None:
        """Wait for the next piece of the body."""
        line = self._line
        if line.gone:
            raise CallerGone
        if not self._told and self.inbound.headers.get(b"expect", b"").lower() == b"100-continue":
            line.write(CONTINUE)
        self._told = True
        line.resume_reading()
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def hand_over(self) -> bytes:
        """What has come of the body; there is room for more."""
        piece = super().hand_over()
        self._line.resume_reading()
        return piece

    def look(self) -> None:
        """More of the body is there: end the wait for it."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # -- sending -----------------------------------------------------------------------------------------------

    async def send(self, out: Outbound | None, body: bytes, *, more: bool) -> None:
        """Send in one write, once the caller has taken most of what was sent before."""
        line = self._line
        if line.paused:
            await line.drained(self)
        if line.gone:
            return
        if out is not None:
            self.started = True
            self._chunked = out.flow is not None
            if self.last:
                self.keep_alive = False
        if self.inbound.method == "HEAD":
            body = b""
        elif self._chunked:
            body = _chunk(body, more)
        line.write(
            body if out is None else line.opening.head(out, chunked=self._chunked, close=not self.keep_alive) + body
        )
        if not more:
            self.complete = True
            line.answered(self)

    def lighten(self) -> None:
        """Let go of what it took to read the request, here and on the connection."""
        super().lighten()
        self._line.lighten()

    # -- ending ------------------------------------------------------------------------------------------------

    def cut_off(self) -> None:
        """Close the connection at once."""
        self._line.cut_off()


def _chunk(body: bytes, more: bool) -> bytes:
    chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
    return chunk if more else chunk + NO_MORE
