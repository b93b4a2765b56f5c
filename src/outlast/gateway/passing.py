"""Which requests are passed on unread, and what is taken of them: only what is named here, and nothing else.

path       one that the configuration lists, or below one; plain letters, no escapes, no way up
method     GET, POST, DELETE
headers    the few that say how the body is to be read and which version is spoken
query      plain; a key in it is refused, for queries stand in logs
"""

from __future__ import annotations

import re

from msgspec import Struct

from outlast.config import PassThroughConfig
from outlast.dialects import forward
from outlast.gateway.exchange import Inbound
from outlast.model.errors import Caller, Failure
from outlast.model.forwarding import Forward
from outlast.model.messages import Request

METHODS = frozenset({"GET", "POST", "DELETE"})
TAKEN = (b"content-type", b"accept", b"openai-beta", b"anthropic-version", b"anthropic-beta", b"idempotency-key")
"""Headers of a caller that go on to the provider."""
ROUTE = (b"outlast-route", b"outlast-model")
"""Headers that name the route, where the request itself names no model."""
LONGEST = 512
"""Bytes of a header's value, and of a path."""
_PATH = re.compile(rb"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~:@=+,-]+)+")
_QUERY = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?\[\]-]|%[0-9A-Fa-f]{2})*")
_BREAK = re.compile(rb"%0[ADad]|%00")
_KEYS = re.compile(rb"(?i)(?:^|&)(?:api[-_]?key|key|access[-_]?token|token|authorization)=")
_PLAIN = re.compile(rb"[\x20-\x7e]*")


class Url(Struct, frozen=True):
    """The two halves of a request's target, as they were sent."""

    path: str
    query: str


class PassThrough:
    """Says which requests are passed on, and makes of one what the engine needs.

    Args:
        config: which paths.
    """

    __slots__ = ("_below", "_paths", "config")

    def __init__(self, config: PassThroughConfig) -> None:
        paths = tuple(path.rstrip("/") for path in config.paths) if config.enabled else ()
        self.config = config
        self._paths = frozenset(paths)
        self._below = tuple(f"{path}/" for path in paths)

    def __contains__(self, path: str) -> bool:
        return path in self._paths or path.startswith(self._below)

    def streams(self, inbound: Inbound) -> bool:
        """May its body be handed on while it comes? JSON is wanted whole."""
        kind = inbound.headers.get(b"content-type", b"")
        return inbound.path in self and bool(kind) and b"json" not in kind.lower()

    def refusal(self, inbound: Inbound) -> Failure | None:
        """Why it is not passed on, whoever sends it and whatever its body says."""
        if inbound.method not in METHODS:
            return Caller(f"this path takes {', '.join(sorted(METHODS))}", status=405)
        path, _, query = inbound.url.partition(b"?")
        if len(path) > LONGEST or not _PATH.fullmatch(path):
            return Caller("the path must be plain: no escapes, no empty parts, no way up, no host")
        if not _QUERY.fullmatch(query) or _BREAK.search(query):
            return Caller("the query holds signs that no query has")
        if _KEYS.search(query):
            return Caller("a key must be in a header, not in the query")
        return None

    def request(self, inbound: Inbound, dialect: str) -> Request:
        """The request as the engine takes it, where nothing is to be refused of it. Raises `Caller` for its body."""
        path, _, query = inbound.url.decode("ascii").partition("?")
        headers, body, feed = inbound.headers, inbound.body, inbound.feed
        name = forward.name_in(headers.get(b"content-type", b""), body, query)
        via = next((headers[header] for header in ROUTE if header in headers), b"")
        passed = Forward(
            method=inbound.method,
            path=path,
            query=query,
            headers=tuple(_taken(inbound)),
            named=name.named,
            span=name.span,
            via=via.decode("utf-8", "replace"),
            stays=_stays(inbound.method, path),
            feed=feed,
        )
        return Request(
            operation="raw",
            model=name.model,
            dialect=dialect,
            body=b"" if feed is not None else body,
            forward=passed,
            read=forward.unread,
        )


def _taken(inbound: Inbound) -> list[bytes]:
    """The headers that go on."""
    given = [(name, inbound.headers.get(name, b"")) for name in TAKEN]
    empty = not inbound.body and inbound.feed is None
    return [
        b"%b: %b" % (name, value)
        for name, value in given
        if value and len(value) <= LONGEST and _PLAIN.fullmatch(value) and not (empty and name == b"content-type")
    ]


def _stays(method: str, path: str) -> bool:
    """Is it about what one account keeps? Whatever is not newly made, or stands below an id."""
    parts = path.split("/")[3:]
    return method != "POST" or any(len(part) >= 20 or any(map(str.isdigit, part)) for part in parts)
