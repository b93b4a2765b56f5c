"""Chat answers, streamed: Ollama's lines into our chunks.

    {"model", "created_at", "message": {"role": "assistant", "content": "Hel"}, "done": false}
    {"model", "created_at", "message": {"role": "assistant", "content": "", "tool_calls": [{…}]}, "done": false}
    {"model", "created_at", "message": {…}, "done": true, "done_reason": "stop", "eval_count": 2, …}

Tool calls come whole. The last line says `done`; without it the answer was cut.
"""

from __future__ import annotations

from typing import ClassVar

from outlast.dialects import lines
from outlast.dialects.ollama.reply import Line, calls_of, finish_read, id_of, line, moment, usage_of
from outlast.dialects.stream import EventReader, Frames
from outlast.model.errors import BadResponse
from outlast.model.messages import Chunk, Opening, Request, ToolCall, ToolDelta
from outlast.model.target import Target


class OllamaReader(EventReader):
    """Reads one stream of lines."""

    __slots__ = ("_calls", "_request", "_size", "_target")

    FRAMES: ClassVar[type[Frames]] = lines.Lines

    def __init__(self, request: Request, target: Target) -> None:
        super().__init__()
        self._request = request
        self._target = target
        self._calls = 0
        self._size = 0

    def _take(self, data: bytes, chunks: list[Chunk]) -> bool:
        said = line(data, self._target)
        if said is None or said.message is None:
            raise BadResponse("a line of the stream is garbled, or of another protocol")
        if not self.opening.model:
            self.opening = Opening(id_of(said), said.who, moment(said.created_at))
        words, thoughts = said.message.content or "", said.message.thinking or ""
        self._size += len(words) + len(thoughts)
        if words or thoughts:
            chunks.append(Chunk(words, thoughts))
        if said.message.tool_calls:
            chunks.extend(map(self._call, calls_of(said.message, data)))
        if said.done:
            self._finish(said, chunks)
        return True

    def _call(self, call: ToolCall) -> Chunk:
        self._size += len(call.arguments)
        self._calls += 1
        return Chunk(tool=ToolDelta(self._calls - 1, call.id, call.name, call.arguments))

    def _finish(self, said: Line, chunks: list[Chunk]) -> None:
        self.finished = self._ended = True
        finish = finish_read(said.done_reason, called=self._calls > 0)
        chunks.append(Chunk(finish=finish, usage=usage_of(said, self._request, self._size)))
