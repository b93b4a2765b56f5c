"""A failure as Cohere would tell it: a status, and a `message` that says what is the matter.

failure ─▶ status of the vendor ─▶ {"message", "id"}, and beside them our own fields
"""

from __future__ import annotations

from outlast.dialects import wire
from outlast.dialects.errors import ours
from outlast.model.errors import ContentFilter, ContextLength, Failure, TimedOut

_STATUSES: dict[str, int] = {
    "connect": 503, "bad_response": 502, "timeout": 504, "throttled": 429, "quota": 402, "credential": 502,
    "permission": 403, "missing": 404, "unsupported": 503, "conflict": 409, "context_length": 400,
    "content_filter": 422, "legal": 451, "invalid_output": 502, "broken_stream": 502, "cancelled": 499,
    "internal": 500,
}  # fmt: skip
"""By kind; every other kind has its failure's own status."""
_TOO_LONG = "too many tokens:"


def error(failure: Failure, request_id: str) -> tuple[int, bytes]:
    """Status and body as Cohere would answer."""
    told = {"id": request_id, "message": _message(failure), "code": failure.code}
    return _STATUSES.get(failure.kind, failure.status), wire.dumps(told | ours(failure, request_id))


def delta(failure: Failure, request_id: str) -> dict[str, object]:
    """The same at the end of a stream."""
    reason = "TIMEOUT" if isinstance(failure, TimedOut) else "ERROR"
    told = {"finish_reason": reason, "error": _message(failure), "code": failure.code}
    return told | ours(failure, request_id)


def _message(failure: Failure) -> str:
    message = failure.message
    if isinstance(failure, ContextLength):
        return message if message.startswith(_TOO_LONG) else f"{_TOO_LONG} {message}"
    return f"blocked by content policy: {message}" if isinstance(failure, ContentFilter) else message
