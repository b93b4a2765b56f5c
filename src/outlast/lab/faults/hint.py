"""The named faults of group B that say when to come back: in headers and bodies, true, false and contradictory."""

from __future__ import annotations

from outlast.lab.answer import dumps
from outlast.lab.script import Behaviour, status, throttled
from outlast.lab.steps import Headers

_NEW_YEAR = "Thu, 01 Jan 2026 00:00:00 GMT"
_SOON_AFTER = "Thu, 01 Jan 2026 00:00:02 GMT"


def _wild(*headers: tuple[str, str]) -> Behaviour:
    """429 with the headers of some vendor."""
    return throttled(headers=dict(headers))


def _gemini(delay: object, headers: Headers = (), *, listed: bool = False) -> Behaviour:
    """Google's 429, which says in its body when to come back."""
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    told = {"code": 429, "message": "canary: quota metric", "status": "RESOURCE_EXHAUSTED", "details": [info]}
    content: object = [{"error": told}] if listed else {"error": told}
    return status(429, dict(headers), dumps(content).decode())


_HEADERS: dict[str, Behaviour] = {
    "B19-503-retry-after-1": status(503, {"retry-after": "1"}),
    "B26-retry-after-1": throttled(1),
    "B27-retry-after-quarter": throttled(0.25),
    "B28-retry-after-ms": throttled(9, {"retry-after-ms": "1500"}),
    "B29-retry-after-0": throttled(0),
    "B30-retry-after-negative": throttled(-5),
    "B31-retry-after-nan": throttled("nan"),
    "B32-retry-after-inf": throttled("inf"),
    "B32-retry-after-1e400": throttled("1e400"),
    "B33-retry-after-words": throttled("soon"),
    "B34-retry-after-day": throttled(86400),
    "B36-retry-after-date": throttled(_SOON_AFTER, {"date": _NEW_YEAR}),
    "B37-retry-after-2015": throttled("Wed, 21 Oct 2015 07:28:00 GMT"),
    "B39-retry-after-year-99999": throttled("Fri, 31 Dec 99999 23:59:59 GMT"),
    "B41-reset-1s": _wild(("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "1s")),
    "B41-reset-6m0s": _wild(("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "6m0s")),
    "B42-reset-rfc3339": _wild(
        ("date", _NEW_YEAR),
        ("anthropic-ratelimit-requests-remaining", "0"),
        ("anthropic-ratelimit-requests-reset", "2026-01-01T00:00:02Z"),
    ),
    "B43-insufficient-quota": status(429, type="insufficient_quota", error="insufficient_quota"),
}
_MORE_HEADERS: dict[str, Behaviour] = {
    "B60-503-retry-after-day": status(503, {"retry-after": "86400"}),
    "B60-429-azure-ms": _wild(("x-ms-retry-after-ms", "1500"), ("retry-after", "9")),
    "B61-retry-after-twice": throttled("1", {"Retry-After": "1"}),
    "B61-retry-after-two-numbers": throttled("1", {"Retry-After": "5"}),
    "B61-retry-after-number-and-date": throttled("5", {"Retry-After": _SOON_AFTER, "date": _NEW_YEAR}),
    "B61-retry-after-date-without-date": throttled("Thu, 01 Jan 2099 00:00:00 GMT"),
    "B61-retry-after-unit": throttled("1s"),
    "B61-retry-after-empty": throttled(""),
    "B62-ms-garbage-then-seconds": throttled(1, {"retry-after-ms": "soon"}),
    "B62-ms-zero-then-seconds": throttled(1, {"retry-after-ms": "0"}),
    "B63-reset-epoch": _wild(("date", _NEW_YEAR), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1767225602")),
    "B63-reset-minus-one": _wild(("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "-1")),
    "B63-reset-not-exhausted": _wild(
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "1s"),
        ("x-ratelimit-remaining-tokens", "9000"),
        ("x-ratelimit-reset-tokens", "6m0s"),
    ),
    "B64-quota-with-retry-after": status(
        429, {"retry-after": "1"}, type="insufficient_quota", error="insufficient_quota"
    ),
    "B64-quota-in-words": status(429, body='{"message":"You exceeded your current quota, canary."}'),
}
_BODIES: dict[str, Behaviour] = {
    "B65-retry-in-words": status(
        429, type="tokens", error="rate_limit_exceeded", message="Rate limit reached. Please try again in 1.3s. canary"
    ),
    "B65-gemini-retry-delay": _gemini("27s"),
    "B65-gemini-fraction": _gemini("1.5s"),
    "B65-gemini-in-a-list": _gemini("27s", listed=True),
    "B65-gemini-header-wins": _gemini("27s", (("retry-after", "2"),)),
    "B65-gemini-delay-number": _gemini(27),
    "B65-gemini-delay-words": _gemini("soon"),
}

HINT_FAULTS: dict[str, Behaviour] = _HEADERS | _MORE_HEADERS | _BODIES
"""By name; `outlast.lab.faults` holds them with the others."""
