"""`streamGenerateContent`: our chunks into Google's events.

Google's function calls come whole, so the pieces of a call are kept until it is complete. The finish reason and the
usage stand in the last event, since both are known only then.
"""

from __future__ import annotations

from hashlib import blake2s

from msgspec import Struct

from outlast.dialects import signatures, sse, wire
from outlast.dialects.gemini import contents as gemini_contents
from outlast.dialects.gemini import errors as gemini_errors
from outlast.dialects.gemini.reply import finish_told, thought_told, usage_told
from outlast.model.errors import Failure
from outlast.model.messages import Chunk, Opening, Request, ToolCall, ToolDelta, Usage
from outlast.ports import Facts

_Json = dict[str, object]


class _Call(Struct):
    """A call whose pieces are still coming."""

    id: str
    name: str
    arguments: str
    signature: str


class _Choice(Struct):
    """One answer under way: its calls, a signature of Google's that waits for the next one, and why it ended."""

    calls: dict[int, _Call]
    signature: str = ""
    finish: str | None = None


class GeminiWriter:
    """Writes one stream of answers in small."""

    __slots__ = ("_begun", "_choices", "_head", "_request", "_started", "_usage")

    def __init__(self, request: Request) -> None:
        self._request = request
        self._started = False
        self._begun = False  # by the provider's own bytes
        self._head: _Json = {}
        self._choices: dict[int, _Choice] = {}
        self._usage = Usage(input=request.tokens, estimated=True)

    def start(self, opening: Opening) -> bytes:
        """Nothing: every event says who answers."""
        self._started = True
        own = opening.id or blake2s(self._request.body, digest_size=12).hexdigest()
        self._head = {"modelVersion": opening.model or self._request.model, "responseId": own}
        return b""

    def go_on(self, opening: Opening) -> bytes:
        """Nothing, as at the start; and nothing at the end, unless there was something to be said before it."""
        self._begun = True
        return self.start(opening)

    def write(self, chunks: list[Chunk]) -> bytes:
        """An event for each chunk that says something at once."""
        return b"".join([self._write(chunk) for chunk in chunks])

    def _write(self, chunk: Chunk) -> bytes:
        if chunk.usage is not None:
            self._usage = chunk.usage
        if not (chunk.content or chunk.signature or chunk.finish):
            return b""
        choice = self._choices.setdefault(chunk.choice, _Choice({}))
        choice.finish = chunk.finish or choice.finish
        own = signatures.own(chunk.signature)
        choice.signature = own or choice.signature
        if chunk.tool is not None:
            _keep(choice, chunk.tool)
        parts: list[_Json] = []
        if chunk.reasoning or (chunk.signature and not own):
            parts.append(thought_told(chunk.reasoning, chunk.signature))
        if chunk.text or chunk.refusal:
            parts.append({"text": chunk.text + chunk.refusal})
        return self._event(chunk.choice, parts) if parts else b""

    def _event(self, index: int, parts: list[_Json]) -> bytes:
        candidate = {"content": {"role": "model", "parts": parts}, "index": index}
        return sse.render(b"", wire.dumps({"candidates": [candidate], **self._head}))

    def note(self, facts: Facts) -> None:
        """Google's streams have no place for these."""

    def end(self) -> bytes:
        """The calls, why each answer ended, and the usage; nothing when the events were not ours."""
        if not self._started or (self._begun and not self._choices):
            return b""
        choices = self._choices or {0: _Choice({})}
        candidates = [_ended(index, choice) for index, choice in sorted(choices.items())]
        last = {"candidates": candidates, "usageMetadata": usage_told(self._usage), **self._head}
        return sse.render(b"", wire.dumps(last))

    def fail(self, failure: Failure, request_id: str) -> bytes:
        """The error as an event."""
        return sse.render(b"", gemini_errors.told(failure, request_id)[1])


def _keep(choice: _Choice, tool: ToolDelta) -> None:
    """Keep a piece of a call; pieces of several may be mixed, so none is known to be complete before the end."""
    call = choice.calls.get(tool.index)
    if call is None:
        choice.calls[tool.index] = _Call(tool.id, tool.name, tool.arguments, choice.signature)
        choice.signature = ""
    else:
        call.id, call.name = call.id or tool.id, call.name or tool.name
        call.arguments += tool.arguments


def _ended(index: int, choice: _Choice) -> _Json:
    parts = [_told(call) for call in choice.calls.values()] or [{"text": ""}]
    content = {"role": "model", "parts": parts}
    return {"content": content, "finishReason": finish_told(choice.finish or "stop"), "index": index}


def _told(call: _Call) -> _Json:
    told: _Json = {"functionCall": gemini_contents.call_told(ToolCall(call.id, call.name, call.arguments), [])}
    return told | {"thoughtSignature": call.signature} if call.signature else told
