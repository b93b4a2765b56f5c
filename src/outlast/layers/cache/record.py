"""A stream that is written down while its caller reads it, and kept once it is complete."""

from __future__ import annotations

from collections.abc import Callable

from outlast.flow.call import Call
from outlast.flow.entry import Entry
from outlast.flow.stream import End, Stream
from outlast.model.messages import Batch, Chunk, Part, Reasoning, Refusal, Text, ToolCall, Usage

Keep = Callable[[Entry, tuple[Part, ...]], None]


class Record:
    """Listens to a stream, and is a debt of it. What can not be told again in other words is given up.

    Args:
        stream: what is written down.
        life: for how many seconds it is to be kept.
        most: so many characters; a longer one is given up.
        keep: takes it when it is complete.
        give_up: is told why there is nothing to keep.
    """

    __slots__ = (
        "_cut",
        "_dropped",
        "_finish",
        "_give_up",
        "_keep",
        "_left",
        "_life",
        "_opening",
        "_pieces",
        "_target",
        "_why",
    )

    def __init__(self, stream: Stream, life: float, most: int, keep: Keep, give_up: Callable[[str], None]) -> None:
        self._opening = stream.opening
        self._target = stream.target
        self._dropped = stream.dropped
        self._cut = stream.cut
        self._life = life
        self._left = most
        self._keep = keep
        self._give_up = give_up
        self._pieces: list[Piece] = []
        self._finish = ""
        self._why = ""

    def note(self, batch: Batch) -> None:
        """The caller is about to get this."""
        for chunk in batch.chunks:
            if self._why:
                return
            self._take(chunk)

    def _take(self, chunk: Chunk) -> None:
        if chunk.restart:
            self._pieces.clear()
        if chunk.choice or chunk.audio:
            self._lose("it holds what is not kept")
            return
        if chunk.reasoning or chunk.signature:
            self._of("reasoning").add(chunk.reasoning, chunk.signature)
        if chunk.text:
            self._of("text").add(chunk.text)
        if chunk.refusal:
            self._of("refusal").add(chunk.refusal)
        if (tool := chunk.tool) is not None:
            self._of("tool", tool.index).add(tool.arguments, tool.id, tool.name)
        self._left -= chunk.size
        if self._left < 0:
            self._lose("it is too large")
        self._finish = chunk.finish or self._finish

    def _of(self, kind: str, index: int = 0) -> Piece:
        """What words of that kind are added to: the last ones, or those of the same tool call."""
        known = self._pieces if kind == "tool" else self._pieces[-1:]
        for piece in known:
            if (piece.kind, piece.index) == (kind, index):
                return piece
        piece = Piece(kind, index)
        self._pieces.append(piece)
        return piece

    def _lacks(self, call: Call, end: End) -> str:
        """Why it is not to be kept; empty if it is."""
        if end.error is not None:
            return "it was not read to its end"
        if call.story.resumed:
            return "it was pieced together"
        return self._why or ("" if self._finish else "it has no end")

    def _lose(self, why: str) -> None:
        self._why = why
        self._pieces.clear()

    def settle(self, call: Call, end: End, now: float) -> None:  # noqa: ARG002  (as all debts)
        """The stream is over: keep what was written down, if it is whole."""
        if why := self._lacks(call, end):
            self._give_up(why)
            return
        opening, parts = self._opening, tuple(piece.part() for piece in self._pieces)
        entry = Entry(
            life=self._life,
            target=self._target,
            model=opening.model,
            finish=self._finish,
            usage=end.usage or Usage(),
            id=opening.id,
            created=opening.created,
            dropped=self._dropped,
            cut=self._cut,
            parts=parts,
        )
        self._pieces.clear()
        self._keep(entry, parts)


class Piece:
    """Words of one kind. `id` is a tool call's, or the signature of thoughts."""

    __slots__ = ("id", "index", "kind", "name", "words")

    def __init__(self, kind: str, index: int) -> None:
        self.kind = kind
        self.index = index
        self.words: list[str] = []
        self.id = self.name = ""

    def add(self, words: str, id_: str = "", name: str = "") -> None:
        """More of them."""
        self.words.append(words)
        self.id, self.name = self.id or id_, self.name or name

    def part(self) -> Part:
        """All of them."""
        words = "".join(self.words)
        if self.kind == "tool":
            return ToolCall(self.id, self.name, words)
        if self.kind == "reasoning":
            return Reasoning(words, signature=self.id)
        return Refusal(words) if self.kind == "refusal" else Text(words)
