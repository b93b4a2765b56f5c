"""A failure as each vendor would tell it, so that SDKs and frameworks behave; and as we tell it ourselves.

    failure ─▶ status, type, code of the vendor ─▶ {"error": {vendor's fields, and beside them ours}}

Ours are `retryable`, `retry_after`, `request_id` and `attempts`: nothing that a vendor's SDK trips over. The context
error is in the very words that frameworks look for.
"""

from __future__ import annotations

from typing import NamedTuple

from outlast.dialects import wire
from outlast.model.errors import Caller, ContextLength, Failure, Rejected


class _Told(NamedTuple):
    status: int
    """0: the failure's own."""
    type: str
    code: str | None = None
    """None: the failure's own code, if it has one."""


_SERVER = "server_error"
_REQUEST = "invalid_request_error"
_BUSY = "service_unavailable_error"

_OPENAI: dict[str, _Told] = {
    "connect": _Told(503, _BUSY, "connect"),
    "transient": _Told(0, _BUSY),
    "bad_response": _Told(0, _SERVER, "bad_response"),
    "timeout": _Told(504, _SERVER, "timeout"),
    "throttled": _Told(429, "rate_limit_error", "rate_limit_exceeded"),
    "quota": _Told(429, "insufficient_quota", "insufficient_quota"),
    "credential": _Told(502, _SERVER, "provider_authentication"),
    "permission": _Told(403, _REQUEST),
    "missing": _Told(404, _REQUEST, "model_not_found"),
    "unsupported": _Told(503, _BUSY, "unsupported"),
    "conflict": _Told(409, "conflict_error"),
    "caller": _Told(0, _REQUEST),
    "context_length": _Told(400, _REQUEST, "context_length_exceeded"),
    "content_filter": _Told(400, _REQUEST, "content_filter"),
    "legal": _Told(451, _REQUEST, "legal"),
    "invalid_output": _Told(502, _SERVER, "invalid_output"),
    "broken_stream": _Told(502, _SERVER, "broken_stream"),
    "cancelled": _Told(499, _REQUEST, "cancelled"),
    "rejected": _Told(0, _BUSY),
    "internal": _Told(500, _SERVER, "internal"),
}

_OPENAI_TYPES = {401: _REQUEST, 429: "rate_limit_error"}
"""Types of our own refusals, by status; others below 500 are `invalid_request_error`."""

_ANTHROPIC: dict[str, _Told] = {
    "connect": _Told(529, "overloaded_error"),
    "transient": _Told(529, "overloaded_error"),
    "bad_response": _Told(502, "api_error"),
    "timeout": _Told(504, "timeout_error"),
    "throttled": _Told(429, "rate_limit_error"),
    "quota": _Told(402, "billing_error"),
    "credential": _Told(502, "api_error"),
    "permission": _Told(403, "permission_error"),
    "missing": _Told(404, "not_found_error"),
    "unsupported": _Told(529, "overloaded_error"),
    "conflict": _Told(409, "conflict_error"),
    "context_length": _Told(400, "invalid_request_error"),
    "content_filter": _Told(400, "invalid_request_error"),
    "legal": _Told(451, "invalid_request_error"),
    "invalid_output": _Told(502, "api_error"),
    "broken_stream": _Told(502, "api_error"),
    "cancelled": _Told(499, "invalid_request_error"),
    "internal": _Told(500, "api_error"),
}

_ANTHROPIC_TYPES = {
    401: "authentication_error", 402: "billing_error", 403: "permission_error", 404: "not_found_error",
    409: "conflict_error", 413: "request_too_large", 429: "rate_limit_error", 504: "timeout_error",
    529: "overloaded_error",
}  # fmt: skip

_TOO_LONG = "prompt is too long:"


def openai(failure: Failure, request_id: str) -> tuple[int, bytes]:
    """Status and body as OpenAI would answer."""
    told = _OPENAI.get(failure.kind, _OPENAI["internal"])
    status = told.status or failure.status
    kind = told.type
    if isinstance(failure, Rejected) and status < 500:
        kind = failure.code if failure.code == "insufficient_quota" else _OPENAI_TYPES.get(status, _REQUEST)
    message = failure.message
    if isinstance(failure, ContextLength):
        message = f"Input tokens exceed the configured limit: {_too_long(message)}. Please reduce the length."
    param = failure.param if isinstance(failure, Caller) else None
    error = {"message": message, "type": kind, "param": param, "code": told.code or failure.code}
    return status, wire.dumps({"error": error | ours(failure, request_id)})


def anthropic(failure: Failure, request_id: str) -> tuple[int, bytes]:
    """Status and body as Anthropic would answer."""
    told = _ANTHROPIC.get(failure.kind)
    status = told.status if told is not None else failure.status
    if failure.status == 504:
        status = 504
    elif status == 503:
        status = 529
    kind = told.type if told is not None and status == told.status else _by_status(status)
    message = _too_long(failure.message) if isinstance(failure, ContextLength) else failure.message
    error: dict[str, object] = {"type": kind, "message": message}
    if failure.code:
        error["code"] = failure.code
    return status, wire.dumps({"type": "error", "error": error | ours(failure, request_id), "request_id": request_id})


def native(failure: Failure, request_id: str) -> tuple[int, bytes]:
    """Status and body in our own words."""
    error = {"type": failure.kind, "message": failure.message, "code": failure.code}
    return failure.status, wire.dumps({"error": error | ours(failure, request_id)})


def ours(failure: Failure, request_id: str) -> dict[str, object]:
    """What our errors tell beside a vendor's own fields."""
    return {
        "retryable": failure.retryable,
        "retry_after": failure.retry_after,
        "request_id": request_id,
        "attempts": len(failure.attempts),
    }


def _by_status(status: int) -> str:
    return _ANTHROPIC_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")


def _too_long(message: str) -> str:
    return message if message.startswith(_TOO_LONG) else f"{_TOO_LONG} {message}"
