"""One HTTP/1.1 connection to a provider: writes a request, listens to its answer, and says whether it may serve again.

    IDLE ──ask──► ASKED ──bytes──► HEAD ──head──► BODY ──end──► DONE ──release──► IDLE (on the shelf)
      ▲             │                │              │ release                       or closed
      │             │ EOF, reset     │ EOF, junk    └──► LINGER ──end in time──► IDLE
      └─ any byte   ▼                ▼ BadResponse       (discards the rest)
         or EOF:   Connect: the provider has
         closed    said nothing at all

Pulled, never pushed: the connection holds what has come until somebody takes it, and holds the peer back when that is
much. It knows nothing of its user, so that whoever drops an answer also frees it.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import suppress
from threading import get_ident
from typing import NoReturn, Protocol

from httptools import HttpResponseParser

from outlast.edge.bounds import Bounds
from outlast.edge.feeding import Feeding
from outlast.edge.fields import keep_alive_seconds
from outlast.edge.listening import Listening
from outlast.edge.parting import ended_cleanly, last_words
from outlast.edge.stage import Stage
from outlast.edge.sweeper import Sweeper
from outlast.edge.upload import PIECE, Upload, Uploading
from outlast.model.errors import BadResponse, Connect, Failure, TimedOut

KEEP_ALIVE = b"keep-alive"
IDLE, ASKED, HEAD, BODY, DONE, LINGER, GONE = Stage  # globals: looked up several times per packet


class Home(Protocol):
    """Where connections live while nobody uses them."""

    def opened(self, connection: Connection) -> None:
        """There is one more."""

    def put(self, connection: Connection, seconds: float) -> None:
        """It may be used again within so many seconds."""

    def closed(self, connection: Connection) -> None:
        """It is gone for good."""


class Connection(Listening):
    """A connection and the one answer that is under way on it. Implements `Timed`.

    Attributes:
        now: the clock by which deadlines are kept.
    """

    __slots__ = ("_clean_end", "_home", "_socket", "_sweeper", "_thread", "now")

    def __init__(
        self, home: Home, sweeper: Sweeper, bounds: Bounds, loop: asyncio.AbstractEventLoop, sock: socket.socket
    ) -> None:
        super().__init__(bounds, loop)
        self._home = home
        self._sweeper = sweeper
        self.now = sweeper.now
        self._socket = sock
        self._thread = get_ident()
        self._clean_end = False

    # ── what the user of the connection does ──

    def ask(self, head: bytes, body: bytes, due: float, *, patient: bool = False) -> asyncio.Future[None]:
        """Send a request. The future is done when the head of the answer is in, or will never be: then `status` is 0.

        Who is patient is told at the end of the answer, or when much of it is there.
        """
        self.stage = ASKED
        self.status = self._headers = self._interim = self._quiet_bytes = 0
        self.fields = {}
        self._patient = patient
        self._sweeper.watch(self, due)
        self._waiter = waiter = self._loop.create_future()
        if self._transport.is_closing():
            self._fail(self._too_early())
        elif len(body) <= PIECE:
            self._transport.write(head + body)
        else:
            self._upload_all(head, body)
        return waiter

    def feed(self, feeding: Feeding) -> None:
        """The body of what was asked comes from there."""
        self._upload = feeding

    @property
    def listens(self) -> bool:
        """Is it there, and has the provider said nothing yet?"""
        return (self.stage is ASKED or self.stage is HEAD) and not self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Send some of the body."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def give_up(self, failure: Failure) -> None:
        """Close, and tell whoever waits for the answer why."""
        if self.stage is ASKED or self.stage is HEAD:
            self._fail(failure)

    def forgo(self) -> None:
        """The provider has answered: the rest of the body is not wanted, and nothing can follow on half of one."""
        if self._upload is not None:
            self._upload = None
            self._keep = False

    def arrival(self, due: float, *, patient: bool) -> asyncio.Future[None]:
        """A future that is done when there is something to take, or the answer has ended, well or not."""
        self._sweeper.watch(self, due)
        self._patient = patient
        self._waiter = waiter = self._loop.create_future()
        return waiter

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

    def lighten(self) -> None:
        """Keep of the head only what is needed at the end of the answer."""
        hint = self.fields.get(KEEP_ALIVE)
        self.fields = {} if hint is None else {KEEP_ALIVE: hint}

    def raise_failure(self) -> NoReturn:
        """Raises why it broke. Given out once, since an exception that is kept is a cycle with its own traceback."""
        failure, self._failure = self._failure, None
        try:
            raise failure or BadResponse("the connection is closed")
        finally:
            del failure

    def release(self) -> None:
        """The user needs no more of the answer: keep the connection if it is clean, or will soon be."""
        if self._chunks:
            self._forget_chunks()
        if self.stage is DONE:
            self._settle()
        elif self.stage is BODY and self._keep and self._upload is None:
            self.stage = LINGER
            self._waiter = None
            self._sweeper.watch(self, self.now() + self._bounds.linger)
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
        if self.stage is ASKED or self.stage is HEAD:
            self._fail(TimedOut("no head of an answer within the limit", phase="head"))
        elif self.stage is BODY:
            self._fail(TimedOut("the answer did not go on within the limit", phase="read"))
        else:
            self._close()

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

    def eof_received(self) -> None:
        """The peer has said all; over TLS it may also have been cut, which only TLS itself can tell."""
        self._clean_end = ended_cleanly(self._transport)
        if self.stage is IDLE:
            self.stage = GONE

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
            self.stage = DONE
            self._wake()
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
            self._go_on(self._upload)

    # ── inside ──

    def _too_early(self) -> Failure:
        if self._babbled:
            return BadResponse("the peer spoke before it was asked: another protocol")
        return Connect("the connection was closed before the request was sent")

    def _settle(self) -> None:
        """After an answer: back to the shelf, or closed."""
        hint = self.fields.get(KEEP_ALIVE)
        seconds = self._bounds.idle if hint is None else keep_alive_seconds(hint, self._bounds.idle)
        if not self._keep or self._upload is not None or seconds <= 0 or self._transport.is_closing():
            self._close()
            return
        if self._paused:
            self._resume()
        self.stage = IDLE
        self.fields = {}
        self._upload = None
        self._home.put(self, seconds)

    def _close(self) -> None:
        self._forget_chunks()
        self.stage = GONE
        self._wake()
        self._drop()

    def _forget_chunks(self) -> None:
        self._chunks.clear()
        self._size = 0

    def _resume(self) -> None:
        self._paused = False
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _upload_all(self, head: bytes, body: bytes) -> None:
        self._upload = upload = Upload(self._transport, memoryview(body)[PIECE:])
        self._transport.write(head + body[:PIECE])
        self._go_on(upload)

    def _go_on(self, upload: Uploading) -> None:
        upload.go_on()
        if not upload.left:
            self._upload = None
