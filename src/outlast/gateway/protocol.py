"""uvicorn's HTTP protocol with what it lacks: bounds on the head, errors in the vendor's words, and a good end.

A caller who has closed its half counts as having left: all its requests end, also those that wait behind another.
"""

from __future__ import annotations

import asyncio
from typing import cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from outlast.gateway.app import CROWDED, CUT_OFF, App
from outlast.gateway.parting import Parting
from outlast.model.errors import Caller, Failure

MAX_HEAD = 64 * 1024
MAX_HEADERS = 200
HEAD_TIMEOUT = 20.0
"""Seconds for the head of a request, from its connection or its first byte on."""
MOST_AHEAD = 16
"""Requests that a connection may send ahead while we go on reading, so as to notice when the caller leaves."""
NOT_HTTP = Caller("this is not a valid HTTP/1.1 request")
TOO_LARGE = Caller("the head of the request is too large", status=431)
VERSIONS = frozenset({"1.0", "1.1"})
OFFERS = frozenset({b"connection", b"upgrade", b"http2-settings"})
"""Headers by which a caller offers to go on in another protocol."""


class HeadTooLarge(Exception):  # noqa: N818  (parser callbacks tell their verdict by raising)
    """The request line and headers are more than we take."""


class NoHttp(Exception):  # noqa: N818
    """A request in a version of HTTP that nobody speaks any more, or not here."""


class Protocol(HttpToolsProtocol):
    """One connection from a caller. The application must be our `App`, without anything around it."""

    transport: Parting  # type: ignore[assignment]  # uvicorn asks no more of it than `Parting` has

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.url = b""
        self.headers = []
        self._ours = cast("App", config.app)
        self._head = 0
        self._long = 0
        self._in_head = False
        self._refusal: Failure = NOT_HTTP
        self._slow: asyncio.TimerHandle | None = None
        self._earlier: list[RequestResponseCycle] = []

    # -- the connection ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller has connected."""
        connection = cast("asyncio.Transport", transport)
        super().connection_made(Parting(connection, self.loop, self._is_whole, self._ours.write_timeout))  # type: ignore[arg-type]
        self._slow = self.loop.call_later(HEAD_TIMEOUT, self._too_slow)

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request; after our last word they are thrown away."""
        if self.transport.parted:
            return
        self._unset_keepalive_if_required()
        still = self._in_head
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._pass_over(data[offer.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("")
        if still and self._in_head:  # one endless header: the parser tells of it only at its end
            self._long += len(data)
            if self._long > MAX_HEAD:
                self._refusal = TOO_LARGE
                self.send_400_response("")

    def _pass_over(self, rest: bytes) -> None:
        """The caller offers another protocol and the parser gives up: read the request again, without the offer."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refusal = Caller("this is no proxy", status=405)
            self.send_400_response("")
            return
        lines = b"".join(b"%b: %b\r\n" % header for header in self.headers if header[0] not in OFFERS)
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method, self.url, lines, rest))

    def eof_received(self) -> None:
        """The caller has closed its half, which cannot be told from leaving."""
        self._left()
        self.transport.bound_flushing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller has gone."""
        self._head_is_in()
        self.transport.gone()
        self._left()
        super().connection_lost(exc)

    def _left(self) -> None:
        """End every request of this connection, not only the latest."""
        for cycle in (*self._earlier, self.cycle):
            if cycle is not None and not cycle.response_complete:  # type: ignore[redundant-expr]
                cycle.disconnected = True
                cycle.message_event.set()

    def _cut_off(self) -> None:
        self._left()
        self.transport.abort()

    def _is_whole(self) -> bool:
        """Has the latest request been read to its end?"""
        cycle: RequestResponseCycle | None = self.cycle
        return not self._in_head and (cycle is None or not cycle.more_body)

    # -- the head of a request ---------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._head = 0
        self._long = 0
        self._in_head = True
        state = self.scope["state"]
        state[CUT_OFF] = self._cut_off
        state[CROWDED] = len(self.connections) > self._ours.most_connections
        if self._slow is None:
            self._slow = self.loop.call_later(HEAD_TIMEOUT, self._too_slow)

    def on_url(self, url: bytes) -> None:
        """A piece of the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._count(len(name) + len(value))
        if len(self.headers) >= MAX_HEADERS:
            self._count(MAX_HEAD)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if self.parser.should_upgrade():
            return
        if self.parser.get_http_version() not in VERSIONS:
            raise NoHttp
        self._head_is_in()
        before: RequestResponseCycle | None = self.cycle
        super().on_headers_complete()
        self._in_head = False
        if before is not None and not before.response_complete:
            self._earlier = [cycle for cycle in (*self._earlier, before) if not cycle.response_complete]
            if len(self.pipeline) <= MOST_AHEAD:
                self.flow.resume_reading()

    def on_message_complete(self) -> None:
        """The body is whole."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > MAX_HEAD:
            self._refusal = TOO_LARGE
            raise HeadTooLarge

    def _head_is_in(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def _too_slow(self) -> None:
        self._slow = None
        if self._in_head:
            self._refusal = Caller("the head of the request did not come in time", status=408)
            self.send_400_response("")
        else:
            self.transport.close()

    # -- refusing ----------------------------------------------------------------------------------------------

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  (our own words instead)
        """Refuse what is no request, and close; what stands before it on the connection is not answered either."""
        if self.transport.is_closing():
            return
        cycles: tuple[RequestResponseCycle | None, ...] = (*self._earlier, self.cycle)
        if any(cycle is not None and cycle.response_started and not cycle.response_complete for cycle in cycles):
            self._cut_off()  # an answer is under way: nothing may be written into it
            return
        self._left()
        path = self.url.partition(b"?")[0].decode("latin-1")
        out = self._ours.refused(path, dict(self.headers), self._refusal)
        lines = b"".join(b"%b: %b\r\n" % header for header in out.headers)
        self.transport.write(STATUS_LINE[out.status] + lines + b"connection: close\r\n\r\n" + out.body)
        self._in_head = True  # whatever follows on this connection is read by nobody
        self.transport.close()
