"""The source of a stream: what an exchange brings, decoded, up to the next content or the end, in time."""

from __future__ import annotations

from outlast.flow.call import Call
from outlast.layers.attempt.config import AttemptConfig
from outlast.layers.attempt.mask import Mask
from outlast.model.errors import BadResponse, BrokenStream, Failure, TimedOut
from outlast.model.messages import Batch, Opening
from outlast.ports import Exchange, Io, Reader


class Upstream:
    """The source of one stream: an exchange, the reader of its dialect, and the timers between contents."""

    __slots__ = (
        "_bounded",
        "_config",
        "_exchange",
        "_finished_at",
        "_held",
        "_io",
        "_limit",
        "_longest",
        "_mask",
        "_over",
        "_patience",
        "_read",
        "_reader",
        "dialect",
        "end_by",
        "target",
    )

    def __init__(self, call: Call, exchange: Exchange, reader: Reader, mask: Mask, config: AttemptConfig) -> None:
        timers = call.target.timers
        self._io: Io = call.io
        self._exchange = exchange
        self._reader = reader
        self._config = config
        self._limit = timers.stall
        self._longest = timers.max_stream
        self.end_by = min(call.io.now() + timers.max_stream, call.ends)
        self._patience = call.patience
        self._bounded = False
        self._finished_at: float | None = None
        self._mask = mask
        self._held: Batch | None = None
        self._read = 0
        self._over = False
        self.target = call.target.name
        self.dialect = call.target.speaks(call.request.dialect)

    @property
    def opening(self) -> Opening:
        """What the provider said of the answer at its start."""
        return self._mask.opening(self._reader.opening)

    async def first(self, due: float, begun: bytes = b"") -> Batch:
        """All up to and including the first content, or the whole of an answer that has none. Raises what failed.

        `begun` is what has been read already.
        """
        return (self._took(begun) if begun else None) or await self._until_content(due)

    async def next(self) -> Batch | None:
        """The next batch that has content or ends the answer. Raises `BrokenStream`, whatever went wrong."""
        if self._over:
            return None
        try:
            return await self._until_content(min(self._io.now() + self._limit, self.end_by, self._patience.due))
        except TimedOut as failure:
            raise self._overdue(failure) from failure
        except Failure as failure:
            raise self._broken("broke before its end", failure) from failure

    def _overdue(self, failure: TimedOut) -> BrokenStream:
        now = self._io.now()
        self._bounded = now >= self.end_by
        if not self._bounded and now >= self._patience.due:
            broken = self._broken("brought nothing new in the time that was left", failure)
            broken.outcome = "neutral"
            return broken
        stalled = not self._bounded
        why = f"brought no content for {self._limit:g} s" if stalled else "ran longer than its limit"
        broken = self._broken(why, failure)
        broken.timer, broken.limit = ("stall", self._limit) if stalled else ("max_stream", self._longest)
        return broken

    def _broken(self, why: str, cause: Failure) -> BrokenStream:
        broken = BrokenStream(f"the stream {why}", code=cause.code, overloaded=cause.overloaded)
        broken.stalled = isinstance(cause, TimedOut) and not self._bounded
        broken.bounded = self._bounded
        broken.target = self.target
        return broken

    async def _until_content(self, due: float) -> Batch:
        """Read until there is content, or the answer is complete; what came before it is kept and goes along."""
        reader, read = self._reader, self._exchange.read
        if reader.failure is not None:
            self._raise_what_waits()
        while True:
            try:
                data = await read(self._grace(due) if reader.finished else due)
            except Failure:
                if not reader.finished:
                    raise
                data = b""  # all that was asked for is here; only the end marker lacks
            if (batch := self._took(data)) is not None:
                return batch

    def _took(self, data: bytes) -> Batch | None:
        """What can be handed over now that these bytes are here; no bytes are the end of the body."""
        reader = self._reader
        try:
            batch = reader.feed(data) if data else reader.close()
        except Failure:
            reader.failure = None  # as below
            if not reader.finished:
                raise
            batch = reader.complete()
        self._read += len(data)
        too_long = self._read > self._config.max_stream_bytes and not batch.last
        if reader.finished and (too_long or reader.failure is not None):
            reader.failure = None  # what comes behind the finish takes nothing from it
            batch = self._joined(batch, reader.complete())
        elif too_long:
            self._bounded = True
            raise BadResponse("the stream is longer than is allowed")
        if self._mask.secrets:
            self._mask.batch(batch)
        speaks = _speaks(batch)
        if self._held is not None:
            batch = self._joined(self._held, batch)
        if batch.last:
            return self._complete(batch)
        if not data:
            raise BadResponse("the stream ended before the answer was complete")
        if speaks:
            return batch
        self._hold(batch)
        return None

    def _joined(self, held: Batch, batch: Batch) -> Batch:
        """What was kept back, with what has come since added to it: many small pieces may be kept back."""
        self._held = None
        held.raw += batch.raw
        held.chunks += batch.chunks
        held.last = batch.last
        return held

    def _hold(self, batch: Batch) -> None:
        """There is no content yet: keep it until there is."""
        self._held = batch
        self._raise_what_waits()
        if len(batch.raw) > self._config.max_preamble:
            raise BadResponse("the stream brings no content")

    def _raise_what_waits(self) -> None:
        """Raise what the reader met behind good events; nobody keeps it, for it holds the frames that hold us."""
        failure, self._reader.failure = self._reader.failure, None
        if failure is not None:
            try:
                raise failure
            finally:
                del failure

    def _grace(self, due: float) -> float:
        """By when the end marker must come, once nothing else lacks."""
        if self._finished_at is None:
            self._finished_at = self._io.now()
        return min(due, self._finished_at + self._config.grace)

    def _complete(self, batch: Batch) -> Batch:
        self._over = True
        self._exchange.release()
        return batch

    def abort(self) -> None:
        """Close the connection."""
        self._exchange.abort()


def _speaks(batch: Batch) -> bool:
    """Is there any content?"""
    for chunk in batch.chunks:  # noqa: SIM110  (a generator would cost each event of a stream more than the answer)
        if chunk.content:
            return True
    return False
