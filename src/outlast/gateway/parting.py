"""A caller's connection that ends in a way that lets the caller read what we said last.

    close() ─┬─ the request has not been read to its end ─▶ our half closed, the rest thrown away ─ LINGER ─▶ aborted
             ├─ the caller has not taken everything ──────▶ closed once it has ──────────── write timeout ─▶ aborted
             └─ else ─────────────────────────────────────▶ closed

Whoever closes a socket with unread bytes in it sends a reset, which may overtake the answer that explains why; and
whoever waits for a caller to read waits for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

LINGER = 2.0
"""Seconds for a caller to stop sending a request that we have answered early."""


class Parting:
    """The transport that uvicorn writes to.

    Args:
        transport: the connection.
        loop: whose clock is used.
        whole: has the request been read to its end?
        patience: seconds for a caller to take what has been written when we close.
    """

    __slots__ = ("_head", "_loop", "_patience", "_timer", "_transport", "_whole", "parted")

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        whole: Callable[[], bool],
        patience: float,
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._whole = whole
        self._patience = patience
        self._timer: asyncio.TimerHandle | None = None
        self._head = b""
        self.parted = False

    def write(self, data: bytes) -> None:
        """Send; what comes after the end is dropped. The head of an answer goes out with the first of its body."""
        if self.is_closing():
            return
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(b"HTTP/1.1 "):
            self._head = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def _flush(self) -> None:
        """The turn is over, and no body has come: the head goes out alone."""
        head, self._head = self._head, b""
        if head and not self._transport.is_closing():
            self._transport.write(head)

    def is_closing(self) -> bool:
        """Has either side begun to end the connection?"""
        return self.parted or self._transport.is_closing()

    def close(self) -> None:
        """End the connection once the caller has what was written, or has had its time to take it."""
        if self.is_closing():
            return
        self._flush()
        self.parted = True
        transport = self._transport
        if not self._whole() and transport.can_write_eof():
            transport.write_eof()
            transport.resume_reading()
            self.abort_after(LINGER)
            return
        transport.close()
        self.bound_flushing()

    def bound_flushing(self) -> None:
        """The connection is closing: give the caller its time to take what was written, and no more."""
        if self._transport.get_write_buffer_size():
            self.abort_after(self._patience)

    def abort_after(self, seconds: float) -> None:
        """Abort then, unless the connection is gone by itself."""
        if self._timer is None:
            self._timer = self._loop.call_later(seconds, self.abort)

    def abort(self) -> None:
        """End the connection at once."""
        self.parted = True
        self._transport.abort()

    def gone(self) -> None:
        """The connection is gone."""
        self.parted = True
        if self._timer is not None:
            self._timer.cancel()

    def pause_reading(self) -> None:
        """Take nothing from the caller for now."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take what the caller sends."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def get_extra_info(self, name: str, default: object = None) -> object:
        """What the transport knows."""
        return self._transport.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        """Bytes that the caller has not taken."""
        return self._transport.get_write_buffer_size() + len(self._head)
