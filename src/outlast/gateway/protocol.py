"""uvicorn's HTTP protocol with what it lacks: bounds on the head, errors as JSON, and a way to cut a caller off."""

from __future__ import annotations

import asyncio

import msgspec
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from outlast.gateway.app import CUT_OFF

MAX_HEAD = 64 * 1024
MAX_HEADERS = 200
HEAD_TIMEOUT = 20.0
"""Seconds for the head of a request, from its connection or its first byte on."""


class HeadTooLarge(Exception):  # noqa: N818  (parser callbacks tell their verdict by raising)
    """The request line and headers are more than we take."""


class Protocol(HttpToolsProtocol):
    """One connection from a caller."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._head = 0
        self._refusal = (400, "this is not a valid HTTP/1.1 request")
        self._slow: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller has connected."""
        super().connection_made(transport)  # type: ignore[arg-type]  # uvicorn narrows it
        self._slow = self.loop.call_later(HEAD_TIMEOUT, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller has gone."""
        self._head_is_in()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._head = 0
        self.scope["state"][CUT_OFF] = self._cut_off
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
        self._head_is_in()
        super().on_headers_complete()

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > MAX_HEAD:
            self._refusal = (431, "the head of the request is too large")
            raise HeadTooLarge

    def _head_is_in(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None

    def _too_slow(self) -> None:
        self._slow = None
        if not self.transport.is_closing():
            self._refusal = (408, "the head of the request did not come in time")
            self.send_400_response("")

    def _cut_off(self) -> None:
        self.transport.abort()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  (our own words instead)
        """Refuse what is no request, and close."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and cycle.response_started and not cycle.response_complete:
            self.transport.abort()  # an answer is under way: nothing may be written into it
            return
        status, message = self._refusal
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
        body = msgspec.json.encode({"error": error})
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()
