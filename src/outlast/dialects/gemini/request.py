"""`generateContent` requests, from Google's words into ours.

The model, and whether the answer is to be streamed, stand in the path. `parse` looks only at what the engine must know
before it chooses a target, and checks the types of all known fields; `chat` takes the whole request apart, and runs
only where another dialect must be written.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, NamedTuple
from urllib.parse import parse_qs

import msgspec
from msgspec import Meta, Raw, Struct

from outlast.dialects import wire
from outlast.dialects.gemini import schema as gemini_schema
from outlast.dialects.gemini import spelling as gemini_spelling
from outlast.dialects.gemini import turns as gemini_turns
from outlast.dialects.gemini.turns import Content
from outlast.model import estimate
from outlast.model.errors import Caller
from outlast.model.messages import NOTHING_SPECIAL, Chat, Message, Needs, Request, Schema, Text, Tool

_PATH = re.compile(r"/models/(?P<model>.+):(?P<method>\w+)(?:\?(?P<query>.*))?$")
_STREAMED = "streamGenerateContent"
_OWN_FILES = ("https://generativelanguage.googleapis.com/", "files/", "gs://")
"""How the addresses begin of files that were given to Google."""


class _Function(Struct, rename="camel"):
    name: Annotated[str, Meta(min_length=1)]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    parameters_json_schema: Any = None


class _Tool(Struct, rename="camel"):
    function_declarations: list[_Function] | None = None


class _Calling(Struct, rename="camel"):
    mode: str | None = None
    allowed_function_names: list[str] | None = None


class _ToolConfig(Struct, rename="camel"):
    function_calling_config: _Calling | None = None


class _Thinking(Struct, rename="camel"):
    thinking_level: str | None = None
    thinking_budget: int | None = None
    include_thoughts: bool | None = None


class _Generation(Struct, rename="camel"):
    max_output_tokens: wire.Limit | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    stop_sequences: list[str] | None = None
    seed: wire.Whole | None = None
    candidate_count: wire.Limit | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    response_logprobs: bool | None = None
    logprobs: wire.Whole | None = None
    response_mime_type: str | None = None
    response_schema: dict[str, Any] | None = None
    response_json_schema: Any = None
    thinking_config: _Thinking | None = None

    @property
    def json(self) -> bool:
        """Is the answer to be JSON?"""
        schema = self.response_schema is not None or self.response_json_schema is not None
        return schema or self.response_mime_type == "application/json"


class Ask(Struct, rename="camel"):
    """The fields of a request that we know. All others pass through unseen."""

    contents: Annotated[list[Content], Meta(min_length=1)]
    system_instruction: Content | None = None
    tools: list[_Tool] | None = None
    tool_config: _ToolConfig | None = None
    generation_config: _Generation | None = None
    cached_content: str | None = None


_CARRIED = frozenset({"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "model"})
_SHARED = {"topK": "top_k", "presencePenalty": "presence_penalty", "frequencyPenalty": "frequency_penalty"}
"""Options without a place in `Chat`, and how other dialects call the same."""
_UNSHOWN = frozenset({"candidateCount", "responseLogprobs", "logprobs"})
"""Options that others have too, but whose answers would not show what was asked for."""
_NESTED = {
    "tools": frozenset({"functionDeclarations"}),
    "toolConfig": frozenset({"functionCallingConfig"}),
    "generationConfig": frozenset(_Generation.__struct_encode_fields__) - _SHARED.keys() - _UNSHOWN,
}
"""What we know of the fields that are objects or lists of them; what else is in them is kept under its name."""
_MODES = {"AUTO": "auto", "ANY": "any", "NONE": "none", "VALIDATED": "auto", "MODE_UNSPECIFIED": None}
_LOW, _MEDIUM = 4096, 16384
"""Up to so many tokens of thinking are a low, and a medium, effort."""

_ASK = msgspec.json.Decoder(Ask)
_TOOLS = msgspec.json.Decoder(list[dict[str, Raw]] | None)


THOUGHTS = "generationConfig.thinkingConfig.includeThoughts"
"""That thoughts are wanted too, where no effort says so."""


class Place(NamedTuple):
    """What the path of a request says."""

    model: str
    stream: bool


def place(path: str) -> Place:
    """The model and the method in a path. Raises `Caller`."""
    found = _PATH.search(path)
    if found is None:
        raise Caller("the path must name a model: /v1beta/models/MODEL:generateContent", status=404)
    stream = found["method"] == _STREAMED
    asked = parse_qs(found["query"] or "")
    if stream and "sse" not in (*asked.get("alt", ()), *asked.get("$alt", ())):
        raise Caller("streams come as server-sent events only: add ?alt=sse to the path, as Google's SDKs do")
    return Place(found["model"], stream)


def parse(body: bytes, path: str, dialect: str) -> Request:
    """The request in these bytes. Raises `Caller`."""
    where = place(path)
    body = gemini_spelling.tidied(body)
    ask = wire.ask(_ASK, body)
    options = ask.generation_config or _Generation()
    pictures, files, inline = _media(ask.contents)
    return Request(
        model=where.model,
        stream=where.stream,
        dialect=dialect,
        body=body,
        tokens=estimate.of_body(body, inline, pictures),
        max_tokens=options.max_output_tokens,
        needs=_needs(ask, options, pictures > 0, files, body),
        choices=options.candidate_count or 1,
        json=options.json,
        read=_read,  # an open stream has its prompt in memory once, not twice
    )


def _read(body: bytes) -> Chat:
    return chat(wire.ask(_ASK, body), body)


def _media(contents: list[Content]) -> tuple[int, bool, int]:
    """How many pictures there are, whether there are files, and how many bytes the pictures take inline."""
    pictures, files, inline = 0, False, 0
    for part in (part for content in contents for part in content.parts or ()):
        media_type = gemini_turns.media_type(part)
        if media_type.startswith("image/"):
            pictures += 1
            inline += len(part.inline_data.data) if part.inline_data is not None else 0
        files = files or (bool(media_type) and not media_type.startswith("image/"))
    return pictures, files, inline


def _googles_own(body: bytes) -> bool:
    """Is a tool asked for that Google runs itself? One may stand beside functions, in the same object."""
    tools = wire.ask(_TOOLS, bytes(wire.fields(body)["tools"]))
    return any(tool.keys() != _NESTED["tools"] for tool in tools or ())


def _needs(ask: Ask, options: _Generation, vision: bool, documents: bool, body: bytes) -> Needs:
    tools = any(tool.function_declarations for tool in ask.tools or ())
    schema = bool(options.response_schema or options.response_json_schema)
    native = bool(ask.tools) and _googles_own(body)
    state = bool(ask.cached_content) or any(_kept(content) for content in ask.contents)
    if not (tools or vision or documents or schema or native or state):
        return NOTHING_SPECIAL
    return Needs(tools=tools, vision=vision, schema=schema, documents=documents, native=native, state=state)


def _kept(content: Content) -> bool:
    """Does it refer to a file that Google keeps for one of its accounts?"""
    files = (part.file_data.file_uri for part in content.parts or () if part.file_data is not None)
    return any(file.startswith(_OWN_FILES) for file in files)


def chat(ask: Ask, body: bytes) -> Chat:
    """The whole request in our words. Raises `Caller`."""
    fields = wire.fields(body)
    extra = {name: wire.value(raw) for name, raw in fields.items() if name not in _CARRIED}
    for name, known in _NESTED.items():
        if name in fields:
            _keep_unknown(wire.value(fields[name]), known, name, extra)
    options = ask.generation_config or _Generation()
    effort = _effort(options.thinking_config)
    if effort is None and options.thinking_config is not None and options.thinking_config.include_thoughts:
        extra[THOUGHTS] = True
    system = _system(ask.system_instruction, extra)
    return Chat(
        messages=(*system, *gemini_turns.read(ask.contents, wire.value(fields["contents"]), extra)),
        tools=tuple(_tool(it) for tool in ask.tools or () for it in tool.function_declarations or ()),
        tool_choice=_tool_choice(ask.tool_config, extra),
        max_tokens=options.max_output_tokens,
        temperature=options.temperature,
        top_p=options.top_p,
        stop=tuple(options.stop_sequences or ()),
        seed=options.seed,
        schema=_schema(options, extra),
        effort=effort,
        extra=extra,
    )


def _keep_unknown(rows: object, known: frozenset[str], place: str, extra: dict[str, object]) -> None:
    """What these objects hold besides what we know, for the one who reads it, and to be named by all others."""
    for row in rows if isinstance(rows, list) else [rows]:
        for name, value in row.items() if isinstance(row, dict) else ():
            if name not in known and not (name == "candidateCount" and value == 1):
                extra[_SHARED.get(name) or f"{place}.{name}"] = value


def _system(content: Content | None, extra: dict[str, object]) -> list[Message]:
    parts = content.parts or () if content is not None else ()
    texts = tuple(Text(part.text) for part in parts if part.text)
    if any(part.text is None for part in parts):
        extra["systemInstruction.parts"] = True
    return [Message("system", texts)] if texts else []


def _tool(it: _Function) -> Tool:
    schema = it.parameters_json_schema if isinstance(it.parameters_json_schema, dict) else None
    if schema is None and it.parameters is not None:
        schema = gemini_schema.read(it.parameters)
    return Tool(it.name, it.description or "", schema or {})


def _tool_choice(config: _ToolConfig | None, extra: dict[str, object]) -> str | None:
    calling = config.function_calling_config if config is not None else None
    if calling is None or calling.mode is None:
        return None
    allowed = calling.allowed_function_names or []
    if calling.mode == "ANY" and len(allowed) == 1:
        return allowed[0]
    if allowed:
        extra["toolConfig.functionCallingConfig.allowedFunctionNames"] = True
    if calling.mode not in _MODES:
        raise Caller(f"toolConfig.functionCallingConfig.mode must be one of {', '.join(_MODES)}")
    return _MODES[calling.mode]


def _schema(options: _Generation, extra: dict[str, object]) -> Schema | None:
    if isinstance(options.response_json_schema, dict):
        return Schema(options.response_json_schema)
    if options.response_schema is not None:
        return Schema(gemini_schema.read(options.response_schema))
    if options.response_mime_type == "application/json":
        return Schema()
    if options.response_mime_type not in {None, "", "text/plain"}:
        extra["generationConfig.responseMimeType"] = True
    return None


def _effort(thinking: _Thinking | None) -> str | None:
    if thinking is None:
        return None
    if thinking.thinking_level and not thinking.thinking_level.endswith("UNSPECIFIED"):
        return thinking.thinking_level.lower()
    budget = thinking.thinking_budget
    if budget is None or budget < 0:
        return None
    return "none" if budget == 0 else "low" if budget <= _LOW else "medium" if budget <= _MEDIUM else "high"
