"""A streamed answer: pulled batch by batch, and settled exactly once however it ends.

A handler returns a Stream when the first content is there: the return is the commit point. What a layer owes at the
end it registers with `owe`; the debts are paid in one place, on the last batch, a failure, an abort, or when the
Stream is dropped. Nothing that the event loop holds refers to the Stream itself, so a dropped one is collected at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from msgspec import Struct

from outlast.flow.faults import told
from outlast.model.cut import Cut
from outlast.model.errors import Cancelled, Failure, Outcome, outcome_of
from outlast.model.estimate import weight
from outlast.model.events import Fault
from outlast.model.messages import AS_ASKED_FOR, Batch, Chunk, Opening, Quota, Usage
from outlast.ports import Io, Source

if TYPE_CHECKING:
    from outlast.flow.call import Call


class End(Struct):
    """How a call ended, for whoever held something for it. `usage` and `cost` are None when nobody knows."""

    outcome: Outcome
    error: BaseException | None = None
    usage: Usage | None = None
    cost: float | None = None
    quota: Quota | None = None


class Debt(Protocol):
    """Something to be given back when a call is over."""

    def settle(self, call: Call, end: End, now: float) -> None:
        """The call is over. Called exactly once for each call; must not wait."""
        ...


class Ear(Protocol):
    """Somebody who listens to a stream while it is read."""

    def note(self, batch: Batch) -> None:
        """The caller is about to get this."""
        ...


class DebtorSource(Source, Debt, Protocol):
    """A source that has something to say when all is over."""


def ended_by(error: BaseException) -> End:
    """The end that an exception means: what is no `Failure` (a cancellation, say) teaches nothing."""
    if isinstance(error, Failure):
        return End(error.outcome, error, error.usage, error.cost)
    return End(outcome_of(error), error)


def pay(debts: Iterable[Debt], call: Call, end: End) -> None:
    """Settle all of them; one debtor's fault is told, and does not keep the others from being paid."""
    io = call.io
    now = io.now()
    for debt in debts:
        try:
            debt.settle(call, end, now)
        except Exception as fault:  # noqa: BLE001  (ours, and told)
            io.emit(Fault(f"settle {type(debt).__name__}", told(fault), call.id))


def _remembered(error: BaseException) -> Failure:
    """What later reads raise: the same failure, or that the reading was cancelled, without a traceback.

    A traceback names the frames of the reader, and those the Stream: together they would be freed by no count.
    """
    if not isinstance(error, Failure):
        return Cancelled("the stream was given up while it was read")
    twin = type(error).__new__(type(error), *error.args)
    twin.__dict__.update(error.__dict__)
    return twin


class Ending:
    """The one place where a stream ends. The loop may hold this; it knows nothing of the Stream."""

    __slots__ = (
        "cost",
        "debts",
        "delivered",
        "due",
        "error",
        "finish",
        "io",
        "over",
        "prompt",
        "quota",
        "source",
        "usage",
    )

    def __init__(self, source: Source, prompt: int, io: Io) -> None:
        self.source = source
        self.io = io
        self.prompt = prompt
        self.delivered = 0
        self.debts: list[tuple[Call, Iterable[Debt]]] = []
        self.usage: Usage | None = None
        self.finish: str | None = None
        self.cost: float | None = None
        self.quota: Quota | None = None
        self.over = False
        self.error: Failure | None = None
        self.due = float("inf")

    def end(self, error: BaseException | None) -> None:
        """Pay every debt, innermost first; later calls do nothing."""
        if self.over:
            return
        self.over = True
        self.due = float("inf")
        if error is not None:
            self.error = _remembered(error)
            self._give_up()
        if self.usage is None:  # nobody told: four bytes are about a token
            self.usage = Usage(input=self.prompt, output=-(-self.delivered // 4), estimated=True)
        end = End(outcome_of(error), error, self.usage, self.cost, self.quota)
        debts, self.debts = self.debts, []
        for call, owed in debts:
            pay(owed, call, end)
        self.usage, self.cost = end.usage, end.cost

    def _give_up(self) -> None:
        """Let go of the source; if that fails, the debts are paid all the same."""
        try:
            self.source.abort()
        except Exception as fault:  # noqa: BLE001  (ours, and told)
            self.io.emit(Fault(f"abort {type(self.source).__name__}", told(fault)))

    def expire(self) -> None:
        """The longest life of a stream is over, read or not."""
        self.end(Cancelled("the stream was open for too long"))

    def drop(self) -> None:
        """The Stream was dropped without being read to its end."""
        self.end(Cancelled("the stream was dropped"))


class Stream:
    """A streamed answer. Read it with `async for chunk in stream`, and leave it with `aclose()` or `async with`.

    Attributes:
        target: "provider/model" that answers.
        source: "primary" when the first choice answers, else "fallback"; or what else it is, as for `Reply`.
        attempts: how many attempts it took to the first content.
        dropped: names of what could not be carried over to the target's dialect.
        cut: what was left out of the request so that it fits; None where nothing was.
        replayed: it was, or is being, made for an earlier request with the same idempotency key.
        opening: id, model and time that the provider gave the answer.
        dialect: dialect of the bytes in `Batch.raw`.
        keeps_request: what is asked may be needed again, until the stream is over.
    """

    __slots__ = (
        "__weakref__",
        "_chunks",
        "_ear",
        "_ending",
        "_head",
        "_reading",
        "attempts",
        "cut",
        "dropped",
        "keeps_request",
        "replayed",
        "source",
        "target",
    )

    def __init__(self, source: Source, head: Batch, io: Io, *, prompt: int = 0) -> None:
        self._ending = Ending(source, prompt, io)
        self._head: Batch | None = head
        self._chunks: list[Chunk] | None = None  # of the last batch, for who reads chunk by chunk
        self._reading = False
        self._ear: Ear | None = None
        self.target = source.target
        self.source = "primary"
        self.attempts = 1
        self.dropped: tuple[str, ...] = ()
        self.cut: Cut | None = None
        self.keeps_request = False
        self.replayed = False

    def outlived_by(self, source: DebtorSource, head: Batch, call: Call) -> Stream:
        """The stream of the same answer that `source` feeds, of which this one is the first leg; `head` was read."""
        outer = Stream(source, head, call.io, prompt=call.request.tokens)
        outer.source, outer.attempts, outer.dropped = self.source, self.attempts, self.dropped
        outer.cut = self.cut
        outer.keeps_request = True
        outer.owe(call, (source,))
        try:
            if not self._ending.over:
                outer.live_until(self.ends)
        except BaseException:
            outer.abort()
            raise
        return outer

    @property
    def ends(self) -> float:
        """Monotonic time by which it is over, read or not; infinite when that is not bounded.

        To be set for a stream that will be outlived: the other one sees to it. Else `live_until` is asked to.
        """
        return self._ending.due

    @ends.setter
    def ends(self, due: float) -> None:
        self._ending.due = due

    @property
    def opening(self) -> Opening:
        """What the provider said of the answer at its start."""
        return self._ending.source.opening

    @property
    def dialect(self) -> str:
        """Dialect of `Batch.raw`."""
        return self._ending.source.dialect

    @property
    def usage(self) -> Usage | None:
        """Tokens, once the provider has told them, or our estimate when it is over and has not."""
        return self._ending.usage

    @property
    def cost(self) -> float | None:
        """US dollars, once the stream is over and where the price is known."""
        return self._ending.cost

    @property
    def degraded(self) -> bool:
        """Is it less than what was asked for? `source` says what."""
        return self.source not in AS_ASKED_FOR

    @property
    def finish(self) -> str | None:
        """Why the answer ended; None until then."""
        return self._ending.finish

    @property
    def withheld(self) -> str | None:
        """Why it ended, where that has come before any content; None else, and once it is read."""
        head = self._head
        if head is None or not head.last or any(chunk.content for chunk in head.chunks):
            return None
        return next((chunk.finish for chunk in head.chunks if chunk.finish is not None), None)

    def concluded(self) -> Stream:
        """The same answer, which is all in its head, with every debt of this one paid: it is over."""
        ending, head = self._ending, self._head or Batch(b"", [], last=True)
        self._head = None
        self._note(head)
        twin = Stream(ending.source, head, ending.io, prompt=ending.prompt)
        twin.source, twin.attempts, twin.dropped = self.source, self.attempts, self.dropped
        return twin

    def owe(self, call: Call, debts: Iterable[Debt]) -> None:
        """Settle what `call` owes when the stream is over, however that comes about."""
        self._ending.debts.append((call, debts))

    def heard_by(self, ear: Ear) -> None:
        """Let `ear` listen from here on; whoever raises is not told any more."""
        self._ear = ear

    def live_until(self, due: float) -> None:
        """End the stream at that monotonic time, read or not."""
        self._ending.io.watch(self._ending, due)

    def learned(self, *, quota: Quota | None) -> None:
        """Take what the provider's headers say along to the debtors."""
        self._ending.quota = quota

    async def next(self) -> Batch | None:
        """The next batch; None after the last.

        Raises:
            BrokenStream: the answer was cut, stalled or garbled. What has been handed over is not the whole.
            Cancelled: the stream was closed, given up, or open for too long, before its end.
        """
        if self._head is not None:
            batch, self._head = self._head, None
            self._note(batch)
            return batch
        ending = self._ending
        if ending.over:
            if ending.error is not None:
                raise _remembered(ending.error)
            return None
        if self._reading:
            raise RuntimeError("this stream is being read already: one reader at a time")
        self._reading = True
        try:
            got = await ending.source.next()
        except BaseException as error:
            ending.end(error)
            raise
        finally:
            self._reading = False
        if got is None:
            ending.end(None)
            return None
        self._note(got)
        return got

    def _note(self, batch: Batch) -> None:
        ending = self._ending
        if self._ear is not None:
            self._tell(self._ear, batch)
        for chunk in batch.chunks:
            ending.delivered += weight(chunk.text) + weight(chunk.reasoning)
            if chunk.usage is not None:
                ending.usage = chunk.usage
            if chunk.finish is not None:
                ending.finish = chunk.finish
        if batch.last:
            ending.end(None)

    def _tell(self, ear: Ear, batch: Batch) -> None:
        try:
            ear.note(batch)
        except Exception as fault:  # noqa: BLE001  (ours, and told; the answer goes on)
            self._ear = None
            self._ending.io.emit(Fault(f"hear {type(ear).__name__}", told(fault)))

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self

    async def __anext__(self) -> Chunk:
        """The next chunk that has anything to say."""
        while not self._chunks:
            batch = await self.next()
            if batch is None:
                raise StopAsyncIteration
            self._chunks = [chunk for chunk in reversed(batch.chunks) if chunk.telling]
        return self._chunks.pop()

    def abort(self, why: str = "the caller has left") -> None:
        """Let go of everything, at once. Safe at any time."""
        self._head = None
        self._ending.end(Cancelled(why))

    async def aclose(self) -> None:
        """End the stream; what has not been read is lost."""
        self.abort("the stream was closed")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        ending = getattr(self, "_ending", None)
        if ending is not None and not ending.over:
            ending.io.on_loop(ending.drop)

    def __repr__(self) -> str:
        return f"Stream(target={self.target!r}, finish={self.finish!r})"
