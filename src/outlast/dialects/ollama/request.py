"""Chat requests, from Ollama's words into ours.

`parse` looks only at what the engine must know before it chooses a target, and checks the types of all known fields;
`chat` takes the whole request apart, and runs only where another dialect must be written.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta, Raw, Struct

from outlast.dialects import wire
from outlast.dialects.media import picture_type
from outlast.model import estimate
from outlast.model.errors import Caller
from outlast.model.messages import (
    NOTHING_SPECIAL,
    Chat,
    Image,
    Message,
    Needs,
    Part,
    Reasoning,
    Request,
    Schema,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)

Name = Annotated[str, Meta(min_length=1)]


class _Function(Struct, gc=False):
    name: str
    arguments: Raw = Raw(b"{}")


class _Call(Struct):
    function: _Function
    id: str | None = None


class _Turn(Struct):
    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[_Call] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class _Definition(Struct):
    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None


class _Tool(Struct):
    type: str = "function"
    function: Raw = Raw()


class Options(Struct):
    """The options that have a place in ours."""

    num_predict: wire.Whole | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: str | list[str] | None = None
    seed: wire.Whole | None = None

    @property
    def limit(self) -> int | None:
        """The most tokens of the answer; numbers below 1 mean that there is none."""
        return self.num_predict if self.num_predict is not None and self.num_predict > 0 else None


class Ask(Struct):
    """The fields of a chat request that we know. All others pass through unseen."""

    model: Name
    messages: Annotated[list[_Turn], Meta(min_length=1)]
    stream: bool | None = None
    options: Options | None = None
    format: str | dict[str, Any] | None = None
    tools: list[_Tool] | None = None
    think: bool | str | None = None


PLAIN = ("top_k", "min_p", "frequency_penalty", "presence_penalty")
"""Options that others have as fields of their own."""

_CARRIED = frozenset(get_type_hints(Ask))
_TURN_KEYS = frozenset(_Turn.__struct_fields__)
_OPTIONS = frozenset(Options.__struct_fields__)
_ASK = msgspec.json.Decoder(Ask)
_DEFINITION = msgspec.json.Decoder(_Definition)


def parse(body: bytes, dialect: str) -> Request:
    """The request in these bytes. Raises `Caller`."""
    ask = wire.ask(_ASK, body)
    pictures = [data for turn in ask.messages for data in turn.images or ()]
    return Request(
        model=ask.model,
        stream=ask.stream is not False,
        dialect=dialect,
        body=body,
        tokens=estimate.of_body(body, sum(map(len, pictures)), len(pictures)),
        max_tokens=ask.options.limit if ask.options is not None else None,
        needs=needs(tools=bool(ask.tools), vision=bool(pictures), schema=schema_of(ask.format)),
        json=schema_of(ask.format) is not None,
        read=_read,  # an open stream has its prompt in memory once, not twice
    )


def needs(*, tools: bool, vision: bool, schema: Schema | None) -> Needs:
    """What a target must be able to do."""
    enforced = schema is not None and bool(schema.schema)
    return Needs(tools=tools, vision=vision, schema=enforced) if tools or vision or enforced else NOTHING_SPECIAL


def _read(body: bytes) -> Chat:
    ask = wire.ask(_ASK, body)
    fields = wire.fields(body)
    extra = extra_of(fields, _CARRIED)
    wire.name_unknown(wire.value(fields["messages"]), _TURN_KEYS, "messages", extra)
    return chat(_messages(ask.messages), ask.options, ask.format, ask.think, extra, _tools(ask, extra))


def extra_of(fields: dict[str, Raw], carried: frozenset[str]) -> dict[str, object]:
    """The caller's fields and options that have no place in ours."""
    extra = {name: wire.value(raw) for name, raw in fields.items() if name not in carried}
    options = wire.value(fields["options"]) if "options" in fields else None
    for name, value in options.items() if isinstance(options, dict) else ():
        if name not in _OPTIONS:
            extra[name if name in PLAIN else f"options.{name}"] = value
    return extra


def chat(
    messages: tuple[Message, ...],
    options: Options | None,
    format_: str | dict[str, Any] | None,
    think: bool | str | None,
    extra: dict[str, object],
    tools: tuple[Tool, ...] = (),
) -> Chat:
    """The whole request in our words."""
    options = options or Options()
    stop = options.stop
    return Chat(
        messages=messages,
        tools=tools,
        max_tokens=options.limit,
        temperature=options.temperature,
        top_p=options.top_p,
        stop=(stop,) if isinstance(stop, str) else tuple(stop or ()),
        seed=options.seed,
        schema=schema_of(format_),
        effort=_effort(think, extra),
        extra=extra,
    )


def schema_of(format_: str | dict[str, Any] | None) -> Schema | None:
    """What the answer must match. Raises `Caller` for a word that is not known."""
    if not format_:
        return None
    if isinstance(format_, dict):
        return Schema(format_)
    if format_ == "json":
        return Schema()
    raise Caller('format must be "json" or a JSON schema')


def _effort(think: bool | str | None, extra: dict[str, object]) -> str | None:
    """OpenAI's word for it; to think as much as the model usually does has none."""
    if think is True:
        extra["think"] = True
        return None
    return "none" if think is False else think or None


def _tools(ask: Ask, extra: dict[str, object]) -> tuple[Tool, ...]:
    tools = []
    for tool in ask.tools or ():
        if tool.type != "function":
            extra[f"tools.{tool.type}"] = True
            continue
        it = wire.ask(_DEFINITION, bytes(tool.function) or b"{}")
        tools.append(Tool(it.name, it.description or "", it.parameters or {}))
    return tuple(tools)


def _messages(turns: list[_Turn]) -> tuple[Message, ...]:
    calls = _Calls()
    return tuple(_message(turn, calls) for turn in turns)


class _Calls:
    """The tool calls so far that have no result yet. Many callers name neither them nor what they answer."""

    __slots__ = ("_count", "_open")

    def __init__(self) -> None:
        self._count = 0
        self._open: list[ToolCall] = []

    def called(self, call: _Call) -> ToolCall:
        """One more call, by its own id or a new one."""
        arguments = bytes(call.function.arguments)
        if not arguments.startswith(b"{"):
            raise Caller("messages[...].tool_calls[...].function.arguments must be object")
        made = ToolCall(call.id or f"call_{self._count}", call.function.name, arguments.decode())
        self._count += 1
        self._open.append(made)
        return made

    def answered(self, turn: _Turn) -> str:
        """The id of the call that this is the result of: the one named, else the next of that tool, else the next."""
        named = [call for call in self._open if call.id == turn.tool_call_id]
        named = named or [call for call in self._open if not turn.tool_name or call.name == turn.tool_name]
        if turn.tool_call_id or not named:
            self._open = [call for call in self._open if call.id != turn.tool_call_id]
            return turn.tool_call_id or f"call_{turn.tool_name or ''}"
        self._open.remove(named[0])
        return named[0].id


def _message(turn: _Turn, calls: _Calls) -> Message:
    parts: list[Part] = [Reasoning(turn.thinking)] if turn.thinking else []
    if turn.content or not (parts or turn.images or turn.tool_calls):
        parts.append(Text(turn.content or ""))
    pictures = [Image(data=data, media_type=picture_type(data)) for data in turn.images or ()]
    if turn.role == "tool":
        given = tuple(part for part in parts if isinstance(part, Text))
        return Message("tool", (ToolResult(calls.answered(turn), (*given, *pictures)),))
    return Message(turn.role, (*parts, *pictures, *map(calls.called, turn.tool_calls or ())))
