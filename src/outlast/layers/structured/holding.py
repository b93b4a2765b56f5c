"""A stream that is read to its end before anybody sees it: what is handed over if it is right."""

from __future__ import annotations

from outlast.flow.call import Call
from outlast.flow.stream import End, Stream
from outlast.layers.structured.spending import Spent
from outlast.model.errors import TimedOut
from outlast.model.messages import Batch, Chunk, Opening


class Heard:
    """What was read of a stream.

    Attributes:
        batches: as they came.
        text: the words.
        finish: why it ended; empty while it has not.
        open: it holds what is no text to be judged (a tool call, a refusal), and is to be handed over as it is.
    """

    __slots__ = ("batches", "finish", "open", "text")

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.finish = ""
        self.open = False

    async def read(self, stream: Stream, call: Call) -> None:
        """Read the stream to its end, or until it is to be handed over.

        Raises:
            BrokenStream: it was cut; nobody has seen anything of it.
            TimedOut: the deadline has passed.
        """
        words: list[str] = []
        while (batch := await stream.next()) is not None:
            self.batches.append(batch)
            for chunk in batch.chunks:
                words.append(chunk.text)
                self.open = self.open or bool(chunk.tool or chunk.refusal)
                self.finish = chunk.finish or self.finish
            if self.open:
                return
            if not batch.last and call.io.now() >= call.deadline:
                raise late(stream.target)
        self.text = "".join(words)

    def told(self, text: str, spent: Spent) -> Batch:
        """All of it in one piece, with this text instead of its own."""
        chunks = [chunk for batch in self.batches for chunk in batch.chunks]
        thoughts = [
            Chunk(reasoning=chunk.reasoning, signature=chunk.signature)
            for chunk in chunks
            if chunk.reasoning or chunk.signature
        ]
        return Batch(b"", [*thoughts, Chunk(text), Chunk(finish=self.finish, usage=spent.usage)], last=True)


class Whole:
    """The source of a stream that comes in one piece. Implements `Source`, and is a debt of the stream."""

    __slots__ = ("_spent", "dialect", "opening", "target")

    def __init__(self, opening: Opening, target: str, spent: Spent) -> None:
        self.opening = opening
        self.target = target
        self.dialect = ""
        self._spent = spent

    async def next(self) -> Batch | None:
        """Nothing follows."""
        return None

    def abort(self) -> None:
        """There is nothing to let go of."""

    def settle(self, call: Call, end: End, now: float) -> None:  # noqa: ARG002  (as all debts)
        """What all answers took together."""
        end.usage, end.cost = self._spent.usage, self._spent.cost


def late(target: str) -> TimedOut:
    """The deadline has passed while an answer was held back."""
    failure = TimedOut("the answer was not whole by the deadline, and is only of use when it is whole")
    failure.target = target
    failure.timer = "deadline"
    failure.outcome = "neutral"
    return failure
