"""Which headers of an answer are kept. The rest is counted and dropped: an open stream must stay small."""

from __future__ import annotations

KEPT = frozenset(
    {
        b"content-type",
        b"content-disposition",
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
KEPT_PREFIXES = (b"x-ratelimit-", b"anthropic-ratelimit-", b"x-tokenlimit-", b"x-trial-endpoint-call-", b"ratelimit")


MOST_NAMES = 1024


class Names(dict[bytes, bytes]):
    """Names as peers wrote them → lower case, or empty for those that are dropped: peers send the same ones all day."""

    def __missing__(self, name: bytes) -> bytes:
        """Learn a name, unless it is too long to be worth it."""
        lower = name.lower()
        known = lower if lower in KEPT or lower.startswith(KEPT_PREFIXES) else b""
        if len(self) >= MOST_NAMES:
            self.clear()
        if len(name) <= 64:
            self[name] = known
        return known


KNOWN = Names()


def keep_alive_seconds(hint: bytes, default: float) -> float:
    """How long the peer keeps an idle connection, less a second for the way, if it says so; at most `default`."""
    for part in hint.split(b","):
        name, _, value = part.strip().partition(b"=")
        if name.lower() == b"timeout" and value.isdigit() and len(value) < 7:
            return min(default, max(0.0, int(value) - 1.0))
    return default
