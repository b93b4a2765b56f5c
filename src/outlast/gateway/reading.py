"""Reading requests off a connection: heads within bounds, one reading of the framing or none.

    bytes ──▶ httptools ──▶ head is in ──▶ begin(inbound) ──▶ Turn ◀── its body, as it comes
                 └── what is no request, or too much ──▶ the failure that says so

A caller's offer to go on in another protocol is passed over.
"""

from __future__ import annotations

from typing import Protocol
from urllib.parse import unquote

import httptools

from outlast.gateway.app import request_id
from outlast.gateway.endpoints import ENDPOINTS
from outlast.gateway.exchange import Inbound
from outlast.gateway.routes import PLAIN
from outlast.gateway.turn import Turn
from outlast.model.errors import Caller, Failure

MAX_HEAD = 64 * 1024
MAX_HEADERS = 200
MOST_UNREAD = 64 * 1024
"""Bytes of a body that are taken before its turn has come."""
NOT_HTTP = Caller("this is not a valid HTTP/1.1 request")
TOO_LARGE = Caller("the head of the request is too large", status=431)
NO_PROXY = Caller("this is no proxy", status=405)
VERSIONS = frozenset({"1.0", "1.1"})
OFFERS = frozenset({b"connection", b"upgrade", b"http2-settings"})
"""Headers by which a caller offers to go on in another protocol."""
PATHS = {path.encode(): (path, "") for path in (*ENDPOINTS, *PLAIN)}
"""Those that need no parsing."""


class HeadTooLarge(Exception):  # noqa: N818  (parser callbacks tell their verdict by raising)
    """The request line and headers are more than we take."""


class NoHttp(Exception):  # noqa: N818
    """A request in a version of HTTP that nobody speaks any more, or not here."""


class Listener(Protocol):
    """Who hears of requests."""

    def begin(self, inbound: Inbound, *, keep_alive: bool) -> Turn:
        """A head is in: the turn that its body belongs to."""

    def hold(self) -> None:
        """Too much of a body has come before its turn."""


class Reading:
    """The requests of one connection, as they are read.

    While an answer is streamed there is no parser: it would take a kilobyte of each open stream.

    Attributes:
        headers: those of the latest request, as far as they were read; of several of one name the last.
        in_head: a head has begun and is not in yet.
        latest: the request that was read last; its body may still be on its way.
    """

    __slots__ = (
        "_cut",
        "_listener",
        "_parser",
        "_read",
        "_refusal",
        "_unseen",
        "_url",
        "headers",
        "in_head",
        "latest",
    )

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._parser: httptools.HttpRequestParser | None = self._new_parser()
        self._url = b""
        self.headers: dict[bytes, bytes] = {}
        self._read = 0
        self._cut = False
        self._unseen = 0
        self._refusal: Failure = NOT_HTTP
        self.in_head = False
        self.latest: Turn | None = None

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        parser.set_dangerous_leniencies(lenient_data_after_close=True)  # what comes after our last word is not read
        return parser

    @property
    def whole(self) -> bool:
        """Has the latest request been read to its end?"""
        return not self.in_head and (self.latest is None or self.latest.whole)

    @property
    def path(self) -> str:
        """Of the latest request, as far as it was read; for telling what is wrong with it."""
        return self._url.partition(b"?")[0].decode("latin-1")

    def lighten(self) -> None:
        """Nothing may come for long: the next byte finds a new parser, unless a request is half read."""
        if self.whole:
            self._parser = None

    def close(self) -> None:
        """Nothing more will come. The parser knows us, and would be freed by no count."""
        self._parser = self.latest = None

    def feed(self, data: bytes) -> Failure | None:
        """Read some bytes; the failure when they are no request that we take."""
        parser = self._parser or self._parser_again()
        if parser is None:
            return None
        self._read = len(data)
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            return self._pass_over(parser.get_method(), data[offer.args[0] :])
        except httptools.HttpParserError:
            return self._refusal
        return self._unfinished() if self.in_head else None

    def _parser_again(self) -> httptools.HttpRequestParser | None:
        """A parser for what comes after a stream; none where nothing more is answered."""
        if self.latest is not None and self.latest.keep_alive:
            self._parser = self._new_parser()
        return self._parser

    def _pass_over(self, method: bytes, rest: bytes) -> Failure | None:
        """The caller offers another protocol and the parser gives up: read the request again, without the offer."""
        if method == b"CONNECT":
            return NO_PROXY
        lines = b"".join(b"%b: %b\r\n" % header for header in self.headers.items() if header[0] not in OFFERS)
        self._parser = self._new_parser()
        return self.feed(b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method, self._url, lines, rest))

    def _unfinished(self) -> Failure | None:
        """The bytes are over, and the head is not in yet."""
        if self._cut:  # one endless header: the parser tells of it only at its end
            self._unseen += self._read
        self._cut = True
        return TOO_LARGE if self._unseen > MAX_HEAD or self._head_size() > MAX_HEAD else None

    def _head_size(self) -> int:
        return len(self._url) + sum(len(name) + len(value) for name, value in self.headers.items())

    # -- the parser's callbacks --------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins."""
        self._url = b""
        self.headers = {}
        self._cut = False
        self._unseen = 0
        self.in_head = True

    def on_url(self, url: bytes) -> None:
        """A piece of the request line."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        headers = self.headers
        if len(headers) >= MAX_HEADERS:
            self._refusal = TOO_LARGE
            raise HeadTooLarge
        headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """The head is whole."""
        parser = self._parser
        if parser is None or parser.should_upgrade():
            return
        if (self._cut or self._read > MAX_HEAD) and self._head_size() > MAX_HEAD:
            self._refusal = TOO_LARGE
            raise HeadTooLarge
        version = parser.get_http_version()
        if version not in VERSIONS:
            raise NoHttp
        self.in_head = False
        headers = self.headers
        path, query = PATHS.get(self._url) or _path(self._url)
        inbound = Inbound(
            parser.get_method().decode("ascii"), path, headers, b"", request_id(headers), query, self._url
        )
        self.latest = self._listener.begin(inbound, keep_alive=version != "1.0" and parser.should_keep_alive())

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        turn = self.latest
        if turn is None or turn.complete:
            return
        turn.take(body)
        if turn.task is not None:
            turn.look()
        if (turn.size if turn.task is None else turn.unread) > MOST_UNREAD:
            self._listener.hold()

    def on_message_complete(self) -> None:
        """The body is whole."""
        turn = self.latest
        if turn is None or self.in_head:
            return
        turn.taken()
        if turn.task is not None:
            turn.look()


def _path(url: bytes) -> tuple[str, str]:
    """The path of a request line, unescaped, and its query. Raises what the parser then tells as an error."""
    parsed = httptools.parse_url(url)
    path = parsed.path.decode("ascii")
    return unquote(path) if "%" in path else path, (parsed.query or b"").decode("latin-1")
