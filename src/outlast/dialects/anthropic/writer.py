"""Messages, streamed: our chunks into Anthropic's events."""

from __future__ import annotations

from outlast.dialects import errors, sse, wire
from outlast.dialects.anthropic.blocks import tool_id
from outlast.dialects.anthropic.reply import answer_id, finish_told, usage_told
from outlast.dialects.blocks import Block, BlockWriter
from outlast.model.errors import Failure
from outlast.model.messages import Chunk, Opening, Request

_KEYS = {"text": "text", "thinking": "thinking", "tool": "partial_json"}
_DELTAS = {"text": "text_delta", "thinking": "thinking_delta", "tool": "input_json_delta"}


class AnthropicWriter(BlockWriter):
    """Writes one stream of message events."""

    __slots__ = ("_refused",)

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._refused = False

    def _head(self, opening: Opening) -> bytes:
        """Its usage is an estimate, which the end overwrites."""
        message: dict[str, object] = {
            "id": answer_id(opening.id, self._request.body),
            "type": "message",
            "role": "assistant",
            "model": opening.model or self._request.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_told(self._usage),
        }
        return _event("message_start", {"message": message})

    def _write(self, chunk: Chunk, events: list[bytes]) -> None:
        self._refused = self._refused or bool(chunk.refusal)
        super()._write(chunk, events)

    def _think(self, chunk: Chunk, events: list[bytes]) -> None:
        """Thoughts and their signature, which may come alone."""
        self._say("thinking", chunk.reasoning, events)
        if chunk.signature and self._open == "thinking":
            events.append(self._delta({"type": "signature_delta", "signature": chunk.signature}))

    def _opened(self, block: Block) -> bytes:
        self._index += 1
        return _event("content_block_start", {"index": self._index, "content_block": _empty(block)})

    def _piece(self, kind: str, text: str) -> bytes:
        return self._delta({"type": _DELTAS[kind], _KEYS[kind]: text})

    def _delta(self, delta: dict[str, object]) -> bytes:
        return _event("content_block_delta", {"index": self._index, "delta": delta})

    def _closed(self, kind: str) -> bytes:  # noqa: ARG002  (one shape for all blocks)
        return _event("content_block_stop", {"index": self._index})

    def _last(self) -> bytes:
        reason = "refusal" if self._refused and self._finish == "stop" else finish_told(self._finish)
        delta = {"stop_reason": reason, "stop_sequence": None}
        return _event("message_delta", {"delta": delta, "usage": usage_told(self._usage)}) + _event("message_stop", {})

    def fail(self, failure: Failure, request_id: str) -> bytes:
        """The error as an event."""
        return sse.render(b"error", errors.anthropic(failure, request_id)[1])


def _empty(block: Block) -> dict[str, object]:
    """The block as it begins."""
    if block.kind == "tool":
        return {"type": "tool_use", "id": tool_id(block.id), "name": block.name, "input": {}}
    empty: dict[str, object] = {"type": block.kind, _KEYS[block.kind]: ""}
    return {**empty, "signature": ""} if block.kind == "thinking" else empty


def _event(kind: str, fields: dict[str, object]) -> bytes:
    return sse.render(kind.encode(), wire.dumps({"type": kind, **fields}))
