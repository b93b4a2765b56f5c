"""What Cohere demands of a chat and of an embedding, and how it refuses what it does not take."""

from __future__ import annotations

from typing import cast

from outlast.lab.answer import Asked, Json
from outlast.lab.refusal import (
    Misfit,
    Path,
    Refusal,
    Shape,
    by_type,
    fields,
    flag,
    integer,
    items,
    number,
    one_of,
    openai_path,
    table,
    text,
    words_or,
)
from outlast.lab.vendors.known_models import allowed_tokens, known, prompt_tokens


def _words(value: object, path: Path) -> None:
    text(value, path)
    if not value:
        raise Refusal("message must not be empty in a turn")


_DOCUMENT = fields({"data": words_or(table), "id": text}, needed=["data"])
_BLOCKS: dict[str, Shape] = {
    "text": fields({"type": text, "text": _words}, needed=["text"]),
    "image_url": fields(
        {"type": text, "image_url": fields({"url": text, "detail": one_of("auto", "low", "high")}, needed=["url"])},
        needed=["image_url"],
    ),
    "document": fields({"type": text, "document": _DOCUMENT}, needed=["document"]),
    "thinking": fields({"type": text, "thinking": text}, needed=["thinking"]),
}


def _content(*kinds: str) -> Shape:
    """Words, or blocks of these kinds."""
    blocks = items(by_type({kind: _BLOCKS[kind] for kind in kinds}), least=1)

    def look(value: object, path: Path) -> None:
        (_words if isinstance(value, str) else blocks)(value, path)

    return look


_CALL = fields(
    {
        "id": text,
        "type": one_of("function"),
        "function": fields({"name": text, "arguments": text}, needed=["name", "arguments"]),
    },
    needed=["id", "type", "function"],
)
_ROLE = {"role": text}
_MESSAGE = by_type(
    {
        "system": fields({**_ROLE, "content": _content("text")}, needed=["content"]),
        "user": fields({**_ROLE, "content": _content("text", "image_url", "document")}, needed=["content"]),
        "assistant": fields(
            {
                **_ROLE,
                "content": _content("text", "thinking"),
                "tool_calls": items(_CALL, least=1),
                "tool_plan": text,
                "citations": items(table),
            }
        ),
        "tool": fields(
            {**_ROLE, "content": _content("text", "document"), "tool_call_id": text},
            needed=["content", "tool_call_id"],
        ),
    },
    key="role",
)
_TOOL = fields(
    {
        "type": one_of("function"),
        "function": fields({"name": text, "description": text, "parameters": table}, needed=["name", "parameters"]),
    },
    needed=["type", "function"],
)
_CHAT = fields(
    {
        "model": text,
        "messages": items(_MESSAGE, least=1),
        "stream": flag,
        "tools": items(_TOOL, least=1),
        "strict_tools": flag,
        "tool_choice": one_of("REQUIRED", "NONE"),
        "documents": items(words_or(_DOCUMENT), least=1),
        "citation_options": fields({"mode": one_of("ENABLED", "DISABLED", "FAST", "ACCURATE", "OFF")}),
        "response_format": by_type(
            {"text": fields({"type": text}), "json_object": fields({"type": text, "json_schema": table})}
        ),
        "safety_mode": one_of("CONTEXTUAL", "STRICT", "OFF"),
        "max_tokens": integer(1),
        "stop_sequences": items(text, most=5),
        "temperature": number(0, 1),
        "seed": integer(0, 2**64 - 1),
        "frequency_penalty": number(0, 1),
        "presence_penalty": number(0, 1),
        "k": integer(0, 500),
        "p": number(0.01, 0.99),
        "logprobs": flag,
        "thinking": fields({"type": one_of("enabled", "disabled"), "token_budget": integer(1)}, needed=["type"]),
        "priority": integer(0, 999),
    },
    needed=["messages"],
)
_PIECE = by_type(
    {
        "text": fields({"type": text, "text": text}, needed=["text"]),
        "image_url": fields({"type": text, "image_url": fields({"url": text}, needed=["url"])}, needed=["image_url"]),
    }
)
_EMBED = fields(
    {
        "model": text,
        "input_type": one_of("search_document", "search_query", "classification", "clustering", "image"),
        "texts": items(text, least=1, most=96),
        "images": items(text, least=1, most=96),
        "inputs": items(fields({"content": items(_PIECE, least=1)}, needed=["content"]), least=1, most=96),
        "max_tokens": integer(1),
        "output_dimension": integer(1),
        "embedding_types": items(one_of("float", "int8", "uint8", "binary", "ubinary", "base64"), least=1),
        "truncate": one_of("NONE", "START", "END"),
        "priority": integer(0, 999),
    }
)


def check_chat(asked: Asked) -> None:
    """Raises a `Refusal` for a chat that Cohere would not take."""
    _shaped(asked, _CHAT)
    _together(asked.body)
    _answered(cast("list[Json]", asked.body["messages"]))
    _of_its_model(asked)


def check_embed(asked: Asked) -> None:
    """The same for embeddings."""
    _shaped(asked, _EMBED)
    if asked.body.get("input_type") is None:
        raise Refusal("invalid request: valid input_type must be provided with the provided model")
    if sum(asked.body.get(name) is not None for name in ("texts", "images", "inputs")) != 1:
        raise Refusal("invalid request: exactly one of texts, images and inputs must be provided")
    row = known(asked)
    if row is not None and not row.embeds:
        raise Refusal(f"invalid request: model '{asked.model}' is not supported by the embed API")


def _shaped(asked: Asked, shape: Shape) -> None:
    if not isinstance(asked.body.get("model"), str) or not asked.model:
        raise Refusal("a model parameter is required for this endpoint.")
    try:
        shape(asked.body, ())
    except Misfit as misfit:
        raise _said(misfit) from None


def _said(misfit: Misfit) -> Refusal:
    """What Cohere says of a value that is not of its shape."""
    name = openai_path(misfit.path)
    if misfit.kind == "unknown":
        return Refusal(f"unknown field: parameter '{misfit.path[-1]}' is not a valid field.", status=422)
    if misfit.kind == "type":
        return Refusal(f"invalid type: parameter {name} is of the wrong type, it should be {misfit.bound}.", status=422)
    said = {
        "low": f"must be at least {misfit.bound}",
        "high": f"must be at most {misfit.bound}",
        "value": f"must be one of {misfit.bound}",
        "missing": "is required",
        "long": f"must have at most {misfit.bound} items",
        "empty": "must not be empty",
    }
    return Refusal(f"invalid request: {name} {said[misfit.kind]}.")


def _together(body: Json) -> None:
    """Fields that go only with others, or not with them."""
    wanted = cast("Json", body.get("response_format") or {}).get("type") == "json_object"
    beside = [name for name in ("tools", "documents") if body.get(name)]
    if wanted and beside:
        raise Refusal(f"invalid request: response_format is not supported with {beside[0]}.")
    if body.get("safety_mode") is not None and beside:
        raise Refusal(f"invalid request: safety_mode is not supported with {beside[0]}.")
    if body.get("frequency_penalty") and body.get("presence_penalty"):
        raise Refusal("invalid request: cannot specify both frequency_penalty and presence_penalty.")
    for name in ("tool_choice", "strict_tools"):
        if body.get(name) is not None and not body.get("tools"):
            raise Refusal(f"invalid request: {name} requires tools to be specified.")


def _answered(messages: list[Json]) -> None:
    """The system speaks first, nobody says nothing, and each tool call has its answer before anything else."""
    waiting: set[str] = set()
    spoken = False
    for message in messages:
        role = message["role"]
        if role == "system" and spoken:
            raise Refusal("system turn must be the first in the list")
        spoken = spoken or role != "system"
        calls = cast("list[Json]", message.get("tool_calls") or [])
        if message.get("content") is None and not calls:
            raise Refusal("message must not be empty in a turn")
        if role == "tool":
            if message["tool_call_id"] not in waiting:
                raise Refusal("invalid request: a tool message must answer a call of the assistant before it.")
            waiting.discard(str(message["tool_call_id"]))
        elif waiting:
            break
        waiting |= {str(call["id"]) for call in calls}
    if waiting:
        raise Refusal(f"invalid request: no tool message answers the calls {', '.join(sorted(waiting))}.")
    if not spoken:
        raise Refusal("invalid request: there must be a turn other than the system's.")


def _of_its_model(asked: Asked) -> None:
    """What the model that is asked for does not take."""
    row = known(asked)
    if row is None:
        return
    if not row.chats:
        raise Refusal(f"invalid request: model '{asked.model}' is not supported by the chat API")
    if asked.body.get("thinking") is not None and "cohere" in row.at and not row.reasoning:
        raise Refusal(f"invalid request: model '{asked.model}' does not support thinking.")
    allowed, prompt = allowed_tokens(asked), prompt_tokens(asked)
    if allowed is not None and row.max_output and allowed > row.max_output:
        most = f"less than or equal to {row.max_output}, the maximum output for this model"
        raise Refusal(f"too many tokens: max tokens must be {most} - received {allowed}.")
    if row.window and prompt > row.window:
        beyond = prompt - row.window
        raise Refusal(f"too many tokens: size limit exceeded by {beyond} tokens. Try using shorter or fewer inputs.")
