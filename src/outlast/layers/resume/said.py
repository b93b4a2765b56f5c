"""What a stream has said so far, as far as somebody else must know it to go on."""

from __future__ import annotations

from outlast.model.messages import Chunk

GATHERED = 32
"""So many pieces are made one now and then: small strings take ten times their letters."""
LONG_PIECES = 8
"""Pieces of more characters on average hold several tokens each; others hold one."""


class Said:
    """The words, and whatever else cannot be gone on with.

    Attributes:
        size: characters.
        pieces: how many the words came in.
        beyond: what was under way that nobody can go on with; empty for words and thoughts.
        finish: why the answer ended, once that was told.
    """

    __slots__ = ("_blocks", "_longest", "_words", "beyond", "finish", "pieces", "size")

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._blocks: list[str] = []
        self._words: list[str] = []
        self.size = 0
        self.pieces = 0
        self.beyond = ""
        self.finish: str | None = None

    def note(self, chunks: list[Chunk]) -> None:
        """These were handed over."""
        for chunk in chunks:
            words = chunk.text
            if words:
                self.pieces += 1
                self.size += len(words)
                self._words.append(words)
                if len(self._words) >= GATHERED or self.size > self._longest:
                    self._gather()
            elif chunk.content and not chunk.reasoning:
                self.beyond = _kind(chunk)
            if chunk.finish is not None:
                self.finish = chunk.finish

    def _gather(self) -> None:
        """Make one of many pieces, or forget all of them where there are too many."""
        self._blocks.append("".join(self._words))
        self._words.clear()
        if self.size > self._longest:
            self.beyond = "more than is remembered"
            self._blocks.clear()

    @property
    def text(self) -> str:
        """All of the words."""
        return "".join(self._blocks) + "".join(self._words)

    @property
    def tokens(self) -> int:
        """How many tokens the words have, about: one for each piece, where they are as short as tokens are."""
        return self.pieces if self.size <= LONG_PIECES * self.pieces else self.size // 4


def _kind(chunk: Chunk) -> str:
    """What it holds that nobody can go on with."""
    if chunk.tool:
        return "a tool call"
    if chunk.refusal:
        return "a refusal"
    return "the work of a provider's own tool" if chunk.work else "audio"
