"""What Ollama demands of a chat and of an embedding, and how it refuses what it does not take.

The real server takes fields that it does not know and does nothing about them; this one refuses them, so that a client
that means something by them is found out.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
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
    ollama_words,
    table,
    text,
    words_or,
)
from outlast.lab.vendors.known_models import known, prompt_tokens

_INT = integer(-(2**63), 2**63 - 1)
_FLOAT = number(float("-inf"), float("inf"))
_OPTIONS = fields(
    {
        **dict.fromkeys(("num_keep", "seed", "num_predict", "top_k", "repeat_last_n", "mirostat"), _INT),
        **dict.fromkeys(("num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread"), _INT),
        **dict.fromkeys(("top_p", "min_p", "tfs_z", "typical_p", "temperature", "repeat_penalty"), _FLOAT),
        **dict.fromkeys(("presence_penalty", "frequency_penalty", "mirostat_tau", "mirostat_eta"), _FLOAT),
        **dict.fromkeys(("penalize_newline", "numa", "low_vram", "use_mmap", "use_mlock"), flag),
        "stop": items(text),
    }
)


def _keep_alive(value: object, path: Path) -> None:
    """A Go duration, or seconds."""
    if not isinstance(value, str):
        _FLOAT(value, path)


def _picture(value: object, path: Path) -> None:
    text(value, path)
    try:
        b64decode(str(value), validate=True)
    except (NotBase64, ValueError):
        raise Refusal(f"illegal base64 data at {'.'.join(map(str, path))}") from None


_CALL = fields(
    {
        "id": text,
        "function": fields({"index": _INT, "name": text, "arguments": table}, needed=["name", "arguments"]),
    },
    needed=["function"],
)
_SAID: dict[str, Shape] = {"role": text, "content": text, "images": items(_picture)}
_MESSAGE = by_type(
    {
        "system": fields(_SAID, needed=["content"]),
        "user": fields(_SAID, needed=["content"]),
        "assistant": fields({**_SAID, "thinking": text, "tool_calls": items(_CALL, least=1)}),
        "tool": fields({**_SAID, "tool_name": text, "tool_call_id": text}, needed=["content"]),
    },
    key="role",
)
_TOOL = fields(
    {
        "type": text,
        "function": fields({"name": text, "description": text, "parameters": table}, needed=["name", "parameters"]),
    },
    needed=["type", "function"],
)


def _format(value: object, path: Path) -> None:
    if isinstance(value, str) and value not in {"", "json"}:
        raise Refusal(f'invalid format: "{value}"; expected "json" or a valid JSON Schema object')
    words_or(table)(value, path)


def _think(value: object, path: Path) -> None:
    del path
    if not isinstance(value, bool) and value not in {"low", "medium", "high"}:
        raise Refusal(f'invalid think value: "{value}" (must be "high", "medium", "low", true, or false)')


_CHAT = fields(
    {
        "model": text,
        "messages": items(_MESSAGE, least=1),
        "stream": flag,
        "format": _format,
        "options": _OPTIONS,
        "tools": items(_TOOL),
        "think": _think,
        "keep_alive": _keep_alive,
        "truncate": flag,
        "shift": flag,
        "logprobs": flag,
        "top_logprobs": integer(0, 20),
    },
    needed=["messages"],
)
_EMBED = fields(
    {
        "model": text,
        "input": words_or(items(text, least=1)),
        "truncate": flag,
        "dimensions": integer(1),
        "options": _OPTIONS,
        "keep_alive": _keep_alive,
    },
    needed=["input"],
)


def check_ollama(asked: Asked, headers: Mapping[str, str]) -> None:
    """Raises a `Refusal` for a request that Ollama would not take, or in which it would pass over something."""
    if "anthropic-version" in headers:
        raise Refusal("unexpected header anthropic-version")
    _shaped(asked, _EMBED if asked.kind == "embeddings" else _CHAT)
    if asked.kind == "embeddings":
        _embeds(asked)
    else:
        _chats(asked)


def _shaped(asked: Asked, shape: Shape) -> None:
    if not asked.body.get("model"):
        raise Refusal("model is required")
    try:
        shape(asked.body, ())
    except Misfit as misfit:
        raise ollama_words(misfit) from None


def _embeds(asked: Asked) -> None:
    row = known(asked)
    if asked.body["input"] == "":
        raise Refusal("invalid input type")
    if row is not None and not row.embeds:
        raise Refusal("this model does not support embeddings", status=501)


def _chats(asked: Asked) -> None:
    """What the model that is asked for does not take."""
    body, row = asked.body, known(asked)
    _answered(cast("list[Json]", body["messages"]))
    if row is None:
        return
    if not row.chats:
        raise Refusal(f'"{asked.model}" does not support chat')
    if body.get("tools") and not row.tools:
        raise Refusal(f'"{asked.model}" does not support tools')
    if body.get("think") and not row.reasoning:
        raise Refusal(f'"{asked.model}" does not support thinking')
    window = cast("Json", body.get("options") or {}).get("num_ctx") or row.window
    if isinstance(window, int) and 0 < window < prompt_tokens(asked) and body.get("truncate") is False:
        raise Refusal("the input length exceeds the context length")


def _answered(messages: list[Json]) -> None:
    """A tool's result comes behind a call of it."""
    called = False
    for place, message in enumerate(messages):
        called = called or bool(message.get("tool_calls"))
        if message["role"] == "tool" and not called:
            raise Refusal(f"messages.{place}: a tool's result without a call")
