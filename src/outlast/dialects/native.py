"""Our own surface: `POST /v1/generate`. The least that asks, and all that is known of the answer.

    {"prompt": "hi"}  or  {"messages": [{"role": "user", "content": "hi"}], …}
      ─▶ {"text", "finish", "model", "target", "source", "degraded", "usage", "cost", "attempts", …}
      ─▶ streamed: data: {"text": "Hel"} … and a last event with everything else

For callers only: no provider speaks it.
"""
# ruff: noqa: ARG002  (every dialect has the same methods, and most of a provider's half says nothing here)

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, structs

from outlast.dialects import errors, sse, wire
from outlast.model import estimate
from outlast.model.errors import Caller, Failure, Internal
from outlast.model.messages import (
    AS_ASKED_FOR,
    Chat,
    Chunk,
    Document,
    Image,
    Message,
    Needs,
    Opening,
    Operation,
    Part,
    Quota,
    Reasoning,
    Refusal,
    Reply,
    Request,
    Role,
    Schema,
    Text,
    Tool,
    ToolCall,
    ToolDelta,
    ToolResult,
    Usage,
)
from outlast.model.target import Target
from outlast.ports import Facts, Header, Outgoing, Reader, Writer

_Model = Annotated[str, Meta(min_length=1)]


class _Turn(Struct):
    role: Role
    content: str | Annotated[list[Part], Meta(min_length=1)]


class _Ask(Struct):
    model: _Model = "default"
    prompt: str | None = None
    messages: Annotated[list[_Turn], Meta(min_length=1)] | None = None
    system: str | None = None
    stream: bool | None = None
    max_tokens: wire.Limit | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: str | list[str] | None = None
    seed: wire.Whole | None = None
    tools: list[Tool] | None = None
    tool_choice: str | None = None
    parallel_tools: bool | None = None
    schema: dict[str, object] | None = None
    effort: str | None = None
    user: str | None = None


_ASK = msgspec.json.Decoder(_Ask)

_PATHS: Mapping[str, Operation] = {"/v1/generate": "chat"}


class Native:
    """The dialect of our own surface."""

    name = "native"
    paths = _PATHS
    streams = sse.FRAMING

    def parse(self, operation: Operation, body: bytes, path: str = "") -> Request:
        """The request in these bytes. Raises `Caller`."""
        if operation != "chat":
            raise Caller("this surface has only /v1/generate", status=404)
        ask = wire.ask(_ASK, body)
        if (ask.prompt is None) == (ask.messages is None):
            raise Caller("send either prompt or messages")
        if ask.prompt == "":
            raise Caller("prompt must not be empty")
        chat = _chat(ask)
        media = [part for message in chat.messages for part in message.parts if isinstance(part, (Image, Document))]
        pictures = [part for part in media if isinstance(part, Image)]
        return Request(
            model=ask.model,
            stream=ask.stream is True,
            dialect=self.name,
            body=body,
            tokens=estimate.of_body(body, sum(len(part.data) for part in pictures), len(pictures)),
            max_tokens=ask.max_tokens,
            needs=Needs(bool(ask.tools), bool(pictures), ask.schema is not None, len(media) > len(pictures)),
            json=ask.schema is not None,
            restarts=True,
            read=_read,  # an open stream has its prompt in memory once, not twice
        )

    def encode(self, request: Request, target: Target) -> Outgoing:
        """Never: no provider speaks it."""
        raise _no_provider(target)

    def decode(self, body: bytes, request: Request, target: Target) -> Reply:
        """Never: no provider speaks it."""
        raise _no_provider(target)

    def reader(self, request: Request, target: Target) -> Reader:
        """Never: no provider speaks it."""
        raise _no_provider(target)

    def classify(self, status: int, header: Header, body: bytes, target: Target) -> Failure:
        """Always a fault of our own: no provider speaks it."""
        return _no_provider(target)

    def quota(self, header: Header) -> Quota | None:
        """Nothing: no provider speaks it."""
        return None

    def render(self, reply: Reply, request: Request) -> bytes:
        """The answer with all that is known of it."""
        facts = Facts(reply.target, reply.source, reply.cost, reply.attempts, reply.cut, reply.dropped)
        return wire.dumps(
            {
                "id": reply.id,
                "text": reply.text,
                "finish": reply.finish,
                "model": reply.model,
                **_told(facts),
                "usage": reply.usage,
                "reasoning": "".join(part.text for part in reply.parts if isinstance(part, Reasoning)),
                "refusal": "".join(part.text for part in reply.parts if isinstance(part, Refusal)),
                "tool_calls": [_call(part) for part in reply.tool_calls],
            }
        )

    def writer(self, request: Request) -> Writer:
        """A writer of our own events."""
        return NativeWriter()

    def error(self, failure: Failure, request_id: str) -> tuple[int, bytes]:
        """Status and body in our own words."""
        return errors.native(failure, request_id)


def _no_provider(target: Target) -> Internal:
    return Internal(f"{target.provider.name} is configured with a dialect that no provider speaks")


def _read(body: bytes) -> Chat:
    return _chat(wire.ask(_ASK, body))


def _chat(ask: _Ask) -> Chat:
    system = (Message("system", (Text(ask.system),)),) if ask.system else ()
    turns = [Message("user", (Text(ask.prompt),))] if ask.prompt is not None else []
    turns.extend(_message(turn) for turn in ask.messages or ())
    return Chat(
        messages=(*system, *turns),
        tools=tuple(ask.tools or ()),
        tool_choice=ask.tool_choice,
        parallel_tools=ask.parallel_tools,
        max_tokens=ask.max_tokens,
        temperature=ask.temperature,
        top_p=ask.top_p,
        stop=(ask.stop,) if isinstance(ask.stop, str) else tuple(ask.stop or ()),
        seed=ask.seed,
        schema=Schema(ask.schema) if ask.schema is not None else None,
        effort=ask.effort,
        user=ask.user,
    )


def _message(turn: _Turn) -> Message:
    content = turn.content
    if turn.role == "tool" and not (
        isinstance(content, list) and all(isinstance(part, ToolResult) for part in content)
    ):
        raise Caller("a message of role tool must have content of type tool_result")
    if isinstance(content, str):
        return Message(turn.role, (Text(content),))
    for part in content:
        if isinstance(part, (Image, Document)):
            _demand_whole(part)
    return Message(turn.role, tuple(content))


def _demand_whole(part: Image | Document) -> None:
    kind = "image" if isinstance(part, Image) else "document"
    if bool(part.url) == bool(part.data):
        raise Caller(f"content of type {kind} must have either url or data")
    if part.data and not part.media_type:
        raise Caller(f"content of type {kind} must have a media_type beside its data")


def _told(facts: Facts) -> dict[str, object]:
    return {**structs.asdict(facts), "degraded": facts.source not in AS_ASKED_FOR}


def _call(call: ToolCall | ToolDelta) -> dict[str, object]:
    return {"id": call.id, "name": call.name, "arguments": call.arguments}


class NativeWriter:
    """Writes one stream of our own events."""

    __slots__ = ("_facts", "_finish", "_opening", "_usage")

    def __init__(self) -> None:
        self._opening = Opening()
        self._finish = "stop"
        self._usage: Usage | None = None
        self._facts: Facts | None = None

    def start(self, opening: Opening) -> bytes:
        """Nothing: what is known of the answer is told at its end."""
        self._opening = opening
        return b""

    def go_on(self, opening: Opening) -> bytes:
        """Nothing, as at the start."""
        return self.start(opening)

    def write(self, chunks: list[Chunk]) -> bytes:
        """One event for each chunk that says something."""
        for chunk in chunks:
            self._usage = chunk.usage or self._usage
            self._finish = chunk.finish or self._finish
        return b"".join([_event(said) for chunk in chunks if (said := _said(chunk))])

    def note(self, facts: Facts) -> None:
        """Keep these for the last event."""
        self._facts = facts

    def end(self) -> bytes:
        """The last event: everything but the words."""
        return _event(
            {
                "done": True,
                "id": self._opening.id,
                "finish": self._finish,
                "model": self._opening.model,
                **(_told(self._facts) if self._facts is not None else {}),
                "usage": self._usage,
            }
        )

    def fail(self, failure: Failure, request_id: str) -> bytes:
        """The error as an event."""
        return b"data: %b\n\n" % errors.native(failure, request_id)[1]


def _said(chunk: Chunk) -> dict[str, object]:
    said: dict[str, object] = {"restart": True} if chunk.restart else {}
    for name in ("text", "reasoning", "refusal"):
        if value := getattr(chunk, name):
            said[name] = value
    if chunk.tool is not None:
        said["tool_call"] = {"index": chunk.tool.index, **_call(chunk.tool)}
    return said


def _event(content: dict[str, object]) -> bytes:
    return b"data: %b\n\n" % wire.dumps(content)
