"""Chat answers, streamed: our chunks into Cohere's events."""

from __future__ import annotations

from outlast.dialects import sse, wire
from outlast.dialects.blocks import Block, BlockWriter
from outlast.dialects.cohere import errors as cohere_errors
from outlast.dialects.cohere.reply import answer_id, finish_told, usage_told
from outlast.model.errors import Failure
from outlast.model.messages import Opening, Request


class CohereWriter(BlockWriter):
    """Writes one stream of chat events."""

    __slots__ = ("_calls",)

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._calls = -1  # of the last call; blocks and calls are counted apart

    def _head(self, opening: Opening) -> bytes:
        message = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        head: dict[str, object] = {"id": answer_id(opening.id, self._request.body), "delta": {"message": message}}
        return _event("message-start", head)

    def _opened(self, block: Block) -> bytes:
        if block.kind == "tool":
            self._calls += 1
            call = {"id": block.id, "type": "function", "function": {"name": block.name, "arguments": ""}}
            return _about("tool-call-start", self._calls, {"tool_calls": call})
        self._index += 1
        return _about("content-start", self._index, {"content": {"type": block.kind, block.kind: ""}})

    def _piece(self, kind: str, text: str) -> bytes:
        if kind == "tool":
            return _about("tool-call-delta", self._calls, {"tool_calls": {"function": {"arguments": text}}})
        return _about("content-delta", self._index, {"content": {kind: text}})

    def _closed(self, kind: str) -> bytes:
        if kind == "tool":
            return _event("tool-call-end", {"index": self._calls})
        return _event("content-end", {"index": self._index})

    def _last(self) -> bytes:
        delta = {"finish_reason": finish_told(self._finish), "usage": usage_told(self._usage)}
        return _event("message-end", {"delta": delta})

    def fail(self, failure: Failure, request_id: str) -> bytes:
        """The end of an answer that was given up, which is how Cohere tells of an error."""
        return _event("message-end", {"id": request_id, "delta": cohere_errors.delta(failure, request_id)})


def _about(kind: str, index: int, message: dict[str, object]) -> bytes:
    return _event(kind, {"index": index, "delta": {"message": message}})


def _event(kind: str, fields: dict[str, object]) -> bytes:
    return sse.render(kind.encode(), wire.dumps({"type": kind, **fields}))
