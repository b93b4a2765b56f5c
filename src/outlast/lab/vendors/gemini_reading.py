"""What a request to Google asks for: the model and the method out of its path, and the rest in words of a chat.

/alpha/v1beta/models/m:streamGenerateContent ──whereabouts()──▶ "alpha", "models:streamGenerateContent"
                                             ──place()────────▶ {"model": "m", "stream": True}
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import cast
from urllib.parse import unquote

Json = dict[str, object]

_PATH = re.compile(r"(?P<name>.*?/|)v1(?:beta)?/models/(?P<model>[^?]+):(?P<method>\w+)(?:\?.*)?")
_JOINT = re.compile(r"(?<=[a-z0-9])_([a-z0-9])")
_CALLERS_OWN = frozenset(
    ("args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "partMetadata")
)
_CHOICES = {"AUTO": "auto", "ANY": "any", "NONE": "none"}


def whereabouts(path: str) -> tuple[str, str] | None:
    """The provider's name, and the method; None for what is no path of Google's."""
    found = _PATH.fullmatch(path)
    return (found["name"].strip("/"), f"models:{found['method']}") if found else None


def place(path: str) -> Json:
    """What the path says instead of the body."""
    found = _PATH.fullmatch(path)
    if found is None:
        return {}
    return {"model": unquote(found["model"]), "stream": found["method"] == "streamGenerateContent"}


def spelt(value: object, *, own: bool = False) -> object:
    """The same with its names in camel case: Google takes `inline_data` as well. What is the caller's `own` stays."""
    if isinstance(value, list):
        return [spelt(item, own=own) for item in value]
    if not isinstance(value, dict) or own:
        return value
    named = {_JOINT.sub(lambda found: found[1].upper(), str(name)): inner for name, inner in value.items()}
    return {name: spelt(inner, own=name in _CALLERS_OWN) for name, inner in named.items()}


def as_chat(body: Json) -> Json:
    """The same request as a chat completion, as far as a simulated model cares."""
    body = cast("Json", body.get("generateContentRequest") or body)  # where it is counted only
    options = cast("Json", body.get("generationConfig") or {})
    chat: Json = {
        "messages": [*_system(body), *_messages(body)],
        "tools": list(_tools(body)),
        "tool_choice": _choice(body),
        "max_tokens": options.get("maxOutputTokens"),
        "response_format": _format(options),
        "n": options.get("candidateCount"),
    }
    return {name: value for name, value in chat.items() if value is not None}


def _rows(holder: Json, name: str) -> list[Json]:
    rows = holder.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _system(body: Json) -> Iterator[Json]:
    system = body.get("systemInstruction")
    if isinstance(system, dict):
        yield {"role": "system", "content": _rows(system, "parts")}


def _messages(body: Json) -> Iterator[Json]:
    """The turns; a turn of answers to calls is a tool's."""
    for content in _rows(body, "contents"):
        parts = _rows(content, "parts")
        calls = [part["functionCall"] for part in parts if "functionCall" in part]
        results = any("functionResponse" in part for part in parts)
        role = "assistant" if content.get("role") == "model" else "tool" if results else "user"
        said = [part for part in parts if isinstance(part.get("text"), str) and not part.get("thought")]
        blobs = [part for part in parts if "inlineData" in part or "fileData" in part]
        yield {"role": role, "content": [*said, *blobs]} | ({"tool_calls": calls} if calls else {})


def _tools(body: Json) -> Iterator[Json]:
    for tool in _rows(body, "tools"):
        for function in _rows(tool, "functionDeclarations"):
            schema = function.get("parametersJsonSchema") or _plain(function.get("parameters"))
            yield {"function": {"name": function.get("name"), "parameters": schema}}


def _choice(body: Json) -> str | Json | None:
    config = cast("Json", body.get("toolConfig") or {})
    calling = cast("Json", config.get("functionCallingConfig") or {})
    allowed = cast("list[str]", calling.get("allowedFunctionNames") or [])
    if calling.get("mode") == "ANY" and allowed:
        return {"name": allowed[0]}
    return _CHOICES.get(str(calling.get("mode")))


def _format(options: Json) -> Json | None:
    if options.get("responseMimeType") != "application/json":
        return None
    schema = options.get("responseJsonSchema") or _plain(options.get("responseSchema"))
    return {"type": "json_schema", "schema": schema} if schema else {"type": "json_object"}


def _plain(schema: object) -> object:
    """A schema of Google's own kind with the types in small letters."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: str(value).lower() if key == "type" and isinstance(value, str) else _plain(value)
        for key, value in schema.items()
    }
