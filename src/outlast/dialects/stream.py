"""What all readers of event streams share: events in, batches out, and nothing lost when one event is bad.

    read ─▶ Events ─▶ take(event) for each ─▶ Batch(raw of the kept events, chunks, last)

When an event fails behind good ones of the same read, the good ones are returned first and the failure waits in
`failure`. The bytes of kept events are passed on as one slice of the read where that is possible.
"""

from __future__ import annotations

from outlast.dialects import sse
from outlast.model.errors import BadResponse, Failure
from outlast.model.messages import Batch, Chunk, Opening


class EventReader:
    """The frame of a reader; a dialect says what one event means by `_take`."""

    __slots__ = ("_ended", "_events", "failure", "finished", "opening")

    def __init__(self) -> None:
        self.opening = Opening()
        self.finished = False
        self.failure: Failure | None = None
        self._events = sse.Events()
        self._ended = False

    def _take(self, event: sse.Event, chunks: list[Chunk]) -> bool:
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
        batch = self._batch(self._events.feed(data))
        if self._events.failure is not None and not self._ended:
            self._fail(self._events.failure, batch)
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
            self._ended = True
            self._total(batch.chunks)
        batch.last = self._ended
        return batch

    def _batch(self, events: list[sse.Event]) -> Batch:
        chunks: list[Chunk] = []
        kept: list[sse.Event] | None = None  # None: all of them, so far
        take = self._take
        for number, event in enumerate(events):
            try:
                keep = take(event, chunks)
            except Failure as failure:
                batch = Batch(_written(events[:number] if kept is None else kept), chunks)
                self._fail(failure, batch)
                return batch
            if kept is not None:
                if keep:
                    kept.append(event)
            elif not keep:
                kept = events[:number]
            if self._ended:
                kept = events[: number + 1] if kept is None else kept
                break
        span = self._events.span
        return Batch(span if kept is None and span else _written(events if kept is None else kept), chunks, self._ended)

    def _fail(self, failure: Failure, batch: Batch) -> None:
        """Raise it now when nothing came before it in this read, else keep it for the next look."""
        self.failure = failure
        if not batch.raw and not batch.chunks:
            raise failure


def _written(events: list[sse.Event]) -> bytes:
    return b"".join([sse.render(event) for event in events])
