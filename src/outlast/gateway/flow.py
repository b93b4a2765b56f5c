"""A streamed answer on its way to the caller: the provider's bytes as they are, or rendered in the caller's dialect.

A stream that breaks ends with an error event of the dialect, and then with nothing: no finish reason, no end marker.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from outlast.flow.faults import told
from outlast.flow.stream import Stream
from outlast.model.errors import Cancelled, Failure, Internal
from outlast.model.events import Event, Fault
from outlast.model.messages import Batch
from outlast.ports import Facts, Writer


def now() -> int:
    """When an answer was made of which its provider does not say that: in seconds since the epoch."""
    return int(time.time())


class Flow:
    """The body of a streamed answer, piece by piece.

    Args:
        stream: the answer.
        writer: renders it in the caller's dialect, unless it has the bytes of that dialect already.
        dialect: the caller's.
        id_: of the request.
        emit: hears of faults of our own.
        whole: hears the last piece of an answer that is whole, before the caller gets it, and whether all of it is the
            provider's own bytes.

    Attributes:
        over: the last piece has been given.
    """

    __slots__ = ("_emit", "_id", "_passed", "_passes", "_started", "_stream", "_whole", "_writer", "over")

    def __init__(
        self,
        stream: Stream,
        writer: Writer,
        dialect: str,
        id_: str,
        emit: Callable[[Event], None],
        whole: Callable[[bytes, bool], Awaitable[None]] | None = None,
    ) -> None:
        self._stream = stream
        self._writer = writer
        self._emit = emit
        self._whole = whole
        self._passes = stream.dialect == dialect
        self._id = id_
        self._passed = False
        self._started = False
        self.over = False

    async def next(self) -> bytes | None:
        """The next piece; None after the last. A failure is told in the body, in the dialect's own way."""
        while not self.over:
            try:
                batch = await self._stream.next()
                if batch is not None and self._passes and batch.raw and not batch.last:
                    self._passed = True
                    return batch.raw  # as it came: the most of most streams
                piece = self._piece(batch)
                if self._whole is not None and batch is not None and batch.last:
                    await self._whole(piece, not self._started)
            except Failure as failure:
                return self._fail(failure)
            except Exception as fault:  # noqa: BLE001  (a fault of our own must end the stream honestly too)
                self._stream.abort()
                self._emit(Fault("gateway stream", told(fault), self._id))
                return self._fail(Internal("an internal error"))
            if piece:
                return piece
        return None

    def _piece(self, batch: Batch | None) -> bytes:
        if batch is None:
            self.over = True
            return b""
        piece = batch.raw if self._passes and batch.raw else self._rendered(batch)
        if batch.last:
            self.over = True
            stream = self._stream
            facts = Facts(stream.target, stream.source, stream.cost, stream.attempts, stream.cut, stream.dropped)
            self._writer.note(facts)
            piece += self._writer.end()
        return piece

    def _rendered(self, batch: Batch) -> bytes:
        if self._passes and not batch.chunks:
            return b""
        start = b""
        if not self._started:
            self._started = True
            begin = self._writer.go_on if self._passed else self._writer.start
            opening = self._stream.opening
            opening.created = opening.created or now()
            start = begin(opening)
        return start + self._writer.write(batch.chunks)

    def _fail(self, failure: Failure) -> bytes:
        self.over = True
        if self._passed and not self._started:
            self._writer.go_on(self._stream.opening)  # what it writes is no longer needed; where it stands, is
        return self._writer.fail(failure, self._id)

    def abort(self) -> None:
        """The caller has left."""
        self.over = True
        self._stream.abort()

    def interrupt(self, why: str) -> bytes:
        """We must stop: the error event that says so."""
        if self.over:
            return b""
        self._stream.abort(why)
        return self._fail(Cancelled(why, status=503))
