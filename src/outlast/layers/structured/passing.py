"""The source of a stream that is handed over as it comes, and judged at its end.

provider holds it to the schema        passed on as it is; if it does not match after all, it ends with an error
parts are wanted as they come          passed on without what stands around the JSON, and ends likewise
a tool call, a refusal                 is no answer yet, or none: passed on as it is
"""

from __future__ import annotations

from collections.abc import Callable

from outlast.flow.call import Call
from outlast.flow.stream import End, Stream
from outlast.layers.structured.finding import parts
from outlast.layers.structured.growing import Growing
from outlast.layers.structured.spending import Spent
from outlast.model.errors import InvalidOutput
from outlast.model.messages import Batch, Chunk, Opening

Judge = Callable[[str, str], InvalidOutput | None]
"""What is wrong with an answer of this text and finish reason, if anything is; it tells that too."""


class Bare:
    """Lets through what belongs to the JSON document, and not what stands around it."""

    __slots__ = ("_given", "_growing")

    def __init__(self) -> None:
        self._growing: Growing | None = None
        self._given = 0

    def feed(self, new: str) -> str:
        """What of it belongs to the document, as far as that is certain."""
        growing = self._growing
        if growing is None:
            return self._look(new)
        growing.feed(new)
        return self._look(growing.text) if growing.broken and not self._given else self._more(growing)

    def _look(self, text: str) -> str:
        """Where a document begins, if one does."""
        self._growing = growing = next(parts(text), None)
        return "" if growing is None else self._more(growing)

    def _more(self, growing: Growing) -> str:
        over = growing.end != -1
        if not (growing.begun or over):
            return ""
        end = growing.end if over else len(growing.text)
        given, self._given = growing.text[self._given : end], end
        return given


class Passed:
    """Implements `Source`, and is a debt of the stream that it feeds.

    Args:
        part: the stream that is there.
        before: what was read of it already, to be handed over first.
        spent: what earlier answers have taken.
        judge: says what is wrong with the whole; None where nothing is to be judged.
        bare: cuts off what stands around the JSON; None to let all through.
    """

    __slots__ = ("_bare", "_before", "_judge", "_part", "_spent", "_text", "dialect", "target")

    def __init__(
        self, part: Stream, before: list[Batch], spent: Spent, judge: Judge | None, bare: Bare | None = None
    ) -> None:
        self._part = part
        self._before = before
        self._spent = spent
        self._judge = judge
        self._bare = bare
        self._text: list[str] = []
        self.target = part.target
        self.dialect = part.dialect

    @property
    def opening(self) -> Opening:
        """What the provider said of the answer at its start."""
        return self._part.opening

    async def next(self) -> Batch | None:
        """The next batch; None after the last. Raises `InvalidOutput` in the place of the finish."""
        while True:
            batch = self._before.pop(0) if self._before else await self._part.next()
            if batch is None:
                return None
            given = self._looked_at(batch)
            if given is not None:
                return given

    def _looked_at(self, batch: Batch) -> Batch | None:
        """What of the batch is handed over; None for nothing."""
        if self._bare is not None or self._spent.usage is not None:
            batch = Batch(b"", [self._told(chunk) for chunk in batch.chunks], batch.last)
        for chunk in batch.chunks:
            self._note(chunk)
        return batch if batch.last or batch.raw or any(chunk.telling for chunk in batch.chunks) else None

    def _told(self, chunk: Chunk) -> Chunk:
        """The chunk as the caller gets it."""
        if self._bare is not None:
            chunk.text = self._bare.feed(chunk.text)
        if chunk.usage is not None:
            chunk.usage = self._spent.with_more(chunk.usage)
        return chunk

    def _note(self, chunk: Chunk) -> None:
        """Judge the whole when it has finished; what is no text is not judged."""
        if chunk.refusal or chunk.tool:
            self._judge = None
        judge = self._judge
        if judge is None:
            return
        self._text.append(chunk.text)
        if chunk.finish is None:
            return
        self._judge = None
        wrong = judge("".join(self._text), chunk.finish)
        if wrong is not None:
            raise wrong

    def abort(self) -> None:
        """Let go of everything, at once."""
        self._part.abort()

    def settle(self, call: Call, end: End, now: float) -> None:  # noqa: ARG002  (as all debts)
        """All is over: what all answers took together, and nobody needs the question any more."""
        self._spent.add(self._part.usage, self._part.cost)
        end.usage, end.cost = self._spent.usage, self._spent.cost
        call.request.forget()
