"""A provider that echoes our key does not get it past us."""

from __future__ import annotations

from outlast.model.messages import Chunk
from outlast.model.target import Provider


class Mask:
    """Blacks out a provider's key in what the provider says."""

    __slots__ = ("_bytes", "_word")

    def __init__(self, provider: Provider) -> None:
        self._word = provider.key.reveal()
        self._bytes = self._word.encode()

    def raw(self, said: bytes) -> bytes:
        """The same bytes without the key."""
        key = self._bytes
        return said.replace(key, b"*" * len(key)) if key and key in said else said

    def chunks(self, said: list[Chunk]) -> list[Chunk]:
        """The same chunks without the key, where it stands whole in one of them."""
        word = self._word
        if word:
            for chunk in said:
                if word in chunk.text or word in chunk.reasoning or word in chunk.refusal:
                    self._black(chunk)
        return said

    def _black(self, chunk: Chunk) -> None:
        word, black = self._word, "*" * len(self._word)
        chunk.text = chunk.text.replace(word, black)
        chunk.reasoning = chunk.reasoning.replace(word, black)
        chunk.refusal = chunk.refusal.replace(word, black)
