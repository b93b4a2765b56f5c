"""The part of a large request body that is still to be written, piece by piece as the peer takes it."""

from __future__ import annotations

from asyncio import Transport
from typing import Protocol

PIECE = 262_144
"""Bodies up to this size go out in one call together with the head."""


class Uploading(Protocol):
    """A body that is not yet written to its end; `choked` says that the transport takes no more just now."""

    choked: bool

    @property
    def left(self) -> bool:
        """Is there more to write?"""
        ...

    def go_on(self) -> None:
        """The transport takes more."""
        ...


class Upload:
    """Writes the rest of a body. `left` is false when all is written."""

    __slots__ = ("_rest", "_transport", "choked")

    def __init__(self, transport: Transport, rest: memoryview) -> None:
        self._transport = transport
        self._rest = rest
        self.choked = False

    @property
    def left(self) -> bool:
        """Is there more to write?"""
        return len(self._rest) > 0

    def go_on(self) -> None:
        """Write until the transport says that it has enough."""
        while self._rest and not self.choked and not self._transport.is_closing():
            piece, self._rest = self._rest[:PIECE], self._rest[PIECE:]
            self._transport.write(piece)
