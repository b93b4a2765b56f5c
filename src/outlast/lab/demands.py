"""Is a request one that the vendor would take? If not, it is refused in the vendor's way.

Strict on purpose: a gateway that sends a wrong field, or forgets a needed one, is found out here and not in production.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from outlast.lab.answer import Asked, Json

_CHAT_FIELDS = frozenset(
    [
        "model",
        "messages",
        "stream",
        "stream_options",
        "max_completion_tokens",
        "max_tokens",
        "temperature",
        "top_p",
        "n",
        "stop",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "reasoning_effort",
        "verbosity",
        "modalities",
        "audio",
        "prediction",
        "web_search_options",
        "service_tier",
        "store",
        "metadata",
        "moderation",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "user",
        "functions",
        "function_call",
    ]
)
_EMBEDDING_FIELDS = frozenset({"model", "input", "dimensions", "encoding_format", "user"})
_MESSAGES_FIELDS = frozenset(
    [
        "model",
        "max_tokens",
        "messages",
        "system",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "tools",
        "tool_choice",
        "thinking",
        "metadata",
        "output_config",
        "output_format",
        "service_tier",
        "speed",
        "cache_control",
        "container",
        "context_management",
        "mcp_servers",
        "betas",
        "inference_geo",
    ]
)
_OPENAI_ROLES = frozenset({"developer", "system", "user", "assistant", "tool", "function"})
_NO_SAMPLING = "2026-10-21"


class Refusal(Exception):  # noqa: N818  (what the vendor calls it is an error; this is a refusal)
    """The vendor would not take the request: status, words, and the field it is about."""

    def __init__(self, message: str, param: str | None = None, *, status: int = 400, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.status = status
        self.code = code


def check(asked: Asked, headers: Mapping[str, str]) -> None:
    """Raises a `Refusal` for what the vendor would refuse."""
    if "application/json" not in headers.get("content-type", ""):
        raise Refusal("The content type must be application/json.", status=415)
    if asked.vendor == "anthropic":
        _messages(asked.body, headers, counting=asked.kind == "count_tokens")
    elif asked.kind == "embeddings":
        _embeddings(asked.body)
    else:
        _chat(asked.body)


def _chat(body: Json) -> None:
    _known(body, _CHAT_FIELDS, "Unrecognized request argument supplied: {}")
    _text(body, "model", "you must provide a model parameter")
    _ranges(body, {"temperature": (0, 2), "top_p": (0, 1), "n": (1, 128), "presence_penalty": (-2, 2)})
    _counts(body, "n", "max_tokens", "max_completion_tokens")
    _flag(body, "stream")
    if body.get("stream_options") is not None and body.get("stream") is not True:
        raise Refusal("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    if "max_tokens" in body and "max_completion_tokens" in body:
        raise Refusal("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
    _openai_tools(body)
    _openai_messages(_list(body, "messages"))


def _openai_messages(messages: list[Json]) -> None:
    waiting: set[str] = set()
    for place, message in enumerate(messages):
        where = f"messages[{place}]"
        role = message.get("role")
        if role not in _OPENAI_ROLES:
            raise Refusal(f"Invalid value: {role!r}. Supported values are: {sorted(_OPENAI_ROLES)}.", f"{where}.role")
        if role == "tool":
            if message.get("tool_call_id") not in waiting:
                raise Refusal("messages with role 'tool' must answer a preceding message with 'tool_calls'.", where)
            waiting.discard(str(message["tool_call_id"]))
        elif waiting:
            raise Refusal("An assistant message with 'tool_calls' must be followed by tool messages.", where)
        calls = cast("list[Json]", message.get("tool_calls") or [])
        waiting |= {str(call.get("id")) for call in calls}
        if message.get("content") is None and not calls and not message.get("function_call"):
            raise Refusal("Invalid value for 'content': expected a string, got null.", f"{where}.content")
    if waiting:
        raise Refusal("An assistant message with 'tool_calls' must be followed by tool messages.", "messages")


def _openai_tools(body: Json) -> None:
    for place, tool in enumerate(cast("list[Json]", body.get("tools") or [])):
        function = tool.get("function")
        if tool.get("type") != "function" or not isinstance(function, dict):
            raise Refusal("Missing required parameter: 'tools[].function'.", f"tools[{place}]")
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", str(function.get("name", ""))):
            raise Refusal("Invalid 'tools[].function.name'.", f"tools[{place}].function.name")
    wanted = body.get("response_format")
    if wanted is not None and (not isinstance(wanted, dict) or "type" not in wanted):
        raise Refusal("Missing required parameter: 'response_format.type'.", "response_format")
    if isinstance(wanted, dict) and wanted.get("type") == "json_schema" and "json_schema" not in wanted:
        raise Refusal("Missing required parameter: 'response_format.json_schema'.", "response_format.json_schema")


def _embeddings(body: Json) -> None:
    _known(body, _EMBEDDING_FIELDS, "Unrecognized request argument supplied: {}")
    _text(body, "model", "you must provide a model parameter")
    if body.get("input") in (None, "", []):
        raise Refusal("'$.input' is invalid.", "input")
    if body.get("encoding_format", "float") not in {"float", "base64"}:
        raise Refusal("Invalid value for 'encoding_format'.", "encoding_format")
    _counts(body, "dimensions")


def _messages(body: Json, headers: Mapping[str, str], *, counting: bool) -> None:
    version = headers.get("anthropic-version")
    if not version:
        raise Refusal("header is required", "anthropic-version")
    _known(body, _MESSAGES_FIELDS, "Extra inputs are not permitted", anthropic=True)
    _text(body, "model", "Field required")
    if not counting:
        if "max_tokens" not in body:
            raise Refusal("Field required", "max_tokens")
        _counts(body, "max_tokens")
    refused = [name for name in ("temperature", "top_p", "top_k") if name in body]
    if version >= _NO_SAMPLING and refused:
        raise Refusal("This parameter is not supported by this API version.", refused[0])
    _ranges(body, {"temperature": (0, 1), "top_p": (0, 1)})
    _flag(body, "stream")
    for place, tool in enumerate(cast("list[Json]", body.get("tools") or [])):
        if tool.get("type") in {None, "custom"} and not isinstance(tool.get("input_schema"), dict):
            raise Refusal("Field required", f"tools.{place}.input_schema")
    _anthropic_messages(_list(body, "messages"))


def _anthropic_messages(messages: list[Json]) -> None:
    waiting: set[object] = set()
    for place, message in enumerate(messages):
        where = f"messages.{place}"
        if message.get("role") not in {"user", "assistant", "system"}:
            raise Refusal("Input should be 'user' or 'assistant'", f"{where}.role")
        if message.get("content") in (None, "", []):
            raise Refusal("content must be non-empty", where)
        blocks = [block for block in cast("list[object]", message["content"]) if isinstance(block, dict)]
        if any(block.get("type") == "text" and not block.get("text") for block in blocks):
            raise Refusal("text content blocks must be non-empty", where)
        answered = {block.get("tool_use_id") for block in blocks if block.get("type") == "tool_result"}
        if answered != waiting:
            raise Refusal("each `tool_use` block must have a `tool_result` block in the next message", where)
        waiting = {block.get("id") for block in blocks if block.get("type") == "tool_use"}
    if messages[0].get("role") == "assistant":
        raise Refusal("first message must use the user role", "messages")


def _known(body: Json, fields: frozenset[str], message: str, *, anthropic: bool = False) -> None:
    for name in body:
        if name not in fields:
            raise Refusal(message.format(name), name if anthropic else None)


def _text(body: Json, name: str, missing: str) -> None:
    if not isinstance(body.get(name), str) or not body[name]:
        raise Refusal(missing, name)


def _list(body: Json, name: str) -> list[Json]:
    value = body.get(name)
    if not isinstance(value, list) or not value or not all(isinstance(part, dict) for part in value):
        raise Refusal(f"'{name}' must be a list of objects that is not empty.", name)
    return cast("list[Json]", value)


def _flag(body: Json, name: str) -> None:
    if body.get(name) is not None and not isinstance(body[name], bool):
        raise Refusal("Input should be a valid boolean", name)


def _counts(body: Json, *names: str) -> None:
    for name in names:
        value = body.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise Refusal("Input should be an integer greater than or equal to 1", name)


def _ranges(body: Json, ranges: dict[str, tuple[float, float]]) -> None:
    for name, (low, high) in ranges.items():
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise Refusal(f"Input should be a number from {low} to {high}", name)
