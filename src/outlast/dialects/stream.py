"""What all readers of streams share: events in, batches out, and nothing lost when one event is bad.

    read ─▶ Frames ─▶ take(event) for each ─▶ Batch(raw of the kept events, chunks, last)

How events stand in the bytes is said by `FRAMES`: server-sent events (`sse`), or a line of JSON each (`lines`).

When an event fails behind good ones of the same read, the good ones are returned first and the failure waits in
`failure`. The bytes of kept events are passed on as one slice of the read where that is possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from outlast.dialects import sse, wire
from outlast.model.errors import BadResponse, Failure
from outlast.model.messages import Batch, Chunk, Opening


class Frames(Protocol):
    """Finds the events in the bytes of one body, however the network cut them.

    Attributes:
        span: the bytes of the events of the last `feed`, where they can be passed on as they came; else empty.
        names: the names of the events of the last `feed`, one for each; empty when none has one.
        failure: set when the body has no such events, or one is too long. What came before it has been returned.
    """

    span: bytes
    names: Sequence[bytes]
    failure: BadResponse | None

    def feed(self, data: bytes) -> list[bytes]:
        """The data of the events that these bytes completed, oldest first."""
        ...

    def close(self) -> list[bytes]:
        """The event that lacks its end, if there is one. It may be half an event."""
        ...

    def render(self, name: bytes, data: bytes) -> bytes:
        """The bytes of an event."""
        ...


class EventReader:
    """The frame of a reader; a dialect says what one event means by `_take`."""

    FRAMES: ClassVar[type[Frames]] = sse.Events
    NAMED: ClassVar[bool] = False
    """Must every event that is passed on have a name?"""
    MARKER: ClassVar[bytes] = b""
    """The event that ends the bytes of an answer, for a provider that forgot it."""

    __slots__ = ("_ended", "_events", "failure", "finished", "opening")

    def __init__(self) -> None:
        self.opening = Opening()
        self.finished = False
        self.failure: Failure | None = None
        self._events = self.FRAMES()
        self._ended = False

    def _take(self, data: bytes, chunks: list[Chunk]) -> bool:
        """Add what the event brought to `chunks`; say whether its bytes are to be passed on. May raise."""
        raise NotImplementedError

    def _total(self, chunks: list[Chunk]) -> None:
        """The answer is complete: add what is told once only, if it has not been told."""

    def feed(self, data: bytes) -> Batch:
        """What these bytes completed. Raises the failure that an event means, or `BadResponse`."""
        if self.failure is not None:
            raise self.failure
        if self._ended:
            return Batch(b"", [], last=True)
        events = self._events
        batch = self._batch(events.feed(data))
        if events.failure is not None and not self._ended:
            self._fail(events.failure, batch)
        events.span = b""  # an open stream keeps nothing of what it has handed on
        return batch

    def close(self) -> Batch:
        """The body has ended. Half an event at its end is dropped; `last` says whether the answer is complete."""
        if self.failure is not None:
            raise self.failure
        if self._ended:
            return Batch(b"", [], last=True)
        try:
            batch = self._batch(self._events.close())
        except BadResponse:
            self.failure, batch = None, Batch(b"", [])
        if self._events.failure is not None:
            self._fail(self._events.failure, batch)
        if self.finished and not self._ended:
            end = self.complete()
            batch.raw += end.raw
            batch.chunks += end.chunks
        batch.last = self._ended
        return batch

    def complete(self) -> Batch:
        """What ends an answer of which every choice has finished."""
        self._ended = True
        chunks: list[Chunk] = []
        self._total(chunks)
        return Batch(self.MARKER, chunks, last=True)

    def _batch(self, events: list[bytes]) -> Batch:
        chunks: list[Chunk] = []
        unkept: list[int] = []
        take = self._take
        span = self._events.span
        plain = bool(span) and span.isascii()
        for number, event in enumerate(events):
            try:
                if not plain:
                    wire.demand_utf8(event)
                if not take(event, chunks):
                    unkept.append(number)
            except Failure as failure:
                batch = Batch(self._written(events[:number], unkept), chunks)
                self._fail(failure, batch)
                return batch
            if self._ended and number + 1 < len(events):
                return Batch(self._written(events[: number + 1], unkept), chunks, last=True)
        return Batch(self._raw(span, events, unkept), chunks, self._ended)

    def _raw(self, span: bytes, events: list[bytes], unkept: list[int]) -> bytes:
        """The bytes of the kept events: the whole span, the span without its tail, or written anew."""
        if self.NAMED and not self._named(events):
            span = b""
        if not unkept and span:
            return span
        first = len(events) - len(unkept)
        if span and unkept[0] == first:
            names = self._events.names[first:] or [b""] * len(unkept)
            tail = sum(len(self._events.render(name, data)) for name, data in zip(names, events[first:], strict=True))
            return span[: len(span) - tail]
        return self._written(events, unkept)

    def _named(self, events: list[bytes]) -> bool:
        """Has each event the name of its own type? SDKs go by the name, and drop what they do not expect under it."""
        names = self._events.names
        return bool(names) and all(map(bytes.startswith, events, [b'{"type":"%b"' % name for name in names]))

    def _written(self, events: list[bytes], unkept: list[int]) -> bytes:
        out = set(unkept)
        names = self._events.names or [b""] * len(events)
        pairs = enumerate(zip(names, events, strict=False))
        return b"".join([self._render(name, data) for number, (name, data) in pairs if number not in out])

    def _render(self, name: bytes, data: bytes) -> bytes:
        return self._events.render(name, data)

    def _fail(self, failure: Failure, batch: Batch) -> None:
        """Raise it now when nothing came before it in this read, else keep it for the next look."""
        self.failure = failure
        if not batch.raw and not batch.chunks:
            try:
                raise failure
            finally:
                del failure  # an error that names the frame that names the error is freed by no count
