"""What a simulated model says to one request, before any vendor's words are put around it.

    request bytes ──> Asked ──compose()──> Said ──the vendor's side──> bodies and events

Written apart from `outlast.dialects` on purpose: a mistake that both shared would hide itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Literal, NamedTuple, cast

from msgspec import Struct, field
from msgspec.structs import replace

from outlast.lab.going_on import ANEW, AS_ASKED, Prefill, Way, begun, text_of, words
from outlast.lab.instance import instance
from outlast.lab.vendors import gemini_reading, ollama_reading, responses_reading
from outlast.lab.vendors.accents import Accent
from outlast.lab.wanted_json import schema_in

Json = dict[str, object]
Vendor = Literal["openai", "responses", "anthropic", "cohere", "gemini", "ollama"]
"""Whose words are spoken; OpenAI has two kinds."""
Kind = Literal["chat", "embeddings", "models", "count_tokens", "other"]


_READINGS: Mapping[Vendor, Callable[[Json], Json]] = {
    "gemini": gemini_reading.as_chat,
    "responses": responses_reading.as_chat,
    "ollama": ollama_reading.as_chat,
}
"""How those are read whose requests are not made of the fields of the others."""
_CHOICES = {"required": "any", "REQUIRED": "any", "NONE": "none"}


class Asked(Struct, frozen=True):
    """One request as a simulated provider sees it. `number` makes ids; `created` is seconds since the epoch.

    `prefill` is what the provider takes for the beginning of its answer; `place` what the path says, where that is more
    than the vendor and the kind; `accent` which of its kin speaks OpenAI's words.
    """

    vendor: Vendor = "openai"
    kind: Kind = "chat"
    body: Json = field(default_factory=dict)
    number: int = 0
    created: int = 1_767_225_600
    provider: str = ""
    prefill: Prefill = "message"
    other: Callable[[], tuple[bytes, str]] | None = None
    """Makes the answer of a page beside chat and embeddings, and names its media type."""
    place: Json = field(default_factory=dict)
    accent: Accent = ""

    @property
    def prefilled(self) -> bool:
        """Is a last message of the assistant the beginning of the answer? Else the model begins anew."""
        if self.vendor == "anthropic" or self.prefill == "message":
            return True
        if self.prefill == "continue":
            return self.body.get("continue_final_message") is True
        messages = cast("list[Json]", self.body.get("messages") or [{}])
        return self.prefill == "prefix" and messages[-1].get("prefix") is True

    @property
    def stream(self) -> bool:
        """Is the answer wanted piece by piece?"""
        said = self.place or self.body
        return self.kind == "chat" and said.get("stream", self.vendor == "ollama") is True

    @property
    def model(self) -> str:
        """The model asked for."""
        return str((self.place or self.body).get("model", ""))


class Said(Struct, frozen=True):
    """What the model says: words or a tool call, why it stopped, and the tokens it took."""

    tokens: tuple[str, ...]
    tool: str = ""
    finish: Literal["stop", "length", "tool_calls", "content_filter"] = "stop"
    prompt: int = 1

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.tokens)


class SimEvent(NamedTuple):
    """One event of a stream as it stands on the wire; `content` tells whether the caller gets to see any of it."""

    data: bytes
    content: bool = False


def dumps(value: object) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def compose(asked: Asked, text: str | None = None, *, finish: str | None = None, way: Way = AS_ASKED) -> Said:
    """The answer to a request: a tool call where one is called for, an instance of its schema, else `text`.

    Of an answer that somebody else has begun, the rest, in that `way`.
    """
    asked = plain(asked)
    prompt = max(1, len(dumps([asked.body.get("messages"), asked.body.get("system")])) // 4)
    half = begun(asked.body.get("messages")) if asked.kind == "chat" else None
    if half is not None:
        way = way if half.words or asked.prefilled else ANEW
        asked = replace(asked, body=asked.body | {"messages": half.before})
    tool = _tool(asked) if text is None else None
    if tool is not None:
        name, parameters = tool
        arguments = json.dumps(instance(parameters) or {})
        return Said(tuple(_pieces(arguments)), tool=name, finish="tool_calls", prompt=prompt)
    whole = text if text is not None else _reply(asked)
    tokens = tuple(words(whole if half is None else half.rest(whole, way)))
    limit = asked.body.get("max_completion_tokens") or asked.body.get("max_tokens")
    if isinstance(limit, int) and len(tokens) > limit:
        return Said(tokens[:limit], finish="length", prompt=prompt)
    return Said(tokens, finish=cast("Literal['stop']", finish or "stop"), prompt=prompt)


def plain(asked: Asked) -> Asked:
    """The same request, in words of which a simulated model reads the messages."""
    read = _READINGS.get(asked.vendor)
    return replace(asked, vendor="openai", body=read(asked.body) | asked.place) if read is not None else asked


def last_text(asked: Asked) -> str:
    """The words of the last message."""
    messages = asked.body.get("messages")
    if not isinstance(messages, list) or not messages or not isinstance(messages[-1], dict):
        return ""
    return text_of(messages[-1])


def _reply(asked: Asked) -> str:
    schema = schema_in(asked.body, asked.vendor)
    if schema is not None:
        return json.dumps(instance(schema), ensure_ascii=False)
    who = f" {asked.provider}" if asked.provider else ""
    asking = " ".join(last_text(asked).split())[:200]
    return f"This is the simulated provider{who}, no model at all. You said: {asking or 'nothing'}"


def _tool(asked: Asked) -> tuple[str, object] | None:
    """The tool that the last message asks for, and its parameters."""
    messages = cast("list[Json]", asked.body.get("messages") or [{}])
    tools = dict(_tools(asked))
    forced = _forced(asked)
    if not tools or forced == "none" or messages[-1].get("role") != "user" or _is_result(messages[-1]):
        return None
    if forced in tools:
        return forced, tools[forced]
    said = set(re.findall(r"[a-z]{4,}", last_text(asked).lower()))
    named = [name for name in tools if said & {"tool", *re.findall(r"[a-z]{4,}", name.lower())}]
    if named or forced == "any":
        name = (named or list(tools))[0]
        return name, tools[name]
    return None


def _tools(asked: Asked) -> Iterator[tuple[str, object]]:
    for tool in cast("list[Json]", asked.body.get("tools") or []):
        function = cast("Json", tool.get("function") or tool)
        yield str(function.get("name", "")), function.get("parameters") or function.get("input_schema") or {}


def _forced(asked: Asked) -> str:
    """A tool's name, "any", "none" or "auto"."""
    choice = asked.body.get("tool_choice")
    if isinstance(choice, dict):
        function = choice.get("function")
        named = function.get("name") if isinstance(function, dict) else choice.get("name")
        return str(named or choice.get("type") or "auto")
    return _CHOICES.get(str(choice), str(choice or "auto"))


def _is_result(message: Json) -> bool:
    content = message.get("content")
    return isinstance(content, list) and any(isinstance(p, dict) and p.get("type") == "tool_result" for p in content)


def _pieces(text: str, size: int = 8) -> Iterator[str]:
    yield from (text[start : start + size] for start in range(0, len(text), size))
