"""What is said in Google's words, `contents` of `parts`, into our messages.

    {role: user, parts: [{text}, {inlineData}]}                        a question, pictures and files
    {role: model, parts: [{text, thought}, {functionCall, thoughtSignature}]}   an answer, with its thoughts
    {role: user, parts: [{functionResponse}]}                          what the functions gave back

Older models give their calls no ids; then a call is known by its place, and an answer goes to the first call of its
name that has none yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw, Struct

from outlast.dialects import signatures, wire
from outlast.model import messages as m
from outlast.model.errors import Caller

_Json = dict[str, object]


class Blob(Struct, rename="camel", gc=False):
    """A picture or file, inline."""

    mime_type: str = ""
    data: str = ""


class File(Struct, rename="camel", gc=False):
    """A picture or file, by address."""

    file_uri: str = ""
    mime_type: str = ""


class Call(Struct, rename="camel"):
    """The model asks for a function."""

    name: str = ""
    id: str | None = None
    args: Raw = Raw()


class Result(Struct, rename="camel"):
    """What a function gave back."""

    name: str = ""
    id: str | None = None
    response: Raw = Raw()
    parts: list[Part] | None = None


class Part(Struct, rename="camel"):
    """A piece of a turn. Kinds that we do not know have none of these fields."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    inline_data: Blob | None = None
    file_data: File | None = None
    function_call: Call | None = None
    function_response: Result | None = None
    executable_code: Raw = Raw()
    code_execution_result: Raw = Raw()
    tool_call: Raw = Raw()
    tool_response: Raw = Raw()

    @property
    def work(self) -> bool:
        """Is it of a tool that Google runs itself?"""
        return any(map(bytes, (self.executable_code, self.code_execution_result, self.tool_call, self.tool_response)))


class Content(Struct, rename="camel"):
    """A turn."""

    parts: list[Part] | None = None
    role: str | None = None


_TURN_KEYS = frozenset({"parts", "role"})
_WORK = frozenset({"executableCode", "codeExecutionResult", "toolCall", "toolResponse"})
_PART_KEYS = frozenset(Part.__struct_encode_fields__) - _WORK
_ROLES: dict[str | None, m.Role] = {None: "user", "": "user", "user": "user", "function": "user", "model": "assistant"}
_PICTURE = re.compile(r"\.(png|jpe?g|webp|gif|heic|heif|avif|bmp)$", re.IGNORECASE)
_TYPES = {"pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown", "csv": "text/csv", "html": "text/html",
          "mp3": "audio/mpeg", "wav": "audio/wav", "mp4": "video/mp4"}  # fmt: skip
_SAID = ("output", "result", "error")
"""Fields of a function's answer that hold its words."""

_OBJECT = msgspec.json.Decoder(dict[str, Any])


def media_type(part: Part) -> str:
    """What kind of picture or file a part is; empty when it is neither."""
    if part.inline_data is not None:
        return part.inline_data.mime_type or "application/octet-stream"
    if part.file_data is not None:
        return part.file_data.mime_type or guessed(part.file_data.file_uri)
    return ""


def guessed(url: str) -> str:
    """The media type that an address ends like; a file of bytes where it says nothing."""
    path = url.partition("?")[0]
    if found := _PICTURE.search(path):
        kind = found[1].lower()
        return f"image/{'jpeg' if kind == 'jpg' else kind}"
    return _TYPES.get(path.rpartition(".")[2].lower(), "application/octet-stream")


class _Calls:
    """The calls of a conversation: ids for those without, and who is answered by an answer without one."""

    __slots__ = ("_count", "_waiting")

    def __init__(self) -> None:
        self._count = 0
        self._waiting: list[tuple[str, str]] = []

    def made(self, call: Call) -> str:
        self._count += 1
        id_ = call.id or f"call_{self._count}"
        self._waiting.append((id_, call.name))
        return id_

    def answered(self, result: Result) -> str:
        for place, (id_, name) in enumerate(self._waiting):
            if id_ == result.id or (not result.id and name == result.name):
                del self._waiting[place]
                return id_
        return result.id or f"call_{result.name}"


def read(contents: list[Content], raw: object, extra: _Json) -> list[m.Message]:
    """The turns as messages; what has no place in ours is named in `extra`. Raises `Caller`."""
    wire.name_unknown(raw, _TURN_KEYS, "contents", extra)
    for turn in raw if isinstance(raw, list) else ():
        wire.name_unknown(turn.get("parts"), _PART_KEYS, "contents.parts", extra)
    calls = _Calls()
    return [message for content in contents for message in _messages(content, calls, extra)]


def _messages(content: Content, calls: _Calls, extra: _Json) -> Iterator[m.Message]:
    """One turn: each answer of a function is a message of its own, before what else was said."""
    role = _ROLES.get(content.role)
    if role is None:
        raise Caller("contents.role must be user or model; a system prompt goes into systemInstruction")
    given = content.parts or []
    results = [part.function_response for part in given if part.function_response is not None]
    yield from (m.Message("tool", (_result(result, calls, extra),)) for result in results)
    rest = [part for part in given if part.function_response is None]
    if rest or not results:
        yield m.Message(role, tuple(_parts(rest, calls)))


def _parts(given: list[Part], calls: _Calls) -> list[m.Part]:
    parts: list[m.Part] = []
    for part in given:
        signed(parts, part)
        told = _part(part, calls)
        if told is not None:
            parts.append(told)
    return parts


def signed(parts: list[m.Part], part: Part) -> None:
    """Put the signature of a part before it: on the thoughts that came just before, where there are any."""
    if not part.thought_signature or part.thought:
        return
    signature = signatures.read(part.thought_signature)
    last = parts[-1] if parts else None
    if isinstance(last, m.Reasoning) and not last.signature:
        parts[-1] = m.Reasoning(last.text, signature)
    else:
        parts.append(m.Reasoning("", signature))


def _part(part: Part, calls: _Calls) -> m.Part | None:
    if part.thought:
        return thought(part)
    if part.text is not None:
        return m.Text(part.text)
    if part.function_call is not None:
        return m.ToolCall(calls.made(part.function_call), part.function_call.name, arguments(part.function_call))
    return _media(part)


def thought(part: Part) -> m.Reasoning:
    """What the model thought."""
    signature = signatures.read(part.thought_signature) if part.thought_signature else ""
    return m.Reasoning(part.text or "", signature)


def arguments(call: Call) -> str:
    """The arguments as JSON text."""
    given = bytes(call.args).decode()
    return given if given not in {"", "null"} else "{}"


def _media(part: Part) -> m.Image | m.Document | None:
    kind = media_type(part)
    if not kind:
        return None
    data = part.inline_data.data if part.inline_data is not None else ""
    url = part.file_data.file_uri if part.file_data is not None else ""
    said = "" if url and kind == guessed(url) else kind
    return m.Image(url, data, said) if kind.startswith("image/") else m.Document(url, data, said)


def _result(result: Result, calls: _Calls, extra: _Json) -> m.ToolResult:
    words, error = _words(result)
    media = [told for part in result.parts or () if (told := _media(part)) is not None]
    if len(media) < len(result.parts or ()):
        extra["contents.parts.functionResponse.parts"] = True
    text = (m.Text(words),) if words else ()
    return m.ToolResult(calls.answered(result), (*text, *media), error)


def _words(result: Result) -> tuple[str, bool]:
    """What a function said, and whether that is an error: its one field of words, or all of it as JSON."""
    given = bytes(result.response)
    if given in {b"", b"null", b"{}"}:
        return "", False
    answer = wire.ask(_OBJECT, given)
    (name, said), *more = answer.items()
    if not more and name in _SAID and isinstance(said, str):
        return said, name == "error"
    return given.decode(), name == "error" and not more
