"""Requests that are passed on unread: which model they name, and how they go out to a target.

path      as the caller wrote it, below the provider's base URL
query     the same, after what the provider needs in every query
model     the target's name for it, where the body or the query names one: a field of JSON, a part of a form
body      else byte for byte
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, urlencode

from msgspec import Raw, Struct

from outlast.dialects import wire
from outlast.model.forwarding import Feed, Forward, Named
from outlast.model.messages import Content, Request
from outlast.model.target import Target
from outlast.ports import Outgoing

BELOW = {"openai": "/v1/"}
"""What of a caller's path the base URLs of a dialect's providers hold already."""
NO_MODEL = "*"
"""The model of a target that is a provider as a whole: nothing in a request names it."""

_CHAT = "/chat/completions"
_ADDRESSES = wire.ADDRESSES - {"endpoint", "headers", "host", "organization", "url"}
"""Fields that would steer a gateway behind us; the others mean something of their own in some of these requests."""
_BOUNDARY = re.compile(
    rb'multipart/form-data\s*;.*?boundary=(?:"([^"\r\n]{1,200})"|([^;,\s]{1,200}))', re.IGNORECASE | re.DOTALL
)
_FIELD = re.compile(
    rb'(?im)^content-disposition:\s*form-data(?:\s*;\s*[\w*-]+=(?:"[^"\r\n]*"|[^;"\s]*))*?'
    rb'\s*;\s*name=(?:"model"|model)\s*(?:;|\r|\Z)'
)
_JSON = re.compile(rb"content-type:\s*application/(?:[\w.+-]+\+)?json", re.IGNORECASE)
_OBJECT = re.compile(rb"\s*\{")
_LONGEST = 200


class Name(Struct, frozen=True):
    """The model that a request names, and where; `span` is from where to where in the body."""

    model: str = ""
    named: Named = ""
    span: tuple[int, int] = (0, 0)


NAMELESS = Name()


def unread(_: bytes) -> Content:
    """What reading such a request comes to."""
    raise TypeError("this request is passed on unread")


def name_in(kind: bytes, body: bytes, query: str) -> Name:
    """The model that a request names. Raises `Caller` for JSON that is none."""
    lower = kind.lower()
    if lower.startswith(b"multipart/form-data"):
        found = _in_form(kind, body)
    elif b"json" in lower and _OBJECT.match(body):
        found = _in_json(body)
    else:
        found = NAMELESS
    return found if found.model else _in_query(query)


def _in_json(body: bytes) -> Name:
    raw = wire.fields(body).get("model")
    model = wire.value(raw) if raw is not None else None
    return Name(model, "json") if isinstance(model, str) and model else NAMELESS


def _in_form(kind: bytes, body: bytes) -> Name:
    """The part `model` of a form, as far as the body has come; it must be small and whole."""
    match = _BOUNDARY.match(kind)
    if match is None:
        return NAMELESS
    mark = b"--" + (match[1] or match[2])
    at = 0 if body.startswith(mark) else body.find(b"\r\n" + mark)
    while at >= 0:
        head = body.find(b"\r\n", at + 2) + 2
        start = body.find(b"\r\n\r\n", head - 2)
        after = body.find(b"\r\n" + mark, head)
        if start < 0 or head < 2:
            return NAMELESS
        if _FIELD.search(body, head, start) and start + 4 <= after <= start + 4 + _LONGEST:
            return _named_by(body, start + 4, after)
        at = after
    return NAMELESS


def _named_by(body: bytes, start: int, end: int) -> Name:
    model = body[start:end].decode("utf-8", "replace")
    return Name(model, "part", (start, end)) if model else NAMELESS


def _in_query(query: str) -> Name:
    model = next((value for name, value in parse_qsl(query) if name == "model"), "")
    return Name(model, "query") if model else NAMELESS


def outgoing(request: Request, forward: Forward, target: Target) -> Outgoing:
    """The request as it goes out to this target."""
    feed: Feed | None = forward.feed
    renamed = bool(forward.named) and target.model not in {request.model, NO_MODEL}
    dropped: tuple[str, ...] = ()
    body, query = request.body, forward.query
    if _OBJECT.match(body) and any(map(_JSON.match, forward.headers)):
        body, dropped = _json(body, target.model if renamed and forward.named == "json" else None)
    elif renamed and forward.named == "part":
        if feed is None:
            body = _spliced(body, forward.span, target.model)
        else:
            feed = Renamed(feed, forward.span, target.model.encode())
    if renamed and forward.named == "query":
        query = _with_model(query, target.model)
    return Outgoing(
        _path(forward.path, query, request.dialect, target).encode(),
        b"" if feed is not None else body,
        _headers(forward, target),
        dropped,
        method=forward.method,
        single=True,
        feed=feed,
        progress=target.timers.stall,
    )


def _json(body: bytes, model: str | None) -> tuple[bytes, tuple[str, ...]]:
    """The same JSON with that model, and without what names an address; byte for byte where nothing is to be done."""
    fields = wire.fields(body)
    dropped: list[str] = []
    wire.take_out(fields, _ADDRESSES, dropped)
    if model is not None:
        fields["model"] = Raw(wire.dumps(model))
    return (body if model is None and not dropped else wire.dumps(fields)), tuple(dropped)


def _spliced(body: bytes, span: tuple[int, int], model: str) -> bytes:
    start, end = span
    return b"".join((body[:start], model.encode(), body[end:]))


def _with_model(query: str, model: str) -> str:
    return urlencode(
        [(name, model if name == "model" else value) for name, value in parse_qsl(query, keep_blank_values=True)]
    )


def _path(path: str, query: str, dialect: str, target: Target) -> str:
    quirks = target.provider.quirks
    below = f"/{path.removeprefix(BELOW.get(dialect, '/')).removeprefix('/')}"
    if quirks.path_chat.endswith(_CHAT):  # where the model stands in the path, it does so in every path
        below = quirks.path_chat.removesuffix(_CHAT).replace("{model}", quote(target.model, safe="")) + below
    query = "&".join(part for part in (quirks.query, query) if part)
    return f"{below}?{query}" if query else below


def _headers(forward: Forward, target: Target) -> tuple[bytes, ...]:
    version = target.provider.quirks.version
    if version and not any(line.startswith(b"anthropic-version:") for line in forward.headers):
        return (*forward.headers, f"anthropic-version: {version}".encode())
    return forward.headers


class Renamed:
    """A feed whose beginning names another model. Implements `Feed`."""

    __slots__ = ("_feed", "_model", "_span", "length")

    def __init__(self, feed: Feed, span: tuple[int, int], model: bytes) -> None:
        self._feed = feed
        self._span = span
        self._model = model
        start, end = span
        self.length = None if feed.length is None else feed.length - (end - start) + len(model)

    @property
    def gone(self) -> bool:
        """More has been read than is kept."""
        return self._feed.gone

    def begin(self) -> bytes:
        """All that has been read so far, with the other name in it."""
        return _spliced(self._feed.begin(), self._span, self._model.decode())

    async def read(self) -> bytes:
        """The next piece."""
        return await self._feed.read()
