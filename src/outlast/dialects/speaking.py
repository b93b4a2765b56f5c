"""Writing a stream that says one answer, chunk by chunk: thoughts, then words, then calls.

For the dialects whose events stand in blocks or items; of several answers they have room for the first.
"""

from __future__ import annotations

from outlast.model.messages import Chunk, Request, ToolDelta, Usage
from outlast.ports import Facts


class OneAnswerWriter:
    """Writes the chunks of one answer. A dialect says how the events look."""

    __slots__ = ("_finish", "_request", "_usage")

    def __init__(self, request: Request) -> None:
        self._request = request
        self._finish = "stop"
        self._usage = Usage(input=request.tokens, estimated=True)

    # -- what the dialect says -----------------------------------------------------------------------------------

    def _think(self, chunk: Chunk, events: list[bytes]) -> None:
        """Thoughts, or their signature."""
        raise NotImplementedError

    def _speak(self, chunk: Chunk, events: list[bytes]) -> None:
        """Words, or a refusal."""
        raise NotImplementedError

    def _call(self, tool: ToolDelta, events: list[bytes]) -> None:
        """A piece of a call."""
        raise NotImplementedError

    # -- writing -------------------------------------------------------------------------------------------------

    def write(self, chunks: list[Chunk]) -> bytes:
        """Events for what the chunks say; of several answers only the first."""
        events: list[bytes] = []
        for chunk in chunks:
            if chunk.usage is not None:
                self._usage = chunk.usage
            if chunk.choice == 0:
                self._write(chunk, events)
        return b"".join(events)

    def _write(self, chunk: Chunk, events: list[bytes]) -> None:
        if chunk.finish is not None:
            self._finish = chunk.finish
        if chunk.reasoning or chunk.signature:
            self._think(chunk, events)
        if chunk.text or chunk.refusal:
            self._speak(chunk, events)
        if chunk.tool is not None:
            self._call(chunk.tool, events)

    def note(self, facts: Facts) -> None:
        """These streams have no place for them."""
