"""A failure as Ollama would tell it: a text under `error`, and beside it ours."""

from __future__ import annotations

from outlast.dialects import wire
from outlast.dialects.errors import ours
from outlast.model.errors import Failure

_STATUSES = {
    "connect": 503, "transient": 503, "bad_response": 502, "timeout": 504, "throttled": 429, "quota": 402,
    "credential": 502, "permission": 403, "missing": 404, "unsupported": 503, "conflict": 409, "context_length": 400,
    "content_filter": 400, "legal": 451, "invalid_output": 502, "broken_stream": 502, "cancelled": 499, "internal": 500,
}  # fmt: skip
"""What a caller refused by ourselves, or for a fault of its own, has its own status."""


def error(failure: Failure, request_id: str) -> tuple[int, bytes]:
    """Status and body as Ollama would answer."""
    status = 504 if failure.status == 504 else _STATUSES.get(failure.kind, failure.status)
    told = {"error": failure.message, "type": failure.kind, "code": failure.code}
    return status, wire.dumps(told | ours(failure, request_id))
