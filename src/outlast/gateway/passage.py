"""The body of an answer that is passed on unread. When it breaks, so does ours: a cut body must not look whole."""

from __future__ import annotations

from outlast.flow.stream import Stream
from outlast.gateway.exchange import CutShort
from outlast.model.errors import Failure


class Passage:
    """The pieces of such a body as they come. Implements `Flowing`; `over` says that the last one has been given."""

    __slots__ = ("_stream", "over")

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.over = False

    async def next(self) -> bytes | None:
        """The next piece; None after the last. Raises `CutShort` when there will be no end."""
        if self.over:
            return None
        try:
            batch = await self._stream.next()
        except Failure as failure:
            self.over = True
            raise CutShort from failure
        self.over = batch is None or batch.last
        return None if batch is None else batch.raw

    def abort(self) -> None:
        """The caller has left."""
        self.over = True
        self._stream.abort()

    def interrupt(self, why: str) -> bytes:
        """We must stop: there is no piece that could say so."""
        if not self.over:
            self.over = True
            self._stream.abort(why)
        return b""
