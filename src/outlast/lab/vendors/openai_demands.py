"""What OpenAI demands of a chat completion and of an embedding, and how it refuses what it does not take."""

from __future__ import annotations

import re
from typing import cast

from msgspec.structs import replace

from outlast.lab.answer import Asked, Json
from outlast.lab.refusal import (
    Misfit,
    Path,
    Refusal,
    Shape,
    anything,
    by_type,
    fields,
    flag,
    integer,
    items,
    matching,
    number,
    one_of,
    openai_words,
    table,
    text,
    words_or,
)
from outlast.lab.vendors import accent_demands
from outlast.lab.vendors.known_models import allowed_tokens, known, prompt_tokens

_NAME = matching(r"[a-zA-Z0-9_-]{1,64}")
_IMAGE = r"https?://\S+|data:image/(png|jpe?g|gif|webp);base64,[A-Za-z0-9+/=\s]+"


def image_url(value: object, path: Path) -> None:
    """The address of an image, or one that holds it."""
    text(value, path)
    if not re.fullmatch(_IMAGE, str(value)):
        raise Refusal("Invalid image URL: expected http(s) or a data URL of an image.", code="invalid_image_url")


_TEXT = fields({"type": text, "text": text}, needed=["text"], more=True)
_PARTS: dict[str, Shape] = {
    "text": _TEXT,
    "image_url": fields(
        {
            "type": text,
            "image_url": fields({"url": image_url, "detail": one_of("auto", "low", "high")}, needed=["url"]),
        },
        needed=["image_url"],
        more=True,
    ),
    "input_audio": fields(
        {
            "type": text,
            "input_audio": fields({"data": text, "format": one_of("wav", "mp3")}, needed=["data", "format"]),
        },
        needed=["input_audio"],
        more=True,
    ),
    "file": fields({"type": text, "file": table}, needed=["file"], more=True),
}
_WORDS = words_or(items(by_type({"text": _TEXT}), least=1))
_CALL = by_type(
    {
        "function": fields(
            {
                "id": text,
                "type": text,
                "function": fields({"name": text, "arguments": text}, needed=["name", "arguments"]),
            },
            needed=["id", "function"],
            more=True,
        ),
        "custom": fields({"id": text, "type": text, "custom": table}, needed=["id", "custom"], more=True),
    }
)
_ROLE: dict[str, Shape] = {"role": text, "name": text}
_MESSAGE = by_type(
    {
        "developer": fields({**_ROLE, "content": _WORDS}, needed=["content"], more=True),
        "system": fields({**_ROLE, "content": _WORDS}, needed=["content"], more=True),
        "user": fields({**_ROLE, "content": words_or(items(by_type(_PARTS), least=1))}, needed=["content"], more=True),
        "assistant": fields(
            {
                **_ROLE,
                "content": words_or(
                    items(by_type({"text": _TEXT, "refusal": fields({"type": text, "refusal": text})}), least=1)
                ),
                "refusal": text,
                "tool_calls": items(_CALL, least=1),
                "function_call": fields({"name": text, "arguments": text}, needed=["name", "arguments"]),
            },
            more=True,
        ),
        "tool": fields(
            {**_ROLE, "content": _WORDS, "tool_call_id": text}, needed=["content", "tool_call_id"], more=True
        ),
        "function": fields({**_ROLE, "content": text}, needed=["name"], more=True),
    },
    key="role",
)
_TOOL = by_type(
    {
        "function": fields(
            {
                "type": text,
                "function": fields(
                    {"name": _NAME, "description": text, "parameters": table, "strict": flag}, needed=["name"]
                ),
            },
            needed=["function"],
        ),
        "custom": fields({"type": text, "custom": table}, needed=["custom"]),
    }
)
_CHOICE = by_type(
    {
        "function": fields({"type": text, "function": fields({"name": text}, needed=["name"])}, needed=["function"]),
        "custom": fields({"type": text, "custom": table}, needed=["custom"]),
        "allowed_tools": fields({"type": text, "allowed_tools": table}, needed=["allowed_tools"]),
    }
)


def _choice(value: object, path: Path) -> None:
    shape = _CHOICE if isinstance(value, dict) else one_of("none", "auto", "required")
    shape(value, path)


_FORMAT = by_type(
    {
        "text": anything,
        "json_object": anything,
        "json_schema": fields(
            {
                "type": text,
                "json_schema": fields(
                    {"name": _NAME, "description": text, "schema": table, "strict": flag}, needed=["name"]
                ),
            },
            needed=["json_schema"],
        ),
    }
)
_FIELDS: dict[str, Shape] = {
    "model": text,
    "messages": items(_MESSAGE, least=1),
    "stream": flag,
    "stream_options": fields({"include_usage": flag, "include_obfuscation": flag}),
    "max_completion_tokens": integer(1),
    "max_tokens": integer(1),
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "n": integer(1, 128),
    "stop": words_or(items(text, most=4)),
    "seed": integer(-(2**63), 2**63 - 1),
    "frequency_penalty": number(-2, 2),
    "presence_penalty": number(-2, 2),
    "logit_bias": table,
    "logprobs": flag,
    "top_logprobs": integer(0, 20),
    "tools": items(_TOOL, least=1, most=128),
    "tool_choice": _choice,
    "parallel_tool_calls": flag,
    "response_format": _FORMAT,
    "reasoning_effort": one_of("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    "verbosity": one_of("low", "medium", "high"),
    "modalities": items(one_of("text", "audio")),
    "audio": table,
    "prediction": table,
    "web_search_options": table,
    "service_tier": one_of("auto", "default", "flex", "scale", "priority", "fast"),
    "store": flag,
    "metadata": table,
    "moderation": anything,
    "prompt_cache_key": text,
    "prompt_cache_options": table,
    "prompt_cache_retention": one_of("in_memory", "24h"),
    "safety_identifier": text,
    "user": text,
    "functions": items(table, least=1),
    "function_call": anything,
}
_CHAT = fields(_FIELDS, needed=["messages"])
_CHAT_OF_VLLM = fields({**_FIELDS, "continue_final_message": flag, "add_generation_prompt": flag}, needed=["messages"])
_EMBEDDINGS = fields(
    {
        "model": text,
        "input": words_or(items(anything, least=1, most=2048)),
        "dimensions": integer(1),
        "encoding_format": one_of("float", "base64"),
        "user": text,
    },
    needed=["input"],
)


def check_chat(asked: Asked) -> None:
    """Raises a `Refusal` for a chat completion that OpenAI, or who speaks with that accent, would not take."""
    asked = replace(asked, body=accent_demands.plain(asked))
    _shaped(asked, _CHAT_OF_VLLM if asked.prefill == "continue" else _CHAT)
    _together(asked.body)
    _begun(asked)
    _answered(cast("list[Json]", asked.body["messages"]))
    _of_its_model(asked)


def check_embeddings(asked: Asked) -> None:
    """The same for embeddings."""
    _shaped(asked, _EMBEDDINGS)
    given = asked.body["input"]
    for one in given if isinstance(given, list) else [given]:
        if one in ("", []) or not isinstance(one, str | int | list):
            raise Refusal("'$.input' is invalid.", "input")
    row = known(asked)
    if row is not None and not row.embeds:
        raise Refusal("You are not allowed to generate embeddings from this model", status=403)


def _shaped(asked: Asked, shape: Shape) -> None:
    if not isinstance(asked.body.get("model"), str) or not asked.model:
        raise Refusal("you must provide a model parameter", "model")
    try:
        shape(asked.body, ())
    except Misfit as misfit:
        raise openai_words(misfit) from None


def _together(body: Json) -> None:
    """Fields that go only with others, or not with them."""
    if body.get("stream_options") is not None and body.get("stream") is not True:
        raise Refusal("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        raise Refusal("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
    if body.get("top_logprobs") is not None and body.get("logprobs") is not True:
        raise Refusal("'top_logprobs' is only allowed when 'logprobs' is enabled.", "top_logprobs")
    for name in ("tool_choice", "parallel_tool_calls"):
        if body.get(name) is not None and not body.get("tools"):
            raise Refusal(f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified.", name)
    _chosen(body)
    wanted = cast("Json", body.get("response_format") or {})
    if wanted.get("type") == "json_object" and "json" not in str(body["messages"]).lower():
        words = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        raise Refusal(words, "messages")


def _begun(asked: Asked) -> None:
    """How the server wants to be told that the last message is the beginning of the answer."""
    body, last = asked.body, cast("list[Json]", asked.body["messages"])[-1]
    if body.get("continue_final_message") and body.get("add_generation_prompt") is not False:
        raise Refusal("Cannot set both `continue_final_message` and `add_generation_prompt` to True.")
    if asked.prefill == "prefix" and last["role"] == "assistant" and last.get("prefix") is not True:
        words = "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"
        raise Refusal(words, "messages")


def _chosen(body: Json) -> None:
    """A function that must be called is among the tools."""
    choice = body.get("tool_choice")
    function = choice.get("function") if isinstance(choice, dict) else None
    if not isinstance(function, dict):
        return
    tools = cast("list[Json]", body["tools"])
    names = [cast("Json", tool["function"])["name"] for tool in tools if tool["type"] == "function"]
    if function["name"] not in names:
        raise Refusal(f"Invalid value: Tool choice '{function['name']}' not found in 'tools' parameter.", "tool_choice")


def _answered(messages: list[Json]) -> None:
    """Each tool call has its answer in the messages that follow, before anything else."""
    waiting: set[str] = set()
    for place, message in enumerate(messages):
        where = f"messages[{place}]"
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                raise Refusal("messages with role 'tool' must answer a preceding message with 'tool_calls'.", where)
            waiting.discard(str(message["tool_call_id"]))
        elif waiting:
            raise _unanswered(waiting, where)
        calls = cast("list[Json]", message.get("tool_calls") or [])
        waiting |= {str(call["id"]) for call in calls}
        if message["role"] == "assistant" and not calls:
            said = [message.get(name) for name in ("content", "refusal", "function_call", "audio")]
            if all(one is None for one in said):
                raise Refusal("Invalid value for 'content': expected a string, got null.", f"{where}.content")
    if waiting:
        raise _unanswered(waiting, "messages")


def _unanswered(waiting: set[str], where: str) -> Refusal:
    words = "An assistant message with 'tool_calls' must be followed by tool messages responding to each"
    missing = ", ".join(sorted(waiting))
    return Refusal(f"{words} 'tool_call_id'. The following did not have response messages: {missing}", where)


def _of_its_model(asked: Asked) -> None:
    """What the model that is asked for does not take."""
    row = known(asked)
    if row is None:
        return
    if not row.chats:
        raise Refusal("This is not a chat model and thus not supported in this endpoint.", "model", status=404)
    if "openai" in row.at and row.reasoning:
        _reasons(asked.body)
    elif "openai" in row.at and asked.body.get("reasoning_effort") is not None:
        raise Refusal("Unrecognized request argument supplied: reasoning_effort")
    allowed = allowed_tokens(asked)
    if allowed is not None and row.max_output and allowed > row.max_output:
        name = "max_tokens" if asked.body.get("max_tokens") else "max_completion_tokens"
        most = f"This model supports at most {row.max_output} completion tokens, whereas you provided {allowed}."
        raise Refusal(f"{name} is too large: {allowed}. {most}", name, code="invalid_value")
    demand_room(prompt_tokens(asked), allowed or 0, row.window)


def _reasons(body: Json) -> None:
    """A model that thinks before it speaks has its own name for the limit, and no dice to be set."""
    if body.get("max_tokens") is not None:
        words = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        raise Refusal(f"Unsupported parameter: {words}", "max_tokens", code="unsupported_parameter")
    usual = {"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0}
    for name, value in usual.items():
        if body.get(name) not in (None, value):
            words = f"'{name}' does not support {body[name]} with this model. Only the default ({value}) is supported."
            raise Refusal(f"Unsupported value: {words}", name, code="unsupported_value")


def demand_room(prompt: int, allowed: int, window: int) -> None:
    """Raises a `Refusal` where prompt and answer do not fit into the window."""
    if not window or prompt + allowed <= window:
        return
    asked_for = f"your messages resulted in {prompt} tokens"
    if prompt <= window:
        asked_for = f"you requested {prompt + allowed} tokens ({prompt} in the messages, {allowed} in the completion)"
    words = f"This model's maximum context length is {window} tokens. However, {asked_for}."
    raise Refusal(f"{words} Please reduce the length of the messages.", "messages", code="context_length_exceeded")
