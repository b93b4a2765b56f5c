"""Writing streams whose blocks stand one behind the other, out of chunks that may be mixed.

    call 1 {"ci   call 2 {"ci   call 1 ty": 1}   call 2 ty": 2}    ─▶    call 1 {"city": 1} · call 2 {"city": 2}

Other dialects may mix the pieces of several tool calls. The first call is written as it comes, and whatever comes
between its pieces waits until the end: nothing is lost, and the order changes only where a provider mixes.
"""

from __future__ import annotations

from msgspec import Struct

from outlast.dialects.speaking import OneAnswerWriter
from outlast.model.messages import Chunk, Opening, Request, ToolDelta


class Block(Struct):
    """One block: text, thinking or tool. `text` is what waits to be written of it."""

    kind: str
    id: str = ""
    name: str = ""
    text: str = ""


class BlockWriter(OneAnswerWriter):
    """Writes one stream of blocks. A dialect says how the events look."""

    __slots__ = ("_held", "_index", "_open", "_started", "_tool")

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._started = False
        self._index = -1  # of the last block
        self._open = ""  # kind of the block being written
        self._tool = -1  # number of the tool call being written
        self._held: dict[str | int, Block] = {}

    # -- what the dialect says -----------------------------------------------------------------------------------

    def _head(self, opening: Opening) -> bytes:
        """What stands before the first block."""
        raise NotImplementedError

    def _opened(self, block: Block) -> bytes:
        """A block begins."""
        raise NotImplementedError

    def _piece(self, kind: str, text: str) -> bytes:
        """More of the block that is open."""
        raise NotImplementedError

    def _closed(self, kind: str) -> bytes:
        """The block that was open is over."""
        raise NotImplementedError

    def _last(self) -> bytes:
        """What stands behind the last block: why the answer ended, and the usage."""
        raise NotImplementedError

    # -- writing -------------------------------------------------------------------------------------------------

    def start(self, opening: Opening) -> bytes:
        """The head of the answer."""
        self._started = True
        return self._head(opening)

    def go_on(self, opening: Opening) -> bytes:
        """What ends an open block of thoughts; words go on in theirs."""
        self._started = True
        self._index = opening.blocks - 1
        self._open = opening.block
        events: list[bytes] = []
        if self._open != "text":
            self._close(events)
        return b"".join(events)

    def _speak(self, chunk: Chunk, events: list[bytes]) -> None:
        self._say("text", chunk.text + chunk.refusal, events)

    def _think(self, chunk: Chunk, events: list[bytes]) -> None:
        """Thoughts, without their signature where the dialect has no place for one."""
        if chunk.reasoning:
            self._say("thinking", chunk.reasoning, events)

    def _say(self, kind: str, text: str, events: list[bytes]) -> None:
        if self._open == "tool":
            self._held.setdefault(kind, Block(kind)).text += text
            return
        if self._open != kind:
            self._begin(Block(kind), events)
        if text:
            events.append(self._piece(kind, text))

    def _call(self, tool: ToolDelta, events: list[bytes]) -> None:
        if self._open == "tool" and self._tool == tool.index:
            if tool.arguments:
                events.append(self._piece("tool", tool.arguments))
        elif self._open != "tool" and tool.name and tool.index not in self._held:
            self._tool = tool.index
            self._begin(Block("tool", tool.id, tool.name), events)
            if tool.arguments:
                events.append(self._piece("tool", tool.arguments))
        else:
            held = self._held.setdefault(tool.index, Block("tool"))
            held.id, held.name = held.id or tool.id, held.name or tool.name
            held.text += tool.arguments

    def _begin(self, block: Block, events: list[bytes]) -> None:
        self._close(events)
        self._open = block.kind
        events.append(self._opened(block))

    def _close(self, events: list[bytes]) -> None:
        if self._open:
            events.append(self._closed(self._open))
            self._open = ""

    def end(self) -> bytes:
        """The blocks that waited, and what stands behind the last; nothing when the events were not ours."""
        if not self._started:
            return b""
        events: list[bytes] = []
        self._close(events)
        for block in self._held.values():
            self._begin(block, events)
            events.append(self._piece(block.kind, block.text))
            self._close(events)
        return b"".join([*events, self._last()])
