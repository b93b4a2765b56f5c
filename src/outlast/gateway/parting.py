"""A caller's connection that ends in a way that lets the caller read what we said last.

    close() ─┬─ the request has not been read to its end ─▶ our half closed, the rest thrown away ─ LINGER ─▶ aborted
             ├─ the caller has not taken everything ──────▶ closed once it has ──────────── write timeout ─▶ aborted
             └─ else ─────────────────────────────────────▶ closed

Whoever closes a socket with unread bytes in it sends a reset, which may overtake the answer that explains why; and
whoever waits for a caller to read waits for ever.
"""

from __future__ import annotations

import asyncio

LINGER = 2.0
"""Seconds for a caller to stop sending a request that we have answered early."""


class Parting:
    """What a protocol writes to.

    Args:
        transport: the connection.
        loop: whose clock is used.
        patience: seconds for a caller to take what has been written when we close.

    Attributes:
        parted: we have said our last word.
    """

    __slots__ = ("_loop", "_patience", "_timer", "_transport", "parted")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, patience: float) -> None:
        self._transport = transport
        self._loop = loop
        self._patience = patience
        self._timer: asyncio.TimerHandle | None = None
        self.parted = False

    def write(self, data: bytes) -> None:
        """Send; what comes after the end is dropped."""
        if not self.parted and not self._transport.is_closing():
            self._transport.write(data)

    def is_closing(self) -> bool:
        """Has either side begun to end the connection?"""
        return self.parted or self._transport.is_closing()

    def close(self, *, whole: bool) -> None:
        """End the connection once the caller has what was written, or has had its time to take it.

        Args:
            whole: has the request been read to its end?
        """
        if self.is_closing():
            return
        self.parted = True
        transport = self._transport
        if not whole and transport.can_write_eof():
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
