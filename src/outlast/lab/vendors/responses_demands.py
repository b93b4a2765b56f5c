"""What OpenAI demands of a request to its Responses API, and how it refuses what it does not take."""

from __future__ import annotations

from typing import cast

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
from outlast.lab.vendors.known_models import known, prompt_tokens
from outlast.lab.vendors.openai_demands import demand_room, image_url

_NAME = matching(r"[a-zA-Z0-9_-]{1,64}")
_CALL_ID = matching(r".{1,64}")
_STATUS = one_of("in_progress", "completed", "incomplete")


def _input_image(value: object, path: Path) -> None:
    shape = fields(
        {"type": text, "image_url": image_url, "file_id": text, "detail": one_of("auto", "low", "high", "original")}
    )
    shape(value, path)
    if not (cast("Json", value).get("image_url") or cast("Json", value).get("file_id")):
        raise Misfit("missing", (*path, "image_url"))


def _input_file(value: object, path: Path) -> None:
    shape = fields({"type": text, "file_data": text, "file_url": text, "file_id": text, "filename": text})
    shape(value, path)
    given = [name for name in ("file_data", "file_url", "file_id") if cast("Json", value).get(name)]
    if len(given) != 1:
        raise Misfit("missing", (*path, "file_id"))


_TEXT = fields({"type": text, "text": text}, needed=["text"])
_INPUT: dict[str, Shape] = {"input_text": _TEXT, "input_image": _input_image, "input_file": _input_file}
_OUTPUT: dict[str, Shape] = {
    "output_text": fields(
        {"type": text, "text": text, "annotations": items(table), "logprobs": items(table)}, needed=["text"]
    ),
    "refusal": fields({"type": text, "refusal": text}, needed=["refusal"]),
}
_MESSAGE: dict[str, Shape] = {"type": text, "role": text, "id": text, "status": _STATUS, "phase": text}
_BY_ROLE = by_type(
    {
        **dict.fromkeys(
            ("user", "system", "developer"),
            fields({**_MESSAGE, "content": words_or(items(by_type(_INPUT), least=1))}, needed=["content"]),
        ),
        "assistant": fields({**_MESSAGE, "content": words_or(items(by_type(_OUTPUT)))}, needed=["content"]),
    },
    key="role",
)
_ITEM = by_type(
    {
        "message": _BY_ROLE,
        "function_call": fields(
            {"type": text, "id": text, "call_id": _CALL_ID, "name": _NAME, "arguments": text, "status": _STATUS},
            needed=["call_id", "name", "arguments"],
        ),
        "function_call_output": fields(
            {
                "type": text,
                "id": text,
                "call_id": _CALL_ID,
                "output": words_or(items(by_type(_INPUT))),
                "status": _STATUS,
            },
            needed=["call_id", "output"],
        ),
        "reasoning": fields(
            {
                "type": text,
                "id": text,
                "summary": items(fields({"type": one_of("summary_text"), "text": text}, needed=["type", "text"])),
                "content": items(fields({"type": one_of("reasoning_text"), "text": text}, needed=["type", "text"])),
                "encrypted_content": matching(r"(?!outlast\.)[\s\S]+"),
                "status": _STATUS,
            },
            needed=["summary"],
        ),
        "item_reference": fields({"type": text, "id": text}, needed=["id"]),
        "web_search_call": table,
    }
)


def _item(value: object, path: Path) -> None:
    """An item; one that does not say what it is, is a message."""
    plain = isinstance(value, dict) and value.get("type") is None
    (_BY_ROLE if plain else _ITEM)(value, path)


_TOOL = by_type(
    {
        "function": fields(
            {"type": text, "name": _NAME, "description": text, "parameters": table, "strict": flag}, needed=["name"]
        ),
        "custom": fields({"type": text, "name": _NAME, "description": text, "format": table}, needed=["name"]),
        "web_search": table,
        "file_search": table,
        "code_interpreter": table,
        "image_generation": table,
        "mcp": table,
    }
)
_CHOICE = by_type(
    {
        "function": fields({"type": text, "name": text}, needed=["name"]),
        "custom": fields({"type": text, "name": text}, needed=["name"]),
        "allowed_tools": fields({"type": text, "mode": text, "tools": items(table)}, needed=["mode", "tools"]),
        "web_search": table,
        "file_search": table,
    }
)


def _choice(value: object, path: Path) -> None:
    shape = _CHOICE if isinstance(value, dict) else one_of("none", "auto", "required")
    shape(value, path)


_FORMAT = by_type(
    {
        "text": fields({"type": text}),
        "json_object": fields({"type": text}),
        "json_schema": fields(
            {"type": text, "name": _NAME, "description": text, "schema": table, "strict": flag},
            needed=["name", "schema"],
        ),
    }
)
_INCLUDABLE = one_of(
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
)
_FIELDS: dict[str, Shape] = {
    "model": text,
    "input": words_or(items(_item, least=1)),
    "instructions": text,
    "background": flag,
    "conversation": words_or(fields({"id": text}, needed=["id"])),
    "context_management": items(table),
    "include": items(_INCLUDABLE),
    "max_output_tokens": integer(16),
    "max_tool_calls": integer(1),
    "metadata": table,
    "moderation": table,
    "parallel_tool_calls": flag,
    "previous_response_id": text,
    "prompt": table,
    "prompt_cache_key": text,
    "prompt_cache_options": table,
    "prompt_cache_retention": one_of("in_memory", "24h"),
    "reasoning": fields(
        {
            "effort": one_of("none", "minimal", "low", "medium", "high", "xhigh", "max"),
            "summary": one_of("auto", "concise", "detailed"),
            "generate_summary": one_of("auto", "concise", "detailed"),
        }
    ),
    "safety_identifier": text,
    "service_tier": one_of("auto", "default", "flex", "scale", "priority", "fast"),
    "store": flag,
    "stream": flag,
    "stream_options": fields({"include_obfuscation": flag}),
    "temperature": number(0, 2),
    "text": fields({"format": _FORMAT, "verbosity": one_of("low", "medium", "high")}),
    "tool_choice": _choice,
    "tools": items(_TOOL, most=128),
    "top_logprobs": integer(0, 20),
    "top_p": number(0, 1),
    "truncation": one_of("auto", "disabled"),
    "user": text,
    "access_programs": anything,
    "image": anything,
    "background_options": anything,
}
_COUNTED = (
    "conversation", "input", "instructions", "model", "parallel_tool_calls", "previous_response_id", "reasoning",
    "text", "tool_choice", "tools", "truncation",
)  # fmt: skip
_RESPONSE = fields(_FIELDS)
_COUNT = fields({name: _FIELDS[name] for name in _COUNTED})


def check_response(asked: Asked) -> None:
    """Raises a `Refusal` for a request that OpenAI would not take."""
    body = asked.body
    if not isinstance(body.get("model"), str) or not asked.model:
        raise Refusal("Missing required parameter: 'model'.", "model", code="missing_required_parameter")
    try:
        (_COUNT if asked.kind == "count_tokens" else _RESPONSE)(body, ())
    except Misfit as misfit:
        raise _words(misfit) from None
    _together(body)
    if isinstance(body.get("input"), list):
        _answered(cast("list[Json]", body["input"]))
        _looked_up(cast("list[Json]", body["input"]))
    _kept(body)
    _of_its_model(asked)


def _words(misfit: Misfit) -> Refusal:
    """Here a field that nobody knows is told as everywhere."""
    if misfit.kind == "unknown":
        name = openai_words(Misfit("unknown", (*misfit.path, "x"))).param or ""
        name = name.removesuffix(".x")
        return Refusal(f"Unknown parameter: '{name}'.", name, code="unknown_parameter")
    return openai_words(misfit)


def _together(body: Json) -> None:
    """Fields that go only with others, or not with them."""
    if not any(body.get(name) for name in ("input", "previous_response_id", "prompt", "conversation")):
        words = "One of 'input' or 'previous_response_id' or 'prompt' or 'conversation_id' must be provided."
        raise Refusal(f"Missing required parameter: {words}", "input", code="missing_required_parameter")
    if body.get("previous_response_id") and body.get("conversation"):
        raise Refusal("Mutually exclusive parameters: 'previous_response_id' and 'conversation'.")
    if body.get("stream_options") is not None and body.get("stream") is not True:
        raise Refusal("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    if body.get("background") and body.get("store") is False:
        raise Refusal("Cannot use 'background' with 'store' disabled.", "background")
    _chosen(body)
    wanted = cast("Json", cast("Json", body.get("text") or {}).get("format") or {})
    if wanted.get("type") == "json_object" and "json" not in str(body.get("input")).lower():
        words = "must contain the word 'json' in some form to use 'text.format' of type 'json_object'."
        raise Refusal(f"Response input messages {words}", "input")


def _chosen(body: Json) -> None:
    """A function that must be called is among the tools, and so is one of any."""
    choice, tools = body.get("tool_choice"), cast("list[Json]", body.get("tools") or [])
    if choice == "required" and not tools:
        raise Refusal("Tool choice 'required' must be specified with 'tools' parameter.", "tool_choice")
    if not isinstance(choice, dict) or choice["type"] != "function":
        return
    if choice["name"] not in [tool.get("name") for tool in tools]:
        raise Refusal("Tool choice 'function' not found in 'tools' parameter.", "tool_choice")


def _answered(given: list[Json]) -> None:
    """Each call has its result behind it, and each result its call before it."""
    waiting: set[object] = set()
    for item in given:
        kind = item.get("type")
        if kind == "function_call":
            waiting.add(item["call_id"])
        elif kind == "function_call_output":
            if item["call_id"] not in waiting:
                words = f"No tool call found for function call output with call_id {item['call_id']}."
                raise Refusal(words, "input")
            waiting.discard(item["call_id"])
    if waiting:
        raise Refusal(f"No tool output found for function call {min(map(str, waiting))}.", "input")


def _kept(body: Json) -> None:
    """An answer that is gone on with was one of ours."""
    previous = body.get("previous_response_id")
    if isinstance(previous, str) and not previous.startswith("resp_sim"):
        words = f"Previous response with id '{previous}' not found."
        raise Refusal(words, "previous_response_id", code="previous_response_not_found")


def _looked_up(given: list[Json]) -> None:
    """What an item is known by alone was one of ours: a reference, and thoughts that nobody has sealed."""
    for item in given:
        alone = item.get("type") == "item_reference" or (
            item.get("type") == "reasoning" and item.get("id") and not item.get("encrypted_content")
        )
        if alone and "_sim" not in str(item.get("id")):
            words = "not found. Items are not persisted when `store` is set to false."
            raise Refusal(f"Item with id '{item['id']}' {words}", "input", status=404)


def _of_its_model(asked: Asked) -> None:
    """What the model that is asked for does not take."""
    row, body = known(asked), asked.body
    if row is None:
        return
    if not row.chats:
        raise Refusal("This model is not supported in the responses API.", "model", code="model_not_found")
    if "openai" in row.at:
        _by_reasoning(body, reasons=row.reasoning)
    allowed = body.get("max_output_tokens")
    if isinstance(allowed, int) and row.max_output and allowed > row.max_output:
        most = f"This model supports at most {row.max_output} output tokens, whereas you provided {allowed}."
        raise Refusal(f"max_output_tokens is too large: {allowed}. {most}", "max_output_tokens", code="invalid_value")
    demand_room(prompt_tokens(asked), allowed if isinstance(allowed, int) else 0, row.window)


def _by_reasoning(body: Json, *, reasons: bool) -> None:
    if not reasons and cast("Json", body.get("reasoning") or {}).get("effort") is not None:
        words = "'reasoning.effort' is not supported with this model."
        raise Refusal(f"Unsupported parameter: {words}", "reasoning.effort", code="unsupported_parameter")
    for name in ("temperature", "top_p") if reasons else ():
        if body.get(name) not in (None, 1):
            words = f"'{name}' is not supported with this model."
            raise Refusal(f"Unsupported parameter: {words}", name, code="unsupported_parameter")
