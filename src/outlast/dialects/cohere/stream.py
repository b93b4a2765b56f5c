"""Chat answers, streamed: Cohere's events into our chunks.

    message-start{id}
      tool-plan-delta …  ·  content-start{index} ─ content-delta … ─ content-end          per block, text or thinking
      tool-call-start{index} ─ tool-call-delta … ─ tool-call-end                          per call
      citation-start ─ citation-end                                                       passed on, nothing for others
    message-end{finish_reason, usage}                                    ([DONE] may follow, unknown events at any time)

The finish reason, the usage and the end are one event. An answer that was given up ends with one too: its reason is
an error's.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct

from outlast.dialects import wire
from outlast.dialects.classify import in_band
from outlast.dialects.cohere.reply import (
    WireBlock,
    WireCall,
    WireFunction,
    demand_success,
    finish_read,
    usage_in,
)
from outlast.dialects.stream import EventReader
from outlast.model import estimate
from outlast.model.errors import BadResponse
from outlast.model.messages import Chunk, Request, ToolDelta
from outlast.model.target import Target


class _Message(Struct, gc=False):
    content: WireBlock | list[Raw] | None = None
    tool_calls: WireCall | list[Raw] | None = None
    tool_plan: str | None = None


class _Delta(Struct, gc=False):
    message: _Message | None = None
    finish_reason: str | None = None
    usage: Raw = Raw()
    error: str | None = None


class _Event(Struct, gc=False):
    type: str = ""
    index: int | None = None
    id: str | None = None
    delta: _Delta | None = None
    error: Any = None
    message: Any = None


class _Kind(Struct):
    type: str


_EVENT = msgspec.json.Decoder(_Event)
_KIND = msgspec.json.Decoder(_Kind)
_DONE = b"[DONE]"
_NOTHING = _Message()
_KNOWN = frozenset({
    "message-start", "content-start", "content-delta", "content-end", "tool-plan-delta", "tool-call-start",
    "tool-call-delta", "tool-call-end", "message-end",
})  # fmt: skip


class CohereReader(EventReader):
    """Reads one stream of chat events."""

    __slots__ = ("_blank", "_call", "_request", "_size", "_target")

    def __init__(self, request: Request, target: Target) -> None:
        super().__init__()
        self._request = request
        self._target = target
        self._call = -1  # number of the last tool call that began
        self._blank: set[int] = set()  # tool calls that have said no arguments yet
        self._size = 0

    def _take(self, data: bytes, chunks: list[Chunk]) -> bool:
        try:
            event = _EVENT.decode(data)
        except wire.BROKEN:
            return self._unknown(data)
        message = (event.delta.message if event.delta is not None else None) or _NOTHING
        if event.type == "content-delta":
            self._say(message, chunks)
        elif event.type.startswith("tool-"):
            self._tool(event, message, chunks)
        else:
            self._frame(event, message, chunks)
        return True

    def _say(self, message: _Message, chunks: list[Chunk]) -> None:
        """Words, of the answer or of the thoughts before it."""
        block = message.content
        if isinstance(block, WireBlock) and (block.text or block.thinking):
            text, thought = block.text or "", block.thinking or ""
            self._size += estimate.weight(text) + estimate.weight(thought)
            chunks.append(Chunk(text, reasoning=thought))

    def _frame(self, event: _Event, message: _Message, chunks: list[Chunk]) -> None:
        """What stands around the words."""
        kind = event.type
        if kind == "message-end":
            self._finish(event, chunks)
        elif kind == "message-start":
            self.opening.id = event.id or ""
        elif kind == "content-start":
            block = message.content
            self.opening.blocks = (event.index or 0) + 1
            self.opening.block = (block.type if isinstance(block, WireBlock) else "") or "text"
            self._say(message, chunks)
        elif kind == "content-end":
            self.opening.block = ""
        elif not kind:
            if event.error or isinstance(event.message, str):
                raise in_band(event.error or {"message": event.message}, self._target)
            raise BadResponse("an event of the stream is of another protocol")
        elif kind == "error" or event.error:
            raise in_band(event.error or {"message": event.message}, self._target)

    def _tool(self, event: _Event, message: _Message, chunks: list[Chunk]) -> None:
        """A piece of a tool call, or of the plan behind it."""
        if message.tool_plan:
            self._size += estimate.weight(message.tool_plan)
            chunks.append(Chunk(reasoning=message.tool_plan))
        call = message.tool_calls if isinstance(message.tool_calls, WireCall) else None
        function = (call.function if call is not None else None) or WireFunction()
        arguments = function.arguments or ""
        self._size += estimate.weight(arguments)
        if event.type == "tool-call-start":
            self._call = event.index if event.index is not None else self._call + 1
            if not arguments:
                self._blank.add(self._call)
            named = ToolDelta(self._call, (call.id if call is not None else "") or "", function.name or "", arguments)
            chunks.append(Chunk(tool=named))
            return
        number = event.index if event.index is not None else self._call
        if event.type == "tool-call-delta" and arguments:
            self._blank.discard(number)
            chunks.append(Chunk(tool=ToolDelta(number, arguments=arguments)))
        elif event.type == "tool-call-end" and number in self._blank:
            self._blank.discard(number)
            chunks.append(Chunk(tool=ToolDelta(number, arguments="{}")))

    def _finish(self, event: _Event, chunks: list[Chunk]) -> None:
        delta = event.delta or _Delta()
        if delta.error and delta.finish_reason not in {"ERROR", "TIMEOUT"}:
            raise in_band({"message": delta.error}, self._target)
        if delta.finish_reason is None:
            raise BadResponse("the stream ended without a finish reason")
        demand_success(delta.finish_reason, delta.error or "", self._target)
        self.finished = self._ended = True
        usage = usage_in(delta.usage) or estimate.of_stream(self._size, self._request)
        chunks.append(Chunk(finish=finish_read(delta.finish_reason), usage=usage))

    def _unknown(self, data: bytes) -> bool:
        """An event that is none of ours passes; one that should be and is not, is garbled."""
        text = data.strip()
        if text == _DONE:
            raise BadResponse("the stream ended without a finish reason")
        try:
            kind = _KIND.decode(data).type if text else ""
        except wire.BROKEN:
            raise BadResponse("an event of the stream is garbled") from None
        if kind in _KNOWN:
            raise BadResponse("an event of the stream is garbled")
        return bool(kind)
