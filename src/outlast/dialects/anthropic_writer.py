"""Messages, streamed: our chunks into Anthropic's events.

Anthropic's blocks stand one behind the other, while other dialects may mix the pieces of several tool calls. So the
first tool call is written as it comes, and whatever comes between its pieces waits until the end: nothing is lost, and
the order changes only where a provider mixes.
"""

from __future__ import annotations

from msgspec import Struct

from outlast.dialects import errors, sse, wire
from outlast.dialects.anthropic_blocks import tool_id
from outlast.dialects.anthropic_reply import answer_id, finish_told, usage_told
from outlast.model.errors import Failure
from outlast.model.messages import Chunk, Opening, Request, ToolDelta, Usage


class _Held(Struct):
    """A block that waits for its turn."""

    kind: str
    id: str = ""
    name: str = ""
    text: str = ""


_KEYS = {"text": "text", "thinking": "thinking", "tool": "partial_json"}
_DELTAS = {"text": "text_delta", "thinking": "thinking_delta", "tool": "input_json_delta"}


class AnthropicWriter:
    """Writes one stream of message events."""

    __slots__ = ("_finish", "_held", "_index", "_open", "_refused", "_request", "_started", "_tool", "_usage")

    def __init__(self, request: Request) -> None:
        self._request = request
        self._started = False
        self._index = -1
        self._open = ""  # kind of the block being written
        self._tool = -1  # number of the tool call being written
        self._held: dict[str | int, _Held] = {}
        self._finish = "stop"
        self._refused = False
        self._usage = Usage(input=request.tokens, estimated=True)

    def start(self, opening: Opening) -> bytes:
        """The head of the message; its usage is an estimate, which the end overwrites."""
        self._started = True
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

    def go_on(self, opening: Opening) -> bytes:
        """What ends an open block of thoughts; words go on in theirs."""
        self._started = True
        self._index = opening.blocks - 1
        self._open = opening.block
        events: list[bytes] = []
        if self._open != "text":
            self._close(events)
        return b"".join(events)

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
            self._say("thinking", chunk.reasoning, events)
        if chunk.signature and self._open == "thinking":
            events.append(self._delta({"type": "signature_delta", "signature": chunk.signature}))
        if chunk.text or chunk.refusal:
            self._refused = self._refused or bool(chunk.refusal)
            self._say("text", chunk.text + chunk.refusal, events)
        if chunk.tool is not None:
            self._call(chunk.tool, events)

    def _say(self, kind: str, text: str, events: list[bytes]) -> None:
        if self._open == "tool":
            held = self._held.setdefault(kind, _Held(kind))
            held.text += text
            return
        if self._open != kind:
            self._begin(kind, _block(kind), events)
        if text:
            events.append(self._piece(kind, text))

    def _call(self, tool: ToolDelta, events: list[bytes]) -> None:
        if self._open == "tool" and self._tool == tool.index:
            if tool.arguments:
                events.append(self._piece("tool", tool.arguments))
        elif self._open != "tool" and tool.name and tool.index not in self._held:
            self._tool = tool.index
            self._begin("tool", _tool_use(tool.id, tool.name), events)
            if tool.arguments:
                events.append(self._piece("tool", tool.arguments))
        else:
            held = self._held.setdefault(tool.index, _Held("tool"))
            held.id, held.name = held.id or tool.id, held.name or tool.name
            held.text += tool.arguments

    def _begin(self, kind: str, block: dict[str, object], events: list[bytes]) -> None:
        self._close(events)
        self._open = kind
        self._index += 1
        events.append(_event("content_block_start", {"index": self._index, "content_block": block}))

    def _piece(self, kind: str, text: str) -> bytes:
        return self._delta({"type": _DELTAS[kind], _KEYS[kind]: text})

    def _delta(self, delta: dict[str, object]) -> bytes:
        return _event("content_block_delta", {"index": self._index, "delta": delta})

    def _close(self, events: list[bytes]) -> None:
        if self._open:
            events.append(_event("content_block_stop", {"index": self._index}))
            self._open = ""

    def note(self, target: str, source: str, cost: float | None, attempts: int) -> None:
        """Anthropic's streams have no place for these."""

    def end(self) -> bytes:
        """The blocks that waited, why it ended, and the usage; nothing when the events were not ours."""
        if not self._started:
            return b""
        events: list[bytes] = []
        self._close(events)
        for held in self._held.values():
            block = _tool_use(held.id, held.name) if held.kind == "tool" else _block(held.kind)
            self._begin(held.kind, block, events)
            events.append(self._piece(held.kind, held.text))
            self._close(events)
        reason = "refusal" if self._refused and self._finish == "stop" else finish_told(self._finish)
        delta = {"stop_reason": reason, "stop_sequence": None}
        events.append(_event("message_delta", {"delta": delta, "usage": usage_told(self._usage)}))
        events.append(_event("message_stop", {}))
        return b"".join(events)

    def fail(self, failure: Failure, request_id: str) -> bytes:
        """The error as an event."""
        return sse.render(b"error", errors.anthropic(failure, request_id)[1])


def _tool_use(id_: str, name: str) -> dict[str, object]:
    return {"type": "tool_use", "id": tool_id(id_), "name": name, "input": {}}


def _block(kind: str) -> dict[str, object]:
    empty: dict[str, object] = {"type": kind, _KEYS[kind]: ""}
    return {**empty, "signature": ""} if kind == "thinking" else empty


def _event(kind: str, fields: dict[str, object]) -> bytes:
    return sse.render(kind.encode(), wire.dumps({"type": kind, **fields}))
