"""Anthropic's words around a simulated answer: messages, their stream, token counts, models and errors."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from outlast.lab.answer import Asked, Json, Said, SimEvent, compose, dumps
from outlast.lab.quotas import Exceeded, Gauge

_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    503: "overloaded_error",
    529: "overloaded_error",
}
_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


def error(
    status: int,
    message: str,
    type: str | None = None,  # noqa: A002
    code: str | None = None,
    param: str | None = None,
) -> Json:
    """The error envelope, with the type that Anthropic gives with this status unless told otherwise."""
    usual = _ERRORS.get(status, "api_error" if status >= 500 else "invalid_request_error")
    inner: Json = {"type": type or usual, "message": f"{param}: {message}" if param else message}
    if code is not None:
        inner["details"] = {"error_code": code}
    return {"type": "error", "error": inner, "request_id": "req_sim"}


def error_event(message: str, type: str | None = None, code: str | None = None) -> SimEvent:  # noqa: A002
    """An error inside a stream."""
    return _event("error", error(529, message, type, code))


def ping() -> SimEvent:
    """A heartbeat."""
    return _event("ping", {"type": "ping"})


def whole(asked: Asked, said: Said) -> Json:
    """A whole message."""
    block: Json = {"type": "text", "text": said.text}
    if said.tool:
        block = {"type": "tool_use", "id": _call_id(asked), "name": said.tool, "input": json.loads(said.text)}
    ended = {"stop_reason": _STOPS[said.finish], "stop_sequence": None}
    return _message(asked, said) | {"content": [block], "usage": _usage(said, len(said.tokens))} | ended


def events(asked: Asked, said: Said) -> list[SimEvent]:
    """The same as a stream: the message begins, one block of content, why it stopped, the end."""
    block: Json = {"type": "text", "text": ""}
    if said.tool:
        block = {"type": "tool_use", "id": _call_id(asked), "name": said.tool, "input": {}}
    stop = {"stop_reason": _STOPS[said.finish], "stop_sequence": None}
    opened: Json = {"type": "content_block_start", "index": 0, "content_block": block}
    ended: Json = {"type": "message_delta", "delta": stop, "usage": {"output_tokens": len(said.tokens)}}
    return [
        _event("message_start", {"type": "message_start", "message": _message(asked, said)}),
        # A block that opens a tool call names the tool, which is content.
        _event("content_block_start", opened, content=bool(said.tool)),
        ping(),
        *(_delta(said, token) for token in said.tokens),
        _event("content_block_stop", {"type": "content_block_stop", "index": 0}),
        _event("message_delta", ended),
        _event("message_stop", {"type": "message_stop"}),
    ]


def count_tokens(asked: Asked) -> Json:
    """How many tokens the prompt has."""
    return {"input_tokens": compose(asked).prompt}


def models(names: list[str], created: int) -> Json:
    """The list of models."""
    ends = {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
    return {"data": [model(name, created) for name in names], "has_more": False} | ends


def model(name: str, created: int) -> Json:
    """One model."""
    del created
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": "2026-01-01T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
        "capabilities": None,
    }


def rate_limits(gauges: Iterable[Gauge], epoch: float) -> Iterator[tuple[str, str]]:
    """The headers that tell how limits stand; resets are moments, `epoch` being now."""
    for gauge in gauges:
        start = f"anthropic-ratelimit-{gauge.unit}"
        moment = datetime.fromtimestamp(math.ceil(epoch + gauge.reset), UTC)
        yield f"{start}-limit", str(gauge.limit)
        yield f"{start}-remaining", str(gauge.remaining)
        yield f"{start}-reset", moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def exceeded(asked: Asked, limit: Exceeded) -> tuple[None, None, str, dict[str, str]]:
    """Type and code (the usual ones) and words of the refusal, and the headers that tell when to come again."""
    unit = "concurrent requests" if limit.unit == "concurrent" else f"{limit.unit.replace('-', ' ')} per minute"
    words = f"This request would exceed the rate limit of {limit.limit} {unit} for {asked.model}."
    return None, None, words, {} if limit.wait == math.inf else {"retry-after": str(math.ceil(limit.wait))}


def _message(asked: Asked, said: Said) -> Json:
    return {
        "id": f"msg_sim{asked.provider}{asked.number:06d}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _usage(said, 1),
    }


def _usage(said: Said, output: int) -> Json:
    return {
        "input_tokens": said.prompt,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output,
        "service_tier": "standard",
    }


def _delta(said: Said, token: str) -> SimEvent:
    delta = {"type": "input_json_delta", "partial_json": token} if said.tool else {"type": "text_delta", "text": token}
    return _event("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta}, content=True)


def _event(name: str, data: Json, *, content: bool = False) -> SimEvent:
    return SimEvent(b"event: " + name.encode() + b"\ndata: " + dumps(data) + b"\n\n", content)


def _call_id(asked: Asked) -> str:
    return f"toolu_sim{asked.number:06d}"
