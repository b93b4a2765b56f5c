"""A whole reply as a stream: for a caller who asked for one, of a provider who did not give it, or of nobody."""

from __future__ import annotations

from outlast.flow.call import Call
from outlast.flow.stream import End, Stream
from outlast.model.messages import Batch, Chunk, Opening, Reasoning, Refusal, Reply, Text, ToolCall, ToolDelta


class OneBatch:
    """The source of a stream whose provider answered with a whole reply instead."""

    __slots__ = ("_batch", "dialect", "opening", "target")

    def __init__(self, reply: Reply, target: str) -> None:
        self._batch: Batch | None = Batch(b"", chunks_of(reply), last=True)
        self.opening = Opening(reply.id, reply.model, reply.created)
        self.target = target
        self.dialect = ""

    def take(self) -> Batch:
        """The one batch."""
        batch, self._batch = self._batch, None
        return batch or Batch(b"", [], last=True)

    async def next(self) -> Batch | None:
        """Nothing follows."""
        return None

    def abort(self) -> None:
        """There is nothing to let go of."""


def chunks_of(reply: Reply) -> list[Chunk]:
    """A whole answer as the chunks of a stream."""
    chunks = []
    calls = 0
    for part in reply.parts:
        if isinstance(part, Text):
            chunks.append(Chunk(text=part.text))
        elif isinstance(part, Reasoning):
            chunks.append(Chunk(reasoning=part.text, signature=part.signature))
        elif isinstance(part, Refusal):
            chunks.append(Chunk(refusal=part.text))
        elif isinstance(part, ToolCall):
            chunks.append(Chunk(tool=ToolDelta(calls, part.id, part.name, part.arguments)))
            calls += 1
    return [*chunks, Chunk(finish=reply.finish, usage=reply.usage)]


class Free:
    """A debt of an answer that nobody was asked for."""

    __slots__ = ()

    def settle(self, call: Call, end: End, now: float) -> None:  # noqa: ARG002  (as all debts)
        """It costs nothing."""
        end.cost = 0.0


FREE = (Free(),)


def as_stream(reply: Reply, call: Call) -> Stream:
    """A whole answer that nobody was asked for, as a stream."""
    source = OneBatch(reply, reply.target)
    stream = Stream(source, source.take(), call.io, prompt=call.request.tokens)
    stream.source, stream.attempts, stream.dropped = reply.source, reply.attempts, reply.dropped
    stream.cut = reply.cut
    stream.owe(call, FREE)
    return stream
