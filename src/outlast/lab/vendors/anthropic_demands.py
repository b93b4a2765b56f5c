"""What Anthropic demands of a message and of a token count, and how it refuses what it does not take."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import cast

from outlast.lab.answer import Asked, Json
from outlast.lab.refusal import (
    Misfit,
    Path,
    Refusal,
    Shape,
    anthropic_path,
    anthropic_words,
    anything,
    by_type,
    fields,
    flag,
    integer,
    items,
    matching,
    number,
    one_of,
    table,
    text,
    words_or,
)
from outlast.lab.vendors.known_models import known, prompt_tokens

_VERSIONS = ("2023-01-01", "2023-06-01", "2026-10-21")
_NO_SAMPLING = "2026-10-21"
_NAME = matching(r"[a-zA-Z0-9_-]{1,128}")
_CACHED: dict[str, Shape] = {"type": text, "cache_control": table}


def _media(value: object, path: Path) -> None:
    if value not in ("image/jpeg", "image/png", "image/gif", "image/webp"):
        raise Misfit("value", path, ("image/jpeg", "image/png", "image/gif", "image/webp"), value)


def _base64(value: object, path: Path) -> None:
    text(value, path)
    if not re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", str(value)):
        raise Refusal("Input should be valid base64 data", anthropic_path(path))


def _url(value: object, path: Path) -> None:
    text(value, path)
    if not re.fullmatch(r"https?://\S+", str(value)):
        raise Refusal("Only HTTP(S) URLs are supported", anthropic_path(path))


def _words(value: object, path: Path) -> None:
    text(value, path)
    if not value:
        raise Refusal("text content blocks must be non-empty", anthropic_path(path[:-2]))


_TEXT = fields({**_CACHED, "text": _words, "citations": items(table)}, needed=["text"])
_SOURCE = by_type(
    {
        "base64": fields({"type": text, "media_type": _media, "data": _base64}, needed=["media_type", "data"]),
        "url": fields({"type": text, "url": _url}, needed=["url"]),
        "file": fields({"type": text, "file_id": text}, needed=["file_id"]),
    }
)
_IMAGE = fields({**_CACHED, "source": _SOURCE}, needed=["source"])
_DOCUMENT = fields({**_CACHED, "source": table}, needed=["source"], more=True)
_OPEN = ("search_result", "tool_reference", "container_upload", "redacted_thinking", "compaction")
_SERVED = r"(server_tool_use|mcp_tool_use|\w+_tool_result)"
_RESULT = words_or(
    items(
        by_type(
            {"text": _TEXT, "image": _IMAGE, "document": _DOCUMENT, "search_result": table, "tool_reference": table}
        )
    )
)
_BLOCKS: dict[str, Shape] = {
    "text": _TEXT,
    "image": _IMAGE,
    "document": _DOCUMENT,
    "tool_use": fields(
        {**_CACHED, "id": text, "name": text, "input": table}, needed=["id", "name", "input"], more=True
    ),
    "tool_result": fields(
        {**_CACHED, "tool_use_id": text, "content": _RESULT, "is_error": flag}, needed=["tool_use_id"]
    ),
    "thinking": fields({"type": text, "thinking": text, "signature": text}, needed=["signature"]),
    **dict.fromkeys(_OPEN, table),
}
_BLOCK = by_type(_BLOCKS)


def _block(value: object, path: Path) -> None:
    """A block; those of the vendor's own tools have shapes of their own."""
    kind = value.get("type") if isinstance(value, dict) else None
    if not (isinstance(kind, str) and re.fullmatch(_SERVED, kind) and kind != "tool_result"):
        _BLOCK(value, path)


def _content(value: object, path: Path) -> None:
    if value in ("", []):
        raise Refusal("content must be non-empty", anthropic_path(path[:-1]))
    words_or(items(_block))(value, path)


def _tool(value: object, path: Path) -> None:
    """A tool of the caller's; those of the vendor have a type and their own shapes."""
    table(value, path)
    if cast("Json", value).get("type") in {None, "custom"}:
        schema = fields({"type": one_of("object")}, needed=["type"], more=True)
        own = fields(
            {"name": _NAME, "description": text, "input_schema": schema}, needed=["name", "input_schema"], more=True
        )
        own(value, path)


_ROLES = one_of("user", "assistant", "system")
_MESSAGE = fields({"role": _ROLES, "content": _content}, needed=["role", "content"])
_CHOICE = by_type(
    {
        "auto": fields({"type": text, "disable_parallel_tool_use": flag}),
        "any": fields({"type": text, "disable_parallel_tool_use": flag}),
        "tool": fields({"type": text, "name": text, "disable_parallel_tool_use": flag}, needed=["name"]),
        "none": fields({"type": text}),
    }
)
_THINKING = by_type(
    {
        "enabled": fields({"type": text, "budget_tokens": integer(1024)}, needed=["budget_tokens"], more=True),
        "adaptive": table,
        "disabled": table,
    }
)
_COUNTED: dict[str, Shape] = {
    "model": text,
    "messages": items(_MESSAGE, least=1),
    "system": words_or(items(by_type({"text": _TEXT}))),
    "tools": items(_tool),
    "tool_choice": _CHOICE,
    "thinking": _THINKING,
    "output_config": table,
    "output_format": table,
    "cache_control": table,
    "context_management": table,
    "mcp_servers": items(table),
    "speed": text,
    "betas": items(text),
}
_COUNT = fields(_COUNTED, needed=["model", "messages"])
_MESSAGES = fields(
    {
        **_COUNTED,
        "max_tokens": integer(1),
        "stream": flag,
        "temperature": number(0, 1),
        "top_p": number(0, 1),
        "top_k": integer(0),
        "stop_sequences": items(matching(r"(?s).*\S.*")),
        "metadata": fields({"user_id": text}),
        "service_tier": one_of("auto", "standard_only"),
        "container": anything,
        "inference_geo": text,
    },
    needed=["model", "max_tokens", "messages"],
)


def check_messages(asked: Asked, headers: Mapping[str, str]) -> None:
    """Raises a `Refusal` for a message, or for a count of tokens, that Anthropic would not take."""
    version = headers.get("anthropic-version")
    if not version:
        raise Refusal("header is required", "anthropic-version")
    if version not in _VERSIONS:
        raise Refusal(f'"{version}" is not a valid version', "anthropic-version")
    try:
        (_COUNT if asked.kind == "count_tokens" else _MESSAGES)(asked.body, ())
    except Misfit as misfit:
        raise anthropic_words(misfit) from None
    messages = cast("list[Json]", asked.body["messages"])
    if version >= _NO_SAMPLING:
        _newest(asked.body, messages)
    _together(asked.body)
    _answered(messages)
    _begun(asked.body, messages[-1])
    _of_its_model(asked)


def _newest(body: Json, messages: list[Json]) -> None:
    """What the newest version of the API no longer takes."""
    refused = [name for name in ("temperature", "top_p", "top_k") if body.get(name) is not None]
    if refused:
        raise Refusal("This parameter is not supported by this API version.", refused[0])
    for place, message in enumerate(messages):
        for block in _blocks(message):
            if block.get("type") == "document" and message["role"] == "assistant":
                raise Refusal("document blocks are not allowed in assistant messages", f"messages.{place}.content")
            if block.get("citations") and message["role"] == "user" and block.get("type") == "text":
                raise Refusal("citations are not allowed in user messages", f"messages.{place}.content")


def _together(body: Json) -> None:
    """Fields that go only with others, or not with them."""
    names = [str(tool.get("name")) for tool in cast("list[Json]", body.get("tools") or [])]
    if len(set(names)) < len(names):
        raise Refusal("Tool names must be unique.", "tools")
    choice = cast("Json", body.get("tool_choice") or {})
    if choice and not names:
        raise Refusal("tool_choice may only be specified while providing tools.", "tool_choice")
    if choice.get("type") == "tool" and choice.get("name") not in names:
        raise Refusal(f"Tool '{choice.get('name')}' not found in provided tools", "tool_choice")
    thinking = cast("Json", body.get("thinking") or {})
    if thinking.get("type") == "enabled" and body.get("max_tokens") is not None:
        if cast("int", body["max_tokens"]) <= cast("int", thinking["budget_tokens"]):
            raise Refusal("`max_tokens` must be greater than `thinking.budget_tokens`.")
        if body.get("temperature") not in (None, 1):
            raise Refusal("`temperature` may only be set to 1 when thinking is enabled.")
    marked = sum(1 for block in _cacheable(body) if block.get("cache_control") is not None)
    if marked > 4:
        raise Refusal(f"A maximum of 4 blocks with cache_control may be provided. Found {marked}.")


def _cacheable(body: Json) -> Iterator[Json]:
    messages = cast("list[Json]", body["messages"])
    yield from (block for message in messages for block in _blocks(message))
    for name in ("system", "tools"):
        given = body.get(name)
        yield from cast("list[Json]", given) if isinstance(given, list) else ()


def _blocks(message: Json) -> list[Json]:
    content = message["content"]
    return cast("list[Json]", content) if isinstance(content, list) else []


def _answered(messages: list[Json]) -> None:
    """Each use of a tool has its result in the next message, which has no other."""
    if messages[0]["role"] == "assistant":
        raise Refusal("first message must use the user role", "messages")
    waiting: set[object] = set()
    for place, message in enumerate(messages):
        where = f"messages.{place}"
        blocks = _blocks(message)
        _in_its_role(message, blocks, where)
        answered = {block["tool_use_id"] for block in blocks if block["type"] == "tool_result"}
        if answered - waiting:
            raise Refusal("each `tool_result` block must have a `tool_use` block in the previous message", where)
        if waiting - answered:
            raise Refusal("each `tool_use` block must have a `tool_result` block in the next message", where)
        waiting = {block["id"] for block in blocks if block["type"] == "tool_use"}
    if waiting:
        raise Refusal("each `tool_use` block must have a `tool_result` block in the next message", where)


def _begun(body: Json, last: Json) -> None:
    """A last message of the assistant is the beginning of the answer."""
    if last["role"] != "assistant":
        return
    blocks = _blocks(last)
    text = last["content"] if isinstance(last["content"], str) else (blocks[-1].get("text") if blocks else "")
    if isinstance(text, str) and text != text.rstrip():
        raise Refusal("final assistant content cannot end with trailing whitespace", "messages")
    thinks = cast("Json", body.get("thinking") or {}).get("type") in {"enabled", "adaptive"}
    if thinks and (not blocks or blocks[0].get("type") not in {"thinking", "redacted_thinking"}):
        raise Refusal("a final assistant message must start with a thinking block when thinking is on", "messages")
    config = cast("Json", body.get("output_config") or {})
    if config.get("format") or body.get("output_format"):
        raise Refusal("prefill is not compatible with a format of the output", "messages")


def _in_its_role(message: Json, blocks: list[Json], where: str) -> None:
    others = {"tool_use": "assistant", "tool_result": "user", "image": "user"}
    for block in blocks:
        role = others.get(str(block["type"]), message["role"])
        if role != message["role"]:
            raise Refusal(f"`{block['type']}` blocks can only be in `{role}` messages", where)


def _of_its_model(asked: Asked) -> None:
    """What the model that is asked for does not take."""
    row = known(asked)
    if row is None:
        return
    prompt = prompt_tokens(asked)
    if row.window and prompt > row.window:
        raise Refusal(f"prompt is too long: {prompt} tokens > {row.window} maximum")
    most = asked.body.get("max_tokens")
    if isinstance(most, int) and row.max_output and most > row.max_output:
        words = f"{most} > {row.max_output}, which is the maximum allowed number of output tokens for {asked.model}"
        raise Refusal(words, "max_tokens")
    if "anthropic" in row.at:
        _of_its_own_model(asked.body, sampling=row.sampling, prefill=row.prefill)


def _of_its_own_model(body: Json, *, sampling: bool, prefill: bool) -> None:
    refused = [name for name in ("temperature", "top_p", "top_k") if body.get(name) is not None]
    if not sampling and any((name, body[name]) not in {("temperature", 1), ("top_p", 1)} for name in refused):
        raise Refusal(f"`{refused[0]}` is not supported for this model.")
    if "temperature" in refused and "top_p" in refused:
        raise Refusal("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    if not prefill and cast("list[Json]", body["messages"])[-1]["role"] == "assistant":
        raise Refusal("This model does not support assistant message prefill; end with a user message.", "messages")
