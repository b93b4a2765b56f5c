"""When a provider says to come back, in seconds; and what it says is left of its limits.

    retry-after-ms ─▶ retry-after (number) ─▶ retry-after (date, against the answer's own Date)
      ─▶ the reset of an exhausted limit ─▶ retryDelay in the body

The first that says anything usable wins; of a header that came twice, the longest. Not a number, infinite, zero,
negative, in the past, garbage: no hint. No clock is read: dates are measured against the answer's own `Date`, so that
our clock may be wrong.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from outlast.model.messages import Quota
from outlast.ports import Header

_GO = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)")
_GO_WHOLE = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|us|µs|ns|h|m|s))+")
_GO_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_LEAP_SECOND = re.compile(r":60(?!\d)")
_EPOCH = 1e9
"""A reset above this is a moment, not a span."""

_REQUESTS = (
    (b"x-ratelimit-remaining-requests", b"x-ratelimit-reset-requests"),
    (b"anthropic-ratelimit-requests-remaining", b"anthropic-ratelimit-requests-reset"),
    (b"x-trial-endpoint-call-remaining", b""),
)
_TOKENS = (
    (b"x-ratelimit-remaining-tokens", b"x-ratelimit-reset-tokens"),
    (b"x-tokenlimit-remaining", b"x-tokenlimit-reset"),
    (b"anthropic-ratelimit-tokens-remaining", b"anthropic-ratelimit-tokens-reset"),
    (b"anthropic-ratelimit-input-tokens-remaining", b"anthropic-ratelimit-input-tokens-reset"),
    (b"anthropic-ratelimit-output-tokens-remaining", b"anthropic-ratelimit-output-tokens-reset"),
)
_PLAIN = (
    (b"x-ratelimit-remaining", b"x-ratelimit-reset"),
    (b"ratelimit-remaining", b"ratelimit-reset"),
)


def wait_asked(header: Header) -> float | None:
    """Seconds that the provider asks us to wait before any further try."""
    for name in (b"retry-after-ms", b"x-ms-retry-after-ms"):
        milliseconds = _number(_text(header, name))
        if milliseconds is not None:
            return milliseconds / 1000
    value = _text(header, b"retry-after")
    return _longest(value) or _until_date(value, header)


def reset(header: Header) -> float | None:
    """Seconds until the limit that is exhausted is there again; where no limit says so, until the last named reset."""
    waits, unsaid = [], []
    for remaining, name in (*_REQUESTS, *_TOKENS, *_PLAIN):
        span = _span(_text(header, name), header)
        if span is None:
            continue
        left = _text(header, remaining)
        if not left:
            unsaid.append(span)
        elif left.lstrip("-").isdigit() and int(left) <= 0:
            waits.append(span)
    found = waits or unsaid
    return max(found) if found else None


def delay(value: object) -> float | None:
    """Seconds in a `retryDelay` of a body, such as "27s"."""
    return _span_of_text(value) if isinstance(value, str) else None


def quota(header: Header) -> Quota | None:
    """What is left of requests and tokens: of several limits of a kind the tightest."""
    requests, requests_reset = _tightest(header, _REQUESTS)
    tokens, tokens_reset = _tightest(header, _TOKENS)
    if requests is None and tokens is None:
        return None
    return Quota(requests, requests_reset, tokens, tokens_reset)


def _tightest(header: Header, names: tuple[tuple[bytes, bytes], ...]) -> tuple[int | None, float | None]:
    least: int | None = None
    span: float | None = None
    for remaining, name in names:
        value = header(remaining)
        if value is None or not value.isdigit() or len(value) > 15:
            continue
        left = int(value)
        if least is None or left < least:
            least, span = left, _span(_text(header, name), header)
    return least, span


def _text(header: Header, name: bytes) -> str:
    value = header(name)
    return value.decode("latin-1").strip()[:100] if value else ""


def _longest(text: str) -> float | None:
    """The largest of the numbers: a proxy may have added a header of its own, which reaches us behind a comma."""
    numbers = [number for part in text.split(",") if (number := _number(part)) is not None]
    return max(numbers, default=None)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None


def _span(text: str, header: Header) -> float | None:
    """A reset: seconds, a Go duration, a moment in RFC 3339, or seconds since the epoch."""
    number = _number(text)
    if number is None:
        return _span_of_text(text) or _until(_rfc3339(text), header)
    if number < _EPOCH:
        return number
    try:
        return _until(datetime.fromtimestamp(number, UTC), header)
    except (ValueError, OverflowError, OSError):
        return None


def _span_of_text(text: str) -> float | None:
    if not _GO_WHOLE.fullmatch(text):
        return None
    total = sum(float(number) * _GO_UNITS[unit] for number, unit in _GO.findall(text))
    return total if math.isfinite(total) and total > 0 else None


def _rfc3339(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(_LEAP_SECOND.sub(":59", text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _until_date(text: str, header: Header) -> float | None:
    return _until(_http_date(text), header) if text else None


def _until(moment: datetime | None, header: Header) -> float | None:
    """Seconds from the answer's own Date to `moment`; None without such a header, or when it is past."""
    date = _http_date(_text(header, b"date"))
    if moment is None or date is None:
        return None
    seconds = (moment - date).total_seconds()
    return seconds if seconds > 0 else None


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(_LEAP_SECOND.sub(":59", text))
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
