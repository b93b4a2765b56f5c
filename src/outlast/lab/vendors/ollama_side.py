"""Ollama's words around a simulated answer: chat, its stream of lines, embeddings, models and errors.

Written apart from `outlast.dialects` on purpose: a mistake that both shared would hide itself.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import cast

from outlast.lab.answer import Asked, Json, Said, SimEvent, dumps
from outlast.lab.quotas import Exceeded, Gauge

STREAM = "application/x-ndjson"
_ERRORS = {
    401: "unauthorized",
    404: "model not found, try pulling it first",
    429: "too many requests",
    503: "server busy, please try again.  maximum pending requests exceeded",
}
"""What it says with these statuses, where it was told nothing else."""
_THOUGHTS = "Let me see."


def error(
    status: int,
    message: str,
    type: str | None = None,  # noqa: A002
    code: str | None = None,
    param: str | None = None,
) -> Json:
    """The error, which is a text and nothing else."""
    words = [code or type or _ERRORS.get(status), param, message]
    return {"error": ": ".join(word for word in words if word)}


def error_event(message: str, type: str | None = None, code: str | None = None) -> SimEvent:  # noqa: A002
    """An error inside a stream."""
    return SimEvent(dumps(error(500, message, type, code)) + b"\n")


def ping() -> SimEvent:
    """A heartbeat: it has none, but a blank line says nothing."""
    return SimEvent(b"\n")


def whole(asked: Asked, said: Said) -> Json:
    """A whole answer."""
    message: Json = {"role": "assistant", "content": "" if said.tool else said.text}
    if thoughts := _thoughts(asked):
        message["thinking"] = thoughts
    if said.tool:
        message["tool_calls"] = [_call(asked, said)]
    return {**_head(asked), "message": message, **_end(said)}


def events(asked: Asked, said: Said) -> list[SimEvent]:
    """The same as a stream: thoughts, a line for each word or one for the tool call, the end."""
    thoughts = _thoughts(asked)
    parts: list[Json] = [{"content": "", "thinking": thoughts}] if thoughts else []
    if said.tool:
        parts.append({"content": "", "tool_calls": [_call(asked, said)]})
    else:
        parts.extend({"content": token} for token in said.tokens)
    lines = [SimEvent(_line(asked, part, {"done": False}), content=True) for part in parts]
    return [*lines, SimEvent(_line(asked, {"content": ""}, _end(said)))]


def embeddings(asked: Asked) -> Json:
    """A vector for each input: always the same for the same words."""
    given = asked.body.get("input")
    inputs = given if isinstance(given, list) else [given]
    size = cast("int", asked.body.get("dimensions") or 8)
    return {
        "model": asked.model,
        "embeddings": [[byte / 128 - 1 for byte in hashlib.shake_256(dumps(text)).digest(size)] for text in inputs],
        "total_duration": 14_143_917,
        "load_duration": 1_019_500,
        "prompt_eval_count": input_tokens(asked),
    }


def input_tokens(asked: Asked) -> int:
    """Tokens of what is to be embedded."""
    return max(1, len(dumps(asked.body.get("input"))) // 4)


def models(names: list[str], created: int) -> Json:
    """The list of models."""
    return {"models": [model(name, created) for name in names]}


def model(name: str, created: int) -> Json:
    """One model."""
    return {
        "name": name,
        "model": name,
        "modified_at": _moment(created),
        "size": 1_234_567_890,
        "digest": hashlib.sha256(name.encode()).hexdigest(),
        "details": {"format": "gguf", "family": "sim", "parameter_size": "1B", "quantization_level": "Q4_0"},
    }


def rate_limits(gauges: Iterable[Gauge], epoch: float) -> Iterator[tuple[str, str]]:
    """It tells nobody how its limits stand."""
    del gauges, epoch
    yield from ()


def exceeded(asked: Asked, limit: Exceeded) -> tuple[None, None, str, dict[str, str]]:
    """Type and code (it has none) and words of the refusal, and the headers that tell when to come again."""
    words = f"limit of {limit.limit} {limit.unit} reached for {asked.model}"
    return None, None, words, {} if limit.wait == math.inf else {"retry-after": str(math.ceil(limit.wait))}


def _head(asked: Asked) -> Json:
    return {"model": asked.model, "created_at": _moment(asked.created + asked.number)}


def _end(said: Said) -> Json:
    return {
        "done": True,
        "done_reason": "length" if said.finish == "length" else "stop",
        "total_duration": 4_883_583_458,
        "load_duration": 1_334_875,
        "prompt_eval_count": said.prompt,
        "prompt_eval_duration": 342_546_000,
        "eval_count": len(said.tokens),
        "eval_duration": 4_535_599_000,
    }


def _line(asked: Asked, part: Json, more: Json) -> bytes:
    return dumps({**_head(asked), "message": {"role": "assistant", **part}, **more}) + b"\n"


def _call(asked: Asked, said: Said) -> Json:
    function = {"index": 0, "name": said.tool, "arguments": json.loads(said.text)}
    return {"id": f"call_sim{asked.number:06d}", "function": function}


def _thoughts(asked: Asked) -> str:
    return _THOUGHTS if asked.body.get("think") else ""


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.123456789Z")
