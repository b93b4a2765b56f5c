"""Chat answers, whole: out of Ollama's JSON into a `Reply`, and back.

A whole answer looks like the one line of a stream that says everything; both are read by `Line`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2s
from typing import Any

import msgspec
from msgspec import Raw, Struct

from outlast.dialects import wire
from outlast.dialects.arguments import as_object
from outlast.dialects.classify import in_band
from outlast.model import estimate
from outlast.model.errors import BadResponse
from outlast.model.messages import Part, Reasoning, Refusal, Reply, Request, Text, ToolCall, Usage
from outlast.model.target import Target


class _Function(Struct, gc=False):
    name: str = ""
    arguments: Raw = Raw()


class _Call(Struct):
    function: _Function
    id: str | None = None


class _Message(Struct, gc=False):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = None


class Line(Struct, gc=False):
    """A whole answer, or a line of a stream."""

    message: _Message | None = None
    done: bool = False
    done_reason: str | None = None
    model: Any = ""
    created_at: Any = ""
    prompt_eval_count: Raw = Raw()
    eval_count: Raw = Raw()
    error: Any = None

    @property
    def who(self) -> str:
        """The model that answers; empty where that is not said."""
        return self.model if isinstance(self.model, str) else ""


_LINE = msgspec.json.Decoder(Line)
_COUNT = msgspec.json.Decoder(wire.Count)
_FIRST_OF_ALL = "1970-01-01T00:00:00Z"
_TOLD = {"tool_calls": "stop", "refusal": "stop"}


def decode(body: bytes, request: Request, target: Target, dialect: str) -> Reply:
    """The answer in these bytes. Raises `BadResponse`, or what an error envelope means."""
    wire.demand_utf8(body)
    said = line(body, target)
    if said is None:
        raise BadResponse("the answer is not what the provider's protocol says" if body else "empty answer")
    if not said.done:
        raise BadResponse("an answer that says itself that it is not done")
    message = said.message or _Message()
    calls = calls_of(message, body)
    return Reply(
        id=id_of(said),
        model=said.who or target.model,
        finish=finish_read(said.done_reason, called=bool(calls)),
        usage=usage_of(said, request, _size(message)),
        created=moment(said.created_at),
        raw=body,
        dialect=dialect,
        read=lambda: _parts(message, calls),
    )


def line(data: bytes, target: Target) -> Line | None:
    """What these bytes say; None when it is not Ollama's. Raises what an error in them means."""
    try:
        said = _LINE.decode(data.removeprefix(b"\xef\xbb\xbf"))
    except wire.BROKEN:
        return None
    if said.error:
        raise in_band(said.error, target)
    return said if said.message is not None else None


def id_of(said: Line) -> str:
    """An id, which Ollama gives none: its answers are told apart by their time, to the nanosecond."""
    if not said.created_at:
        return ""
    return blake2s(f"{said.who} {said.created_at}".encode(errors="replace"), digest_size=12).hexdigest()


def finish_read(reason: str | None, *, called: bool) -> str:
    """Why it ended, in our words; an unknown word as it is."""
    reason = reason or "stop"
    return "tool_calls" if called and reason == "stop" else reason


def finish_told(finish: str) -> str:
    """Why it ended, in Ollama's words; an unknown word as it is."""
    return _TOLD.get(finish, finish)


def usage_of(said: Line, request: Request, size: int) -> Usage:
    """The usage in our words; a prompt that the server had read before may be left out of it."""
    prompt, output = usage_in(said.prompt_eval_count), usage_in(said.eval_count)
    if prompt is not None and output is not None:
        return Usage(prompt, output)
    counted = estimate.of_size(size) if output is None else output
    return Usage(request.tokens if prompt is None else prompt, counted, estimated=True)


def usage_told(usage: Usage) -> dict[str, object]:
    """The usage in Ollama's words."""
    return {"prompt_eval_count": usage.input, "eval_count": usage.output}


def calls_of(message: _Message, seed: bytes) -> tuple[ToolCall, ...]:
    """The tool calls. Those without an id get one of their own, which no other call of the conversation has."""
    own = blake2s(seed, digest_size=6).hexdigest() if message.tool_calls else ""
    return tuple(
        ToolCall(call.id or f"call_{own}{place}", call.function.name, _arguments(bytes(call.function.arguments)))
        for place, call in enumerate(message.tool_calls or ())
    )


def _arguments(given: bytes) -> str:
    """The arguments as JSON text; a few servers give that text itself."""
    if given.startswith(b'"'):
        text = wire.said(given)
        return text if isinstance(text, str) and text else "{}"
    return given.decode() if given not in {b"", b"null"} else "{}"


def moment(told: object) -> int:
    """Seconds since the epoch; 0 for what is no time."""
    try:
        found = datetime.fromisoformat(told if isinstance(told, str) else "")
        return max(0, int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()))
    except (ValueError, OverflowError, OSError):
        return 0


def moment_told(seconds: int) -> str:
    """The same as Ollama writes it."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return _FIRST_OF_ALL


def call_told(call: ToolCall, place: int) -> dict[str, object]:
    """A tool call as Ollama would write it."""
    return {"id": call.id, "function": {"index": place, "name": call.name, "arguments": as_object(call, [])}}


def usage_in(raw: Raw) -> int | None:
    """A number of tokens that may be anything; None when it is not usable."""
    try:
        return _COUNT.decode(raw) if bytes(raw) else None
    except wire.BROKEN:
        return None


def _size(message: _Message) -> int:
    calls = sum(len(bytes(call.function.arguments)) for call in message.tool_calls or ())
    return len(message.content or "") + len(message.thinking or "") + calls


def _parts(message: _Message, calls: tuple[ToolCall, ...]) -> tuple[Part, ...]:
    parts: list[Part] = []
    if message.thinking:
        parts.append(Reasoning(message.thinking))
    if message.content:
        parts.append(Text(message.content))
    return (*parts, *calls)


def render(reply: Reply) -> bytes:
    """An answer that says what the reply says; how long it took in the server nobody has told us."""
    parts = reply.parts
    message: dict[str, object] = {
        "role": "assistant",
        "content": "".join(part.text for part in parts if isinstance(part, (Text, Refusal))),
    }
    if thought := "".join(part.text for part in parts if isinstance(part, Reasoning)):
        message["thinking"] = thought
    if reply.tool_calls:
        message["tool_calls"] = [call_told(call, place) for place, call in enumerate(reply.tool_calls)]
    return wire.dumps(told(reply, message=message))


def told(reply: Reply, **said: object) -> dict[str, object]:
    """What a whole answer says, and all that stands around it."""
    return {
        "model": reply.model,
        "created_at": moment_told(reply.created),
        **said,
        "done": True,
        "done_reason": finish_told(reply.finish),
        **usage_told(reply.usage),
    }
