"""Chat answers, streamed: our chunks into Cohere's events.

Cohere's blocks and calls stand one behind the other, while other dialects may mix the pieces of several tool calls. So
the first call is written as it comes, and whatever comes between its pieces waits until the end: nothing is lost, and
the order changes only where a provider mixes.
"""

from __future__ import annotations

from msgspec import Struct

from outlast.dialects import cohere_errors, sse, wire
from outlast.dialects.cohere_reply import answer_id, finish_told, usage_told
from outlast.model.errors import Failure
from outlast.model.messages import Chunk, Opening, Request, ToolDelta, Usage


class _Held(Struct):
    """A block or a call that waits for its turn."""

    kind: str
    id: str = ""
    name: str = ""
    text: str = ""


class CohereWriter:
    """Writes one stream of chat events."""

    __slots__ = ("_calls", "_finish", "_held", "_index", "_open", "_request", "_started", "_tool", "_usage")

    def __init__(self, request: Request) -> None:
        self._request = request
        self._started = False
        self._index = -1  # of the last block
        self._calls = -1  # of the last call
        self._open = ""  # text, thinking or tool: what is being written
        self._tool = -1  # number of the tool call being written
        self._held: dict[str | int, _Held] = {}
        self._finish = "stop"
        self._usage = Usage(input=request.tokens, estimated=True)

    def start(self, opening: Opening) -> bytes:
        """The head of the message."""
        self._started = True
        message = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        head: dict[str, object] = {"id": answer_id(opening.id, self._request.body), "delta": {"message": message}}
        return _event("message-start", head)

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
        if chunk.reasoning:
            self._say("thinking", chunk.reasoning, events)
        if chunk.text or chunk.refusal:
            self._say("text", chunk.text + chunk.refusal, events)
        if chunk.tool is not None:
            self._call(chunk.tool, events)

    def _say(self, kind: str, text: str, events: list[bytes]) -> None:
        if self._open == "tool":
            self._held.setdefault(kind, _Held(kind)).text += text
            return
        if self._open != kind:
            self._begin(_Held(kind), events)
        events.append(self._piece(kind, text))

    def _call(self, tool: ToolDelta, events: list[bytes]) -> None:
        if self._open == "tool" and self._tool == tool.index:
            if tool.arguments:
                events.append(self._piece("tool", tool.arguments))
        elif self._open != "tool" and tool.name and tool.index not in self._held:
            self._tool = tool.index
            self._begin(_Held("tool", tool.id, tool.name), events)
            if tool.arguments:
                events.append(self._piece("tool", tool.arguments))
        else:
            held = self._held.setdefault(tool.index, _Held("tool"))
            held.id, held.name = held.id or tool.id, held.name or tool.name
            held.text += tool.arguments

    def _begin(self, what: _Held, events: list[bytes]) -> None:
        self._close(events)
        self._open = what.kind
        if what.kind == "tool":
            self._calls += 1
            call = {"id": what.id, "type": "function", "function": {"name": what.name, "arguments": ""}}
            message: dict[str, object] = {"tool_calls": call}
            events.append(_event("tool-call-start", {"index": self._calls, "delta": {"message": message}}))
        else:
            self._index += 1
            message = {"content": {"type": what.kind, what.kind: ""}}
            events.append(_event("content-start", {"index": self._index, "delta": {"message": message}}))

    def _piece(self, kind: str, text: str) -> bytes:
        if kind == "tool":
            message: dict[str, object] = {"tool_calls": {"function": {"arguments": text}}}
            return _event("tool-call-delta", {"index": self._calls, "delta": {"message": message}})
        message = {"content": {kind: text}}
        return _event("content-delta", {"index": self._index, "delta": {"message": message}})

    def _close(self, events: list[bytes]) -> None:
        if self._open == "tool":
            events.append(_event("tool-call-end", {"index": self._calls}))
        elif self._open:
            events.append(_event("content-end", {"index": self._index}))
        self._open = ""

    def note(self, target: str, source: str, cost: float | None, attempts: int) -> None:
        """Cohere's streams have no place for these."""

    def end(self) -> bytes:
        """What waited, why it ended, and the usage; nothing when the events were not ours."""
        if not self._started:
            return b""
        events: list[bytes] = []
        self._close(events)
        for held in self._held.values():
            self._begin(held, events)
            events.append(self._piece(held.kind, held.text))
            self._close(events)
        delta = {"finish_reason": finish_told(self._finish), "usage": usage_told(self._usage)}
        events.append(_event("message-end", {"delta": delta}))
        return b"".join(events)

    def fail(self, failure: Failure, request_id: str) -> bytes:
        """The end of an answer that was given up, which is how Cohere tells of an error."""
        return _event("message-end", {"id": request_id, "delta": cohere_errors.delta(failure, request_id)})


def _event(kind: str, fields: dict[str, object]) -> bytes:
    return sse.render(kind.encode(), wire.dumps({"type": kind, **fields}))
