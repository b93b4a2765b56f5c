"""The headers of our answers: who answered, what was tried, what is left of the limits, when to come back."""

from __future__ import annotations

from math import ceil

from outlast.flow.call import Allowance, Answer
from outlast.gateway.exchange import Headers
from outlast.model.errors import Failure

JSON = (b"content-type", b"application/json")
EVENTS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)
LONGEST_SLEEP = 60.0
"""SDKs sleep through a `Retry-After` as long as they take for reasonable; above this we ask them not to retry."""


def request_id(dialect: str, id_: str) -> Headers:
    """The id of the request, under the names that the dialect's SDKs look for."""
    value = id_.encode()
    headers = [(b"x-request-id", value)]
    if dialect == "anthropic":
        headers.append((b"request-id", value))
    return headers


def of_answer(answer: Answer) -> Headers:
    """Who answered, as what, and after how many attempts."""
    headers = [
        (b"outlast-target", answer.target.encode("utf-8", "replace")),
        (b"outlast-source", answer.source.encode()),
        (b"outlast-attempts", str(answer.attempts).encode()),
    ]
    if answer.dropped:
        headers.append((b"outlast-dropped", ", ".join(answer.dropped).encode("ascii", "replace")))
    return headers


def of_failure(failure: Failure) -> Headers:
    """When to come back, or that it is of no use; and what was tried."""
    headers = [(b"outlast-attempts", str(len(failure.attempts)).encode())]
    if failure.target:
        headers.append((b"outlast-target", failure.target.encode("utf-8", "replace")))
    wait = failure.retry_after
    if wait is not None:
        headers.append((b"retry-after", str(ceil(wait)).encode()))
        headers.append((b"retry-after-ms", str(ceil(wait * 1000)).encode()))
    if not failure.retryable or (wait is not None and wait > LONGEST_SLEEP):
        headers.append((b"x-should-retry", b"false"))
    return headers


def of_limits(allowances: list[Allowance], dialect: str) -> Headers:
    """The RateLimit fields of the IETF draft, and the vendor's own beside them."""
    if not allowances:
        return []
    policies = ", ".join(f'"{a.name}";q={int(a.limit)};w={int(a.period)}' for a in allowances)
    left = ", ".join(f'"{a.name}";r={int(a.remaining)};t={ceil(a.reset)}' for a in allowances)
    headers = [(b"ratelimit-policy", policies.encode()), (b"ratelimit", left.encode())]
    for allowance in allowances:
        unit = {"rpm": b"requests", "tpm": b"tokens"}.get(allowance.name)
        if unit is not None and dialect == "openai":
            headers += _openai(allowance, unit)
    return headers


def _openai(allowance: Allowance, unit: bytes) -> Headers:
    return [
        (b"x-ratelimit-limit-" + unit, str(int(allowance.limit)).encode()),
        (b"x-ratelimit-remaining-" + unit, str(int(allowance.remaining)).encode()),
        (b"x-ratelimit-reset-" + unit, f"{allowance.reset:.3f}s".encode()),
    ]
