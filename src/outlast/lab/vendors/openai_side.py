"""OpenAI's words around a simulated answer: chat completions, their stream, embeddings, models and errors."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from collections.abc import Iterable, Iterator
from typing import cast

from outlast.lab.answer import Asked, Json, Said, SimEvent, dumps
from outlast.lab.quotas import Exceeded, Gauge
from outlast.lab.vendors import accents

DONE = SimEvent(b"data: [DONE]\n\n")

_ERRORS: dict[int, tuple[str, str | None]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    402: ("insufficient_quota", "credit_balance_exhausted"),
    403: ("permission_error", "unsupported_country_region_territory"),
    404: ("invalid_request_error", "model_not_found"),
    408: ("timeout_error", "request_timeout"),
    409: ("conflict_error", None),
    429: ("requests", "rate_limit_exceeded"),
    503: ("service_unavailable_error", "server_is_overloaded"),
}


def error(
    status: int,
    message: str,
    type: str | None = None,  # noqa: A002
    code: str | None = None,
    param: str | None = None,
) -> Json:
    """The error envelope, with the type and code that OpenAI gives with this status unless told otherwise."""
    usual = _ERRORS.get(status, ("server_error" if status >= 500 else "invalid_request_error", None))
    plain = type is None
    return {
        "error": {
            "message": message,
            "type": usual[0] if plain else type,
            "param": param,
            "code": code if code is not None or not plain else usual[1],
        }
    }


def error_event(message: str, type: str | None = None, code: str | None = None) -> SimEvent:  # noqa: A002
    """An error inside a stream."""
    return SimEvent(b"data: " + dumps(error(500, message, type, code)) + b"\n\n")


def ping() -> SimEvent:
    """A heartbeat: a comment."""
    return SimEvent(b": ping\n\n")


def whole(asked: Asked, said: Said) -> Json:
    """A whole chat completion, with as many choices as were asked for."""
    message: Json = {"role": "assistant", "content": said.text, "refusal": None, "annotations": []}
    if said.tool:
        call = {"id": _call_id(asked), "type": "function", "function": {"name": said.tool, "arguments": said.text}}
        message |= {"content": None, "tool_calls": [call]}
    told: Json = {
        "id": _id(asked),
        "object": "chat.completion",
        "created": asked.created,
        "model": asked.model,
        "choices": [
            {"index": index, "message": message, "logprobs": None, "finish_reason": said.finish}
            for index in range(_choices(asked))
        ],
        "usage": _usage(asked, said),
        "service_tier": "default",
        "system_fingerprint": "fp_sim",
    }
    return accents.whole(asked.accent, told)


def events(asked: Asked, said: Said) -> list[SimEvent]:
    """The same as a stream: a role, the content, a finish for each choice, the usage where it is wanted, the end."""
    parts = [*_roles(asked, said), *_contents(asked, said), *_finishes(asked, said)]
    parts = accents.chunks(asked.accent, parts, _usage(asked, said))
    wanted = cast("Json", asked.body.get("stream_options") or {}).get("include_usage") is True
    if wanted:
        parts = [(chunk | {"usage": None}, content) for chunk, content in parts]
        parts.append((_chunk(asked) | {"choices": [], "usage": _usage(asked, said)}, False))
    return [*(SimEvent(b"data: " + dumps(chunk) + b"\n\n", content) for chunk, content in parts), DONE]


def embeddings(asked: Asked) -> Json:
    """A vector for each input: always the same for the same words."""
    given = asked.body.get("input")
    inputs = given if isinstance(given, list) and not all(isinstance(part, int) for part in given) else [given]
    size = cast("int", asked.body.get("dimensions") or 8)
    tokens = input_tokens(asked)
    packed = asked.body.get("encoding_format") == "base64"
    rows = [_vector(dumps(part), size) for part in inputs]
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _packed(row) if packed else row}
            for index, row in enumerate(rows)
        ],
        "model": asked.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def input_tokens(asked: Asked) -> int:
    """Tokens of what is to be embedded."""
    return max(1, len(dumps(asked.body.get("input"))) // 4)


def models(names: list[str], created: int) -> Json:
    """The list of models."""
    return {"object": "list", "data": [model(name, created) for name in names]}


def model(name: str, created: int) -> Json:
    """One model."""
    return {"id": name, "object": "model", "created": created, "owned_by": "outlast-sim"}


def rate_limits(gauges: Iterable[Gauge], epoch: float) -> Iterator[tuple[str, str]]:
    """The headers that tell how limits stand; resets are durations."""
    del epoch
    for gauge in gauges:
        unit = "requests" if gauge.unit == "requests" else "tokens"
        yield f"x-ratelimit-limit-{unit}", str(gauge.limit)
        yield f"x-ratelimit-remaining-{unit}", str(gauge.remaining)
        yield f"x-ratelimit-reset-{unit}", _duration(gauge.reset)


def exceeded(asked: Asked, limit: Exceeded) -> tuple[str, str, str, dict[str, str]]:
    """Type, code and words of the refusal, and the headers that tell when to come again."""
    kind = "requests" if limit.unit in {"requests", "concurrent"} else "tokens"
    what = f"Rate limit reached for {asked.model} on {limit.unit}: limit {limit.limit}, requested {limit.requested}."
    if limit.wait == math.inf:
        return kind, "rate_limit_exceeded", f"{what} The request is too large.", {}
    milliseconds = math.ceil(limit.wait * 1000)
    hints = {"retry-after": str(math.ceil(limit.wait)), "retry-after-ms": str(milliseconds)}
    return kind, "rate_limit_exceeded", f"{what} Please try again in {_duration(limit.wait)}.", hints


def _duration(seconds: float) -> str:
    """Seconds as OpenAI writes them, never too short: "12ms", "8.64s", "6m0s"."""
    milliseconds = math.ceil(seconds * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    plain = f"{rest / 1000:.3f}".rstrip("0").rstrip(".")
    return f"{minutes}m{plain}s" if minutes else f"{plain}s"


def _roles(asked: Asked, said: Said) -> Iterator[tuple[Json, bool]]:
    delta: Json = {"role": "assistant", "content": None if said.tool else "", "refusal": None}
    for index in range(_choices(asked)):
        yield _chunk(asked, index, delta), False


def _contents(asked: Asked, said: Said) -> Iterator[tuple[Json, bool]]:
    if said.tool:
        function = {"name": said.tool, "arguments": ""}
        opening = {"index": 0, "id": _call_id(asked), "type": "function", "function": function}
        yield _chunk(asked, 0, {"tool_calls": [opening]}), True
    for token in said.tokens:
        piece = {"tool_calls": [{"index": 0, "function": {"arguments": token}}]} if said.tool else {"content": token}
        for index in range(1 if said.tool else _choices(asked)):
            yield _chunk(asked, index, piece), True


def _finishes(asked: Asked, said: Said) -> Iterator[tuple[Json, bool]]:
    for index in range(_choices(asked)):
        yield _chunk(asked, index, {}, said.finish), False


def _chunk(asked: Asked, index: int = 0, delta: object = None, finish: str | None = None) -> Json:
    return {
        "id": _id(asked),
        "object": "chat.completion.chunk",
        "created": asked.created,
        "model": asked.model,
        "service_tier": "default",
        "system_fingerprint": "fp_sim",
        "choices": [{"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }


def _usage(asked: Asked, said: Said) -> Json:
    output = len(said.tokens) * _choices(asked)
    return {
        "prompt_tokens": said.prompt,
        "completion_tokens": output,
        "total_tokens": said.prompt + output,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _choices(asked: Asked) -> int:
    return cast("int", asked.body.get("n") or 1)


def _id(asked: Asked) -> str:
    return f"chatcmpl-sim{asked.provider}{asked.number:06d}"


def _call_id(asked: Asked) -> str:
    return f"call_sim{asked.number:06d}"


def _vector(seed: bytes, size: int) -> list[float]:
    digest = hashlib.shake_256(seed).digest(size)
    return [byte / 128 - 1 for byte in digest]


def _packed(row: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(row)}f", *row)).decode()
