"""The listening half of a connection: what comes is parsed, checked and kept until somebody takes it.

    bytes ──► greeting ──► parser ──► on_headers_complete   status and fields; whoever waits is woken
                                      on_body               a piece more to take; too much holds the peer back
                                      on_message_complete   the end

Who is patient wants the answer as a whole, and is woken once, at its end: an answer costs one wait, however it is cut.
A failure is kept as a value and raised by who waits; the future only wakes, hence nothing is lost when the waiter is
cancelled in the same turn. Everything here runs for each answer, much of it for each packet: calls are dear.
"""

from __future__ import annotations

import asyncio
from math import inf

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from outlast.edge.bounds import Bounds
from outlast.edge.fields import KNOWN
from outlast.edge.process import Process
from outlast.edge.stage import Stage
from outlast.edge.upload import Uploading
from outlast.model.errors import BadResponse, Failure

IDLE, ASKED, HEAD, BODY, DONE, LINGER, GONE = Stage  # globals: looked up several times per packet
DEAF = frozenset({IDLE, DONE, GONE})
"""Stages in which nothing may come."""
WITHIN = frozenset({HEAD, BODY, LINGER})
VERSIONS = frozenset({"1.0", "1.1"})
HELLO = b"HTTP/1."
"""How every answer begins; the parser would also take those of Icecast, RTSP and HTTP/2.0."""
BODILESS = frozenset({204, 205, 304})


class _Halt(Exception):  # noqa: N818  (control flow inside the parser's callbacks, never seen outside)
    """Stops the parser."""


class Listening(asyncio.Protocol):
    """What has come of one answer, and who waits for more.

    Attributes:
        stage: where the connection is in its life.
        status: of the answer; 0 until its head is in.
        fields: the headers that are kept.
        due: when waiting ends.
    """

    __slots__ = (
        "_babbled",
        "_bounds",
        "_chunks",
        "_failure",
        "_framed",
        "_headers",
        "_interim",
        "_keep",
        "_loop",
        "_parser",
        "_patient",
        "_paused",
        "_pid",
        "_quiet_bytes",
        "_size",
        "_transport",
        "_unsaid",
        "_upload",
        "_waiter",
        "due",
        "fields",
        "stage",
        "status",
    )

    _transport: asyncio.Transport

    def __init__(self, bounds: Bounds, loop: asyncio.AbstractEventLoop) -> None:
        self._bounds = bounds
        self._loop = loop
        self._pid = Process.pid
        self._parser: HttpResponseParser | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._failure: Failure | None = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._patient = False
        self._paused = False
        self._upload: Uploading | None = None
        self.due = inf
        self.stage: Stage = IDLE
        self._babbled = False
        self._keep = False
        self._framed = False
        self._unsaid = HELLO
        self.status = 0
        self.fields: dict[bytes, bytes] = {}
        self._headers = 0
        self._interim = 0
        self._quiet_bytes = 0

    # ── what the transport says ──

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer; what nobody asked for ends the connection."""
        stage = self.stage
        if stage is ASKED:
            self.stage = HEAD
            self._unsaid = b"" if data.startswith(HELLO) else HELLO
        elif stage in DEAF:
            self._babble()
            return
        if self._unsaid and not self._greets(data):
            self._fail(BadResponse("the answer is not HTTP/1.1"))
            return
        self._quiet_bytes += len(data)
        much = self._quiet_bytes > self._bounds.head
        if much and self._is_endless_head(data):
            self._fail(BadResponse("the head of the answer is too large"))
            return
        if self._parser is not None:
            try:
                self._parser.feed_data(data)
            except (HttpParserError, HttpParserUpgrade):
                self._misunderstand()
        if much and self._quiet_bytes > self._bounds.head and self.stage in WITHIN:
            self._fail(BadResponse("the answer has an endless head, chunk header or trailer"))

    # ── what the parser says ──

    def on_message_begin(self) -> None:
        """An answer begins: the one we wait for, or one that nobody asked for."""
        if self.stage is not HEAD:
            raise _Halt

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, kept if anybody may ask for it; or a trailer, which is of no interest."""
        self._headers += 1
        if self._headers > self._bounds.headers:
            self._refuse("the answer has too many headers or trailers")
        known = KNOWN[name]
        if known and self.stage is HEAD:
            fields = self.fields
            fields[known] = fields[known] + b", " + value if known in fields else value

    def on_headers_complete(self) -> None:
        """The head is in; an interim one (1xx) is skipped."""
        parser = self._parser
        if parser is None or self.stage is not HEAD:
            raise _Halt
        status = parser.get_status_code()
        if not 200 <= status <= 999 or self._interim:
            self._check_start(status, parser.get_http_version())
            if status < 200:
                return
        fields = self.fields
        coding = fields.get(b"transfer-encoding")
        if coding is not None and coding.lower() != b"chunked":
            self._refuse("the answer has an unknown transfer encoding")
        self._framed = coding is not None or b"content-length" in fields or status in BODILESS
        self._keep = parser.should_keep_alive()
        self.status = status
        self._quiet_bytes = 0
        self.stage = BODY
        if status >= 300 and self._upload is not None:
            self._upload = None  # its mind is made up: the rest of the body is not wanted
            self._keep = False
        if status == 205:
            self._keep = False
            self.stage = DONE
            self._wake()
        elif not self._patient:
            self._wake()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._quiet_bytes = 0
        if self.stage is not BODY:
            return
        self._chunks.append(body)
        self._size += len(body)
        if self._waiter is not None:
            if not self._patient or self._size > self._bounds.unread:
                self._wake()
        elif self._size > self._bounds.unread and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """The end of the answer, or of an interim one."""
        if self.stage is BODY:
            self.stage = DONE
            self._wake()
        elif self.stage is LINGER:
            self.stage = DONE
            self._settle()

    # ── what it comes to ──

    def _settle(self) -> None:
        """After an answer that was let go before its end."""
        raise NotImplementedError

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            self.due = inf
            if not waiter.done():
                waiter.set_result(None)

    def _fail(self, failure: Failure) -> None:
        self._failure = failure
        self.stage = GONE
        self._wake()
        self._drop()

    def _drop(self) -> None:
        self.due = inf
        self._upload = None
        if self._pid == Process.pid and not self._loop.is_closed():  # a fork shares socket and selector with its parent
            self._transport.abort()

    def _babble(self) -> None:
        self._babbled = True
        self._keep = False
        if self.stage is IDLE:
            self.stage = GONE
        self._transport.abort()

    def _greets(self, data: bytes) -> bool:
        """Does the answer begin as it must, as far as it has come?"""
        rest = self._unsaid
        self._unsaid = rest[len(data) :]
        return data.startswith(rest) or rest.startswith(data)

    def _is_endless_head(self, data: bytes) -> bool:
        return self.stage is HEAD and b"\r\n\r\n" not in data[: self._bounds.head]

    def _misunderstand(self) -> None:
        if self.stage in WITHIN:
            self._fail(BadResponse("the answer is not valid HTTP/1.1"))
        else:  # the answer was complete; more than that came
            self._keep = False
            self._transport.abort()

    def _refuse(self, message: str) -> None:
        self._fail(BadResponse(message))
        raise _Halt

    def _check_start(self, status: int, version: str) -> None:
        """Refuses what is no HTTP/1.1, and too many interim answers; one that is fine is forgotten."""
        if version not in VERSIONS or not 100 <= status <= 999 or status == 101:
            self._refuse("the answer is not HTTP/1.1")
        if status < 200:
            self._interim += 1
            if self._interim > self._bounds.interim:
                self._refuse("the provider sends one interim answer after the other")
            self.fields = {}
