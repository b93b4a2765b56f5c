"""Chat answers, streamed: our chunks into Ollama's lines.

A tool call stands whole in one line, while other dialects bring its arguments in pieces: they wait for the end.
"""

from __future__ import annotations

from outlast.dialects import wire
from outlast.dialects.ollama import errors as ollama_errors
from outlast.dialects.ollama.reply import call_told, finish_told, moment_told, usage_told
from outlast.model.errors import Failure
from outlast.model.messages import Chunk, Opening, Request, ToolCall, ToolDelta, Usage
from outlast.ports import Facts


class OllamaWriter:
    """Writes one stream of lines."""

    __slots__ = ("_calls", "_finish", "_front", "_request", "_started", "_usage")

    def __init__(self, request: Request) -> None:
        self._request = request
        self._front = b""
        self._started = False
        self._calls: dict[int, ToolCall] = {}
        self._finish = "stop"
        self._usage = Usage(input=request.tokens, estimated=True)

    def start(self, opening: Opening) -> bytes:
        """Nothing: every line says all that there is to say."""
        self._started = True
        model = opening.model or self._request.model
        self._front = wire.dumps({"model": model, "created_at": moment_told(opening.created)})[:-1]
        return b""

    def go_on(self, opening: Opening) -> bytes:
        """Nothing, as at the start."""
        return self.start(opening)

    def write(self, chunks: list[Chunk]) -> bytes:
        """A line for each chunk that brings words or thoughts; of several answers only the first."""
        return b"".join([self._chunk(chunk) for chunk in chunks if chunk.choice == 0])

    def _chunk(self, chunk: Chunk) -> bytes:
        self._usage = chunk.usage or self._usage
        self._finish = chunk.finish or self._finish
        if chunk.tool is not None:
            self._gather(chunk.tool)
        words = chunk.text + chunk.refusal
        if not (words or chunk.reasoning):
            return b""
        return self._line(self._said(words, chunk.reasoning), {"done": False})

    def _gather(self, piece: ToolDelta) -> None:
        call = self._calls.get(piece.index, ToolCall("", "", ""))
        id_, name = call.id or piece.id, call.name or piece.name
        self._calls[piece.index] = ToolCall(id_, name, call.arguments + piece.arguments)

    def _said(self, words: str, thoughts: str) -> dict[str, object]:
        """What a line says of the answer."""
        message: dict[str, object] = {"role": "assistant", "content": words}
        if thoughts:
            message["thinking"] = thoughts
        return {"message": message}

    def _line(self, said: dict[str, object], more: dict[str, object]) -> bytes:
        return b"%b,%b\n" % (self._front, wire.dumps(said | more)[1:])

    def note(self, facts: Facts) -> None:
        """Ollama's streams have no place for these."""

    def end(self) -> bytes:
        """The tool calls, why it ended, and the usage; nothing when the lines were not ours."""
        if not self._started:
            return b""
        last = self._line(
            self._said("", ""), {"done": True, "done_reason": finish_told(self._finish), **usage_told(self._usage)}
        )
        return self._tools() + last

    def _tools(self) -> bytes:
        if not self._calls:
            return b""
        calls = [call_told(call, place) for place, (_, call) in enumerate(sorted(self._calls.items()))]
        message = {"role": "assistant", "content": "", "tool_calls": calls}
        return self._line({"message": message}, {"done": False})

    def fail(self, failure: Failure, request_id: str) -> bytes:
        """The error as a line."""
        return ollama_errors.error(failure, request_id)[1] + b"\n"
