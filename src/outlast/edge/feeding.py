"""A request body that is written while it comes from the caller, no faster than the provider takes it.

    feed ──read──▶ piece ──write──▶ transport ── it has enough ──▶ wait, `progress` seconds at most
      └── end ──▶ from now on the answer is waited for, as long as it would have been from the start

Whoever waits for the answer is woken when the feed fails: the failure is then that of the caller, not of the provider.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import Protocol

from outlast.edge.sweeper import Sweeper
from outlast.edge.upload import PIECE
from outlast.model.errors import Failure, Internal
from outlast.model.forwarding import Feed
from outlast.ports import Timed

END = b"0\r\n\r\n"


class Line(Timed, Protocol):
    """The connection that a body is written to."""

    @property
    def listens(self) -> bool:
        """Has the provider said nothing yet?"""
        ...

    def write(self, data: bytes) -> None:
        """Send."""
        ...

    def give_up(self, failure: Failure) -> None:
        """Close, and tell whoever waits for the answer why."""
        ...


class Feeding:
    """Writes a body as it comes. Implements `Uploading`.

    Args:
        line: the connection; the head of the request has been sent.
        feed: brings the body.
        sweeper: keeps the time.
        progress: seconds that the provider may take for each piece.
        patience: seconds that it has for its answer once it has everything.
    """

    __slots__ = ("_drain", "_feed", "_line", "_patience", "_progress", "_sweeper", "choked", "left")

    def __init__(self, line: Line, feed: Feed, sweeper: Sweeper, *, progress: float, patience: float) -> None:
        self._line = line
        self._feed = feed
        self._sweeper = sweeper
        self._progress = progress
        self._patience = patience
        self._drain: asyncio.Future[None] | None = None
        self.choked = False
        self.left = True

    def go_on(self) -> None:
        """The transport takes more."""
        if self._drain is not None and not self._drain.done():
            self._drain.set_result(None)

    async def run(self) -> None:
        """Write the body to its end, or until the provider has said something or is gone."""
        try:
            await self._all()
        except Failure as failure:
            self._line.give_up(failure)
        except Exception:  # noqa: BLE001  (ours: whoever waits for the answer must not wait in vain)
            self._line.give_up(Internal("the upload could not be read"))

    async def _all(self) -> None:
        feed, line, sweeper = self._feed, self._line, self._sweeper
        chunked = feed.length is None
        await self._write(feed.begin(), chunked=chunked)
        while line.listens and (piece := await feed.read()):
            await self._write(piece, chunked=chunked)
        if not line.listens:
            return
        if chunked:
            line.write(END)
        self.left = False
        sweeper.watch(line, sweeper.now() + self._patience)

    async def _write(self, data: bytes, *, chunked: bool) -> None:
        for start in range(0, len(data), PIECE):
            piece = data[start : start + PIECE]
            self._line.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if self.choked and self._line.listens:
                await self._drained()

    async def _drained(self) -> None:
        """Return when the provider has taken most of what was written."""
        line, sweeper = self._line, self._sweeper
        self._drain = asyncio.get_running_loop().create_future()
        sweeper.watch(line, sweeper.now() + self._progress)
        await self._drain
        if line.listens:
            sweeper.watch(line, inf)
