"""Messages, streamed: Anthropic's events into our chunks.

    message_start{message{id, model, usage}}
      content_block_start{index, content_block} ─ content_block_delta{index, delta} … ─ content_block_stop    per block
    message_delta{delta{stop_reason}, usage}  ─  message_stop            `ping` and unknown events at any time

Every event has an `event:` line, which SDKs require; one that lacks it gets it from its own `type`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from msgspec import Raw, Struct

from outlast.dialects import sse, wire
from outlast.dialects.anthropic.reply import WINDOW, Block, WireUsage, finish_read, usage_in, usage_of
from outlast.dialects.classify import in_band
from outlast.dialects.stream import EventReader
from outlast.model import estimate
from outlast.model.errors import BadResponse, ContextLength
from outlast.model.messages import Chunk, Request, ToolDelta
from outlast.model.target import Target


class _Delta(Struct, gc=False):
    type: str = ""
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    signature: str | None = None
    stop_reason: str | None = None


class _Start(Struct):
    id: str = ""
    model: str = ""
    usage: Raw = Raw()


class _Event(Struct, gc=False):
    type: str = ""
    index: int = 0
    delta: _Delta | None = None
    content_block: Block | None = None
    message: _Start | None = None
    usage: Raw = Raw()
    error: Any = None


class _Kind(Struct):
    type: str


_EVENT = msgspec.json.Decoder(_Event)
_KIND = msgspec.json.Decoder(_Kind)
_KNOWN = frozenset({
    "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
    "message_stop", "error",
})  # fmt: skip


class AnthropicReader(EventReader):
    """Reads one stream of message events."""

    __slots__ = ("_blank", "_request", "_size", "_target", "_told", "_tools", "_usage")

    NAMED: ClassVar[bool] = True
    MARKER: ClassVar[bytes] = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

    def __init__(self, request: Request, target: Target) -> None:
        super().__init__()
        self._request = request
        self._target = target
        self._tools: dict[int, int] = {}  # a tool's block ─▶ its number among the tools
        self._blank: set[int] = set()  # tools that have said no arguments yet
        self._usage = WireUsage()
        self._told = False
        self._size = 0

    def _take(self, data: bytes, chunks: list[Chunk]) -> bool:
        try:
            event = _EVENT.decode(data)
        except wire.BROKEN:
            return self._unknown(data)
        if event.type == "content_block_delta":
            delta = event.delta
            if delta is not None and delta.text and delta.type == "text_delta":
                self._size += estimate.weight(delta.text)
                chunks.append(Chunk(delta.text))
            elif delta is not None:
                self._delta(event.index, delta, chunks)
            return True
        return self._other(event, chunks)

    def _other(self, event: _Event, chunks: list[Chunk]) -> bool:
        kind = event.type
        if kind == "error" or event.error:
            raise in_band(event.error, self._target)
        if not kind:
            raise BadResponse("an event of the stream is of another protocol")
        if kind == "message_delta":
            return self._message(event, chunks)
        if kind == "message_stop":
            return self._stop(chunks)
        if kind == "message_start" and event.message is not None:
            self.opening.id, self.opening.model = event.message.id, event.message.model
            self._count(event.message.usage)
        elif kind == "content_block_start" and event.content_block is not None:
            self.opening.blocks, self.opening.block = event.index + 1, event.content_block.type
            self._block(event.index, event.content_block, chunks)
        elif kind == "content_block_stop":
            self.opening.block = ""
            if event.index in self._blank:
                self._blank.discard(event.index)
                chunks.append(Chunk(tool=ToolDelta(self._tools[event.index], arguments="{}")))
        return True

    def _delta(self, index: int, delta: _Delta, chunks: list[Chunk]) -> None:
        if delta.partial_json:
            self._blank.discard(index)
            self._size += estimate.weight(delta.partial_json)
            number = self._tools.setdefault(index, len(self._tools))
            chunks.append(Chunk(tool=ToolDelta(number, arguments=delta.partial_json)))
        elif delta.thinking or delta.signature:
            self._size += estimate.weight(delta.thinking or "")
            chunks.append(Chunk(reasoning=delta.thinking or "", signature=delta.signature or ""))

    def _block(self, index: int, block: Block, chunks: list[Chunk]) -> None:
        """The head of a block; some providers put all of it there."""
        if block.type == "tool_use":
            number = self._tools.setdefault(index, len(self._tools))
            given = bytes(block.input)
            arguments = "" if given in {b"", b"{}", b"null"} else given.decode()
            if not arguments:
                self._blank.add(index)
            chunks.append(Chunk(tool=ToolDelta(number, block.id or "", block.name or "", arguments)))
        elif block.text or block.thinking:
            chunks.append(Chunk(block.text or "", reasoning=block.thinking or "", signature=block.signature or ""))

    def _message(self, event: _Event, chunks: list[Chunk]) -> bool:
        self._count(event.usage)
        reason = event.delta.stop_reason if event.delta is not None else None
        if reason is None:
            return True
        if self.finished:
            return False  # a second end of the same answer
        if reason == WINDOW:
            if not self._size:
                raise ContextLength("prompt is too long: prompt and answer do not fit into the model's window")
            reason = "max_tokens"
        self.finished = True
        usage = usage_of(self._usage)
        self._told = usage is not None
        chunks.append(Chunk(finish=finish_read(reason), usage=usage))
        return True

    def _stop(self, chunks: list[Chunk]) -> bool:
        if not self.finished:
            raise BadResponse("the stream ended without a stop reason")
        self._ended = True
        self._total(chunks)
        return True

    def _total(self, chunks: list[Chunk]) -> None:
        if not self._told:
            self._told = True
            chunks.append(Chunk(usage=estimate.of_stream(self._size, self._request)))

    def _count(self, raw: Raw) -> None:
        """Take over what this event says of the usage; each number overwrites the one before."""
        said = usage_in(raw) if bytes(raw) else None
        if said is None:
            return
        for name in WireUsage.__struct_fields__:
            if (value := getattr(said, name)) is not None:
                setattr(self._usage, name, value)

    def _unknown(self, data: bytes) -> bool:
        """An event that is none of ours passes; one that should be and is not, is garbled."""
        try:
            kind = _KIND.decode(data).type if data.strip() else ""
        except wire.BROKEN:
            raise BadResponse("an event of the stream is garbled") from None
        if kind in _KNOWN:
            raise BadResponse("an event of the stream is garbled")
        return bool(kind)

    def _render(self, name: bytes, data: bytes) -> bytes:
        return sse.render(_KIND.decode(data).type.encode() or name, data)
