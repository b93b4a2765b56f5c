"""Which headers of an answer are kept. The rest is counted and dropped: an open stream must stay small."""

from __future__ import annotations

KEPT = frozenset(
    {
        b"content-type",
        b"content-encoding",
        b"content-length",
        b"transfer-encoding",
        b"keep-alive",
        b"retry-after",
        b"retry-after-ms",
        b"x-should-retry",
        b"date",
        b"request-id",
        b"x-request-id",
        b"x-ms-retry-after-ms",
        b"location",
    }
)
KEPT_PREFIXES = (b"x-ratelimit-", b"anthropic-ratelimit-", b"x-tokenlimit-", b"ratelimit")


MOST_NAMES = 1024
_seen: dict[bytes, bytes] = {}
"""Names as peers wrote them → lower case, or empty for those that are dropped: peers send the same ones all day."""


def keep(fields: dict[bytes, bytes], name: bytes, value: bytes) -> None:
    """Add a header to `fields` if anybody may ask for it; a repeated one is joined with a comma."""
    known = _seen.get(name)
    if known is None:
        known = _learn(name)
    if known:
        fields[known] = fields[known] + b", " + value if known in fields else value


def _learn(name: bytes) -> bytes:
    lower = name.lower()
    known = lower if lower in KEPT or lower.startswith(KEPT_PREFIXES) else b""
    if len(_seen) >= MOST_NAMES:
        _seen.clear()
    if len(name) <= 64:
        _seen[name] = known
    return known


def keep_alive_seconds(fields: dict[bytes, bytes], default: float) -> float:
    """How long the peer keeps an idle connection, less a second for the way, if it says so; at most `default`."""
    hint = fields.get(b"keep-alive")
    if hint is None:
        return default
    for part in hint.split(b","):
        name, _, value = part.strip().partition(b"=")
        if name.lower() == b"timeout" and value.isdigit() and len(value) < 7:
            return min(default, max(0.0, int(value) - 1.0))
    return default
