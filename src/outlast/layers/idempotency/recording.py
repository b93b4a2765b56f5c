"""A stream that is written down while it comes, and read by any number of callers, each from its start.

    who brings it ─▶ batches ─┬─▶ first reader        all of it is there for whoever comes later,
                              ├─▶ second reader       as long as it is no larger than may be kept
                              └─▶ …

No reader has a queue of its own: each has a place in the one recording. What is larger than may be kept is written down
no longer: only what its slowest reader has not had yet is held, and nobody can join any more.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from math import inf

from outlast.flow.call import Call
from outlast.flow.stream import End, Stream
from outlast.layers.idempotency.told import About, about
from outlast.model.errors import Cancelled, Failure
from outlast.model.messages import Batch, Opening, Usage
from outlast.ports import Io, Waiter

OVERHEAD = 64
"""Bytes that a batch and each of its chunks take beside their words, about."""


class Recording:
    """What has come of a stream.

    Args:
        told: what is said of the answer as a whole.
        opening: gives what its provider said at its start.
        most: so many bytes are kept.
        date: when it was made, in seconds since the epoch, if its provider does not say that.

    Attributes:
        batches: what is held; the first of them has the number `gone`.
        gone: batches that are no longer held: nobody can join any more.
        expected: readers who were told of it, and are on their way.
        size: bytes of those that are.
        lost: it has grown larger than may be kept.
        over: nothing more will come.
        failure: why it ended too early, if it did.
        ends: monotonic time by which it is over.
        usage: tokens, `cost` US dollars; once it is over.
    """

    __slots__ = (
        "_date", "_most", "_opening", "_readers", "_waiting", "about", "batches", "cost", "ends", "expected", "failure",
        "gone", "lost", "over", "size", "usage",
    )  # fmt: skip

    def __init__(self, told: About, opening: Callable[[], Opening], most: int, date: int = 0) -> None:
        self.about = told
        self.batches: list[Batch] = []
        self.gone = self.expected = 0
        self.size = 0
        self.lost = self.over = False
        self.failure: Failure | None = None
        self.ends = inf
        self.usage: Usage | None = None
        self.cost: float | None = None
        self._opening = opening
        self._most = most
        self._date = date
        self._readers: list[Reading] = []
        self._waiting: list[Waiter] = []

    @classmethod
    def of(cls, stream: Stream, most: int, date: int) -> Recording:
        """One of that stream, of which nothing has been read."""
        recording = cls(about(stream), lambda: stream.opening, most, date)
        recording.ends = stream.ends
        return recording

    @property
    def opening(self) -> Opening:
        """What the provider said of the answer at its start."""
        opening = self._opening()
        opening.created = opening.created or self._date
        return opening

    @property
    def count(self) -> int:
        """Batches that have come."""
        return self.gone + len(self.batches)

    @property
    def full(self) -> bool:
        """Is as much held as may be? Then its slowest reader is to be waited for."""
        return self.size > self._most and bool(self._readers)

    def add(self, batch: Batch) -> None:
        """More has come."""
        self.batches.append(batch)
        self.size += weight(batch)
        self.lost = self.lost or self.size > self._most
        self._forget()
        self.wake()

    def end(self, failure: Failure | None = None) -> None:
        """Nothing more will come."""
        self.over, self.failure = True, failure
        self.wake()

    def wake(self) -> None:
        """Something is new."""
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.wake()

    async def news(self, io: Io) -> None:
        """Return when something is new."""
        waiter = io.waiter()
        self._waiting.append(waiter)
        await waiter.wait(inf)

    def read_by(self, reading: Reading) -> None:
        """Another reader, at the start."""
        self._readers.append(reading)

    def left_by(self, reading: Reading) -> None:
        """That reader needs nothing more."""
        if reading in self._readers:
            self._readers.remove(reading)
            self._forget()
            self.wake()

    def passed(self) -> None:
        """A reader has come further."""
        if self.lost:
            self._forget()
            self.wake()

    def _forget(self) -> None:
        """Where it is too large to be kept, hold no more than somebody needs."""
        if not self.lost or self.expected:
            return
        needed = min((reading.at for reading in self._readers), default=self.count)
        for batch in self.batches[: needed - self.gone]:
            self.size -= weight(batch)
        del self.batches[: needed - self.gone]
        self.gone = needed


class Reading:
    """One reader of a recording: the source of a stream, and its debt. Implements `DebtorSource`.

    Args:
        recording: what is read.
        io: where it waits.
        paid: asked in the end what of the cost is this reader's.
        left: told when it needs nothing more.
    """

    __slots__ = ("_io", "_left", "_paid", "_recording", "at", "dialect", "target")

    def __init__(
        self, recording: Recording, io: Io, paid: Callable[[], float | None], left: Callable[[], None]
    ) -> None:
        self._recording = recording
        self._io = io
        self._paid = paid
        self._left = left
        self.at = 0
        self.target = recording.about.target
        self.dialect = recording.about.dialect
        recording.read_by(self)

    @property
    def opening(self) -> Opening:
        """What the provider said of the answer at its start."""
        return self._recording.opening

    async def next(self) -> Batch | None:
        """The next batch; None after the last. Raises what ended it too early."""
        recording = self._recording
        while self.at >= recording.count:
            if recording.failure is not None:
                raise copy.copy(recording.failure)
            if recording.over:
                return None
            await recording.news(self._io)
        return self.take()

    def take(self) -> Batch:
        """The next batch, which has come."""
        batch = self._recording.batches[self.at - self._recording.gone]
        self.at += 1
        self._recording.passed()
        return batch

    def abort(self) -> None:
        """It is settled when it is over; nothing else belongs to it alone."""

    def settle(self, call: Call, end: End, now: float) -> None:  # noqa: ARG002  (as all debts)
        """This reader is done: what it took, and its part of the cost."""
        recording = self._recording
        recording.left_by(self)
        if recording.over and not isinstance(end.error, Cancelled):
            end.usage = recording.usage or end.usage
            end.cost = self._paid()
        self._left()


def stream_of(reading: Reading, recording: Recording, call: Call) -> Stream:
    """A stream of what has been recorded, whose first batch is there."""
    stream = Stream(reading, reading.take(), call.io, prompt=call.request.tokens)
    told = recording.about
    stream.source, stream.attempts, stream.dropped, stream.cut = told.source, told.attempts, told.dropped, told.cut
    stream.owe(call, (reading,))
    if recording.ends < inf and not recording.over:
        stream.live_until(recording.ends)
    return stream


def weight(batch: Batch) -> int:
    """Bytes that it takes, about."""
    return len(batch.raw) + OVERHEAD + sum(chunk.size + OVERHEAD for chunk in batch.chunks)
