"""A failure as Google would tell it, so that its SDKs and the frameworks on them behave.

    {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message", "details": [{ErrorInfo}, {RetryInfo}]}}

When to come back stands in the body, where Google's clients look for it. Our own fields stand beside the vendor's.
"""

from __future__ import annotations

from typing import NamedTuple

from outlast.dialects import wire
from outlast.model.errors import ContextLength, Failure

_TYPE = "type.googleapis.com/google.rpc."


class _Told(NamedTuple):
    status: int
    """0: the failure's own."""
    word: str


_KINDS: dict[str, _Told] = {
    "connect": _Told(503, "UNAVAILABLE"),
    "transient": _Told(0, "UNAVAILABLE"),
    "bad_response": _Told(0, "INTERNAL"),
    "timeout": _Told(504, "DEADLINE_EXCEEDED"),
    "throttled": _Told(429, "RESOURCE_EXHAUSTED"),
    "quota": _Told(429, "RESOURCE_EXHAUSTED"),
    "credential": _Told(502, "INTERNAL"),
    "permission": _Told(403, "PERMISSION_DENIED"),
    "missing": _Told(404, "NOT_FOUND"),
    "unsupported": _Told(503, "UNAVAILABLE"),
    "conflict": _Told(409, "ABORTED"),
    "context_length": _Told(400, "INVALID_ARGUMENT"),
    "content_filter": _Told(400, "INVALID_ARGUMENT"),
    "legal": _Told(451, "FAILED_PRECONDITION"),
    "invalid_output": _Told(502, "INTERNAL"),
    "broken_stream": _Told(502, "INTERNAL"),
    "cancelled": _Told(499, "CANCELLED"),
    "internal": _Told(500, "INTERNAL"),
}
_STATUSES = {
    401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ABORTED", 429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED", 501: "UNIMPLEMENTED", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip

_REASONS = {
    "throttled": "rate_limit_exceeded",
    "quota": "insufficient_quota",
    "credential": "provider_authentication",
    "missing": "model_not_found",
    "context_length": "context_length_exceeded",
}
"""Codes that other gateways read a class from; else the failure's own, or its class."""


def told(failure: Failure, request_id: str) -> tuple[int, bytes]:
    """Status and body as Google would answer."""
    kind = _KINDS.get(failure.kind)
    status = (kind.status if kind is not None else 0) or failure.status
    error: dict[str, object] = {
        "code": status,
        "message": _message(failure),
        "status": _word(kind, status),
        "details": _details(failure),
        "retryable": failure.retryable,
        "retry_after": failure.retry_after,
        "request_id": request_id,
        "attempts": len(failure.attempts),
    }
    return status, wire.dumps({"error": error})


def _word(kind: _Told | None, status: int) -> str:
    if kind is not None and status != 504:
        return kind.word
    return _STATUSES.get(status, "INVALID_ARGUMENT" if status < 500 else "INTERNAL")


def _message(failure: Failure) -> str:
    """Ours; of a prompt that is too long in words that tell it from other bad requests."""
    if isinstance(failure, ContextLength):
        return f"The input token count exceeds the maximum number of tokens allowed: {failure.message}"
    return failure.message


def _details(failure: Failure) -> list[dict[str, object]]:
    reason = _REASONS.get(failure.kind) or failure.code or failure.kind
    info: dict[str, object] = {
        "@type": f"{_TYPE}ErrorInfo",
        "reason": reason.upper(),
        "domain": "outlast",
        "metadata": {},
    }
    if failure.retry_after is None:
        return [info]
    delay = f"{max(failure.retry_after, 0.001):.3f}".rstrip("0").rstrip(".")
    return [info, {"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{delay}s"}]
