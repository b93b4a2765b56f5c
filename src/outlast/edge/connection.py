"""One HTTP/1.1 connection to a provider: writes a request, parses its answer, and says whether it may be used again.

    IDLE ──ask──► ASKED ──bytes──► HEAD ──head──► BODY ──end──► DONE ──release──► IDLE (on the shelf)
      ▲             │                │              │ release                       or closed
      │             │ EOF, reset     │ EOF, junk    └──► LINGER ──end in time──► IDLE
      └─ any byte   ▼                ▼ BadResponse       (discards the rest)
         or EOF:   Connect: the provider has
         closed    said nothing at all

Pulled, never pushed: the connection holds what has come until somebody takes it, and holds the peer back when that is
much. It knows nothing of its user, so that whoever drops an answer also frees it. A failure is kept as a value and
raised by who waits; the future only wakes, hence nothing is lost when the waiter is cancelled in the same turn.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import suppress
from math import inf
from threading import get_ident
from typing import Protocol

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from outlast.edge.bounds import Bounds
from outlast.edge.fields import keep, keep_alive_seconds
from outlast.edge.parting import ended_cleanly, last_words
from outlast.edge.process import Process
from outlast.edge.stage import Stage
from outlast.edge.sweeper import Sweeper
from outlast.edge.upload import PIECE, Upload
from outlast.model.errors import BadResponse, Connect, Failure, TimedOut

IDLE, ASKED, HEAD, BODY, DONE, LINGER, GONE = Stage  # globals: looked up several times per packet
VERSIONS = frozenset({"1.0", "1.1"})
HELLO = b"HTTP/"
"""How every answer begins; the parser would also take those of Icecast and RTSP."""
BODILESS = frozenset({204, 205, 304})


class Home(Protocol):
    """Where connections live while nobody uses them."""

    def opened(self, connection: Connection) -> None:
        """There is one more."""

    def put(self, connection: Connection, seconds: float) -> None:
        """It may be used again within so many seconds."""

    def closed(self, connection: Connection) -> None:
        """It is gone for good."""


class _Halt(Exception):  # noqa: N818  (control flow inside the parser's callbacks, never seen outside)
    """Stops the parser."""


class Connection(asyncio.Protocol):
    """A connection and the one answer that is under way on it. Implements `Timed`."""

    __slots__ = (
        "_babbled",
        "_bounds",
        "_chunks",
        "_clean_end",
        "_failure",
        "_framed",
        "_head_bytes",
        "_headers",
        "_home",
        "_idle_seconds",
        "_interim",
        "_keep",
        "_loop",
        "_parser",
        "_paused",
        "_pid",
        "_quiet_bytes",
        "_size",
        "_socket",
        "_sweeper",
        "_thread",
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

    def __init__(
        self, home: Home, sweeper: Sweeper, bounds: Bounds, loop: asyncio.AbstractEventLoop, sock: socket.socket
    ) -> None:
        self._home = home
        self._sweeper = sweeper
        self._bounds = bounds
        self._loop = loop
        self._socket = sock
        self._thread = get_ident()
        self._pid = Process.pid
        self._parser: HttpResponseParser | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._failure: Failure | None = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._paused = False
        self._upload: Upload | None = None
        self._clean_end = False
        self._idle_seconds = bounds.idle
        self.due = inf
        self.stage: Stage = IDLE
        self._babbled = False
        self._start()

    def _start(self) -> None:
        self.status = 0
        self.fields: dict[bytes, bytes] = {}
        self._keep = False
        self._framed = False
        self._head_bytes = 0
        self._headers = 0
        self._interim = 0
        self._quiet_bytes = 0
        self._unsaid = HELLO

    # ── what the user of the connection does ──

    def now(self) -> float:
        """The clock by which deadlines are kept."""
        return self._sweeper.now()

    def ask(self, head: bytes, body: bytes, due: float) -> asyncio.Future[None]:
        """Send a request. The future is done when the head of the answer is in, or will never be: see `stage`."""
        self._start()
        self.stage = ASKED
        waiter = self._wait(due)
        if self._transport.is_closing():
            self._fail(self._too_early())
        else:
            self._write(head, body)
        return waiter

    def confirm(self) -> None:
        """Raises the failure, unless the head is in."""
        if not self.status:
            raise self.failure()

    def take(self) -> bytes:
        """The bytes of the body that have come and were not yet taken."""
        chunks = self._chunks
        if not chunks:
            return b""
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self._size = 0
        if self._paused:
            self._resume()
        return data

    def arrival(self, due: float) -> asyncio.Future[None]:
        """A future that is done when there is something to take, or the answer has ended, well or not."""
        return self._wait(due)

    def failure(self) -> Failure:
        """Why it broke. Given out once, since an exception that is kept is a cycle with its own traceback."""
        failure, self._failure = self._failure, None
        return failure or BadResponse("the connection is closed")

    def release(self) -> None:
        """The user needs no more of the answer: keep the connection if it is clean, or will soon be."""
        self._forget_chunks()
        if self.stage is DONE:
            self._settle()
        elif self.stage is BODY and self._keep and self._uploaded():
            self.stage = LINGER
            self._waiter = None
            self._sweeper.watch(self, self._sweeper.now() + self._bounds.linger)
            if self._paused:
                self._resume()
        else:
            self.abort()

    def abort(self) -> None:
        """Close at once. Safe at any time, from any thread."""
        if self._thread == get_ident():
            self._close()
        else:
            with suppress(RuntimeError):  # the loop is closed, and so is the connection
                self._loop.call_soon_threadsafe(self._close)

    def expire(self) -> None:
        """Its time is up: whoever waits gets `TimedOut`; one that is idle or lingers is closed."""
        if self.stage in {ASKED, HEAD}:
            self._fail(TimedOut("no head of an answer within the limit", phase="head"))
        elif self.stage is BODY:
            self._fail(TimedOut("the answer did not go on within the limit", phase="read"))
        else:
            self._close()

    @property
    def usable(self) -> bool:
        """May another request be sent?"""
        return self.stage is IDLE and not self._transport.is_closing()

    # ── what the transport says ──

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The bare transport stands."""
        self._transport = transport  # type: ignore[assignment]
        self._parser = HttpResponseParser(self)
        self._home.opened(self)

    def unspoken(self) -> None:
        """Raises `Connect` or `OSError` if the peer spoke or left before TLS began."""
        if self._babbled:
            raise Connect("the peer speaks before TLS does: another protocol", again="never")
        if self._transport.is_closing():
            raise ConnectionResetError(errno.ECONNRESET, "closed before the handshake")

    def secured(self, transport: asyncio.Transport) -> None:
        """TLS stands; from now on it is spoken through this transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer; what nobody asked for ends the connection."""
        stage = self.stage
        if stage is ASKED:
            self.stage = HEAD
        elif stage in {IDLE, DONE, GONE}:
            self._babbled = True
            self._keep = False
            self._transport.abort()
            return
        if self._unsaid and not self._greets(data):
            self._fail(BadResponse("the answer is not HTTP/1.1"))
            return
        self._quiet_bytes += len(data)
        self._parse(data)
        if self._quiet_bytes > self._bounds.head and self.stage in {HEAD, BODY, LINGER}:
            self._fail(BadResponse("the answer has an endless head, chunk header or trailer"))

    def eof_received(self) -> None:
        """The peer has said all; over TLS it may also have been cut, which only TLS itself can tell."""
        self._clean_end = ended_cleanly(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The end. What it means depends on how far the answer was."""
        if exc is not None and ASKED <= self.stage <= BODY:
            for data in last_words(self._transport, self._socket):
                self.data_received(data)
        stage = self.stage
        if stage is ASKED:
            self._fail(Connect("the connection was closed before an answer"))
        elif stage is HEAD:
            self._fail(BadResponse("the connection was closed within the head of the answer"))
        elif stage is BODY and (self._framed or exc is not None or not self._clean_end):
            self._fail(BadResponse("the connection was closed within the answer"))
        elif stage is BODY:
            self._done()
        elif stage is not DONE:  # one that is done keeps what was not yet taken
            self._close()
        self._parser = None  # the two refer to each other
        self._home.closed(self)

    def pause_writing(self) -> None:
        """The peer takes no more just now."""
        if self._upload is not None:
            self._upload.choked = True

    def resume_writing(self) -> None:
        """The peer takes more."""
        if self._upload is not None:
            self._upload.choked = False
            self._upload.go_on()

    # ── what the parser says ──

    def on_message_begin(self) -> None:
        """An answer begins: the one we wait for, or one that nobody asked for."""
        if self.stage is not HEAD:
            raise _Halt

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which is of no interest."""
        if self.stage is not HEAD:
            return
        self._headers += 1
        self._head_bytes += len(name) + len(value)
        if self._headers > self._bounds.headers or self._head_bytes > self._bounds.head:
            self._refuse("the head of the answer is too large")
        keep(self.fields, name, value)

    def on_headers_complete(self) -> None:
        """The head is in; an interim one (1xx) is skipped."""
        parser = self._parser
        if parser is None or self.stage is not HEAD:
            raise _Halt
        status = parser.get_status_code()
        if parser.get_http_version() not in VERSIONS or not 100 <= status <= 999 or status == 101:
            self._refuse("the answer is not HTTP/1.1")
        if status < 200:
            self._skip_interim()
            return
        self._keep = parser.should_keep_alive()
        self._check_framing(status)
        self.status = status
        self._quiet_bytes = 0
        self.stage = BODY
        if status >= 300 and not self._uploaded():
            self._upload = None  # its mind is made up: the rest of the body is not wanted
            self._keep = False
        self._wake()
        if status == 205:
            self._keep = False
            self._done()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._quiet_bytes = 0
        if self.stage is not BODY:
            return
        self._chunks.append(body)
        self._size += len(body)
        if self._size > self._bounds.unread and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        """The end of the answer, or of an interim one."""
        if self.stage is BODY:
            self._done()
        elif self.stage is LINGER:
            self.stage = DONE
            self._settle()

    # ── inside ──

    def _too_early(self) -> Failure:
        if self._babbled:
            return BadResponse("the peer spoke before it was asked: another protocol")
        return Connect("the connection was closed before the request was sent")

    def _wait(self, due: float) -> asyncio.Future[None]:
        self._sweeper.watch(self, due)
        self._waiter = waiter = self._loop.create_future()
        return waiter

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            self.due = inf
            if not waiter.done():
                waiter.set_result(None)

    def _greets(self, data: bytes) -> bool:
        """Does the answer begin as it must, as far as it has come?"""
        rest = self._unsaid
        self._unsaid = rest[len(data) :]
        return data.startswith(rest) or rest.startswith(data)

    def _parse(self, data: bytes) -> None:
        parser = self._parser
        if parser is None:
            return
        try:
            parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            if self.stage in {HEAD, BODY, LINGER}:
                self._fail(BadResponse("the answer is not valid HTTP/1.1"))
            else:  # the answer was complete; more than that came
                self._keep = False
                self._transport.abort()

    def _refuse(self, message: str) -> None:
        self._fail(BadResponse(message))
        raise _Halt

    def _skip_interim(self) -> None:
        self._interim += 1
        if self._interim > self._bounds.interim:
            self._refuse("the provider sends one interim answer after the other")
        self.fields = {}

    def _check_framing(self, status: int) -> None:
        coding = self.fields.get(b"transfer-encoding")
        if coding is not None and coding.lower() != b"chunked":
            self._refuse("the answer has an unknown transfer encoding")
        self._framed = coding is not None or b"content-length" in self.fields or status in BODILESS
        self._idle_seconds = keep_alive_seconds(self.fields, self._bounds.idle)

    def _done(self) -> None:
        self.stage = DONE
        self.due = inf
        self._wake()

    def _settle(self) -> None:
        """After an answer: back to the shelf, or closed."""
        if not self._keep or not self._uploaded() or self._idle_seconds <= 0 or self._transport.is_closing():
            self._close()
            return
        if self._paused:
            self._resume()
        self.stage = IDLE
        self.fields = {}
        self._upload = None
        self._home.put(self, self._idle_seconds)

    def _fail(self, failure: Failure) -> None:
        self._failure = failure
        self.stage = GONE
        self._wake()
        self._drop()

    def _close(self) -> None:
        self._forget_chunks()
        self.stage = GONE
        self._wake()
        self._drop()

    def _drop(self) -> None:
        self.due = inf
        self._upload = None
        if self._pid == Process.pid and not self._loop.is_closed():  # a fork shares socket and selector with its parent
            self._transport.abort()

    def _forget_chunks(self) -> None:
        self._chunks.clear()
        self._size = 0

    def _resume(self) -> None:
        self._paused = False
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _write(self, head: bytes, body: bytes) -> None:
        if len(body) <= PIECE:
            self._transport.write(head + body)
            return
        self._upload = Upload(self._transport, memoryview(body)[PIECE:])
        self._transport.write(head + body[:PIECE])
        self._upload.go_on()

    def _uploaded(self) -> bool:
        return self._upload is None or not self._upload.left
