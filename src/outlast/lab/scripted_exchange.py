"""One upstream request in virtual time: the steps of a behaviour, as bytes, through a real HTTP parser.

    steps ──Framer──> bytes ──httptools──> head, pieces of body, end ──> read() / whole()
      └── pauses are timers of the loop, ends of the connection are the failures that the real edge raises

The steps go on while nobody reads, until so much is unread that a real peer would be held back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from math import inf
from typing import Literal, NoReturn

import httptools

from outlast.edge.decoding import Decoder, decoder_for
from outlast.lab.answer import Json
from outlast.lab.steps import Body, End, Fin, Framer, Head, Pause, Raw, Rst, Silence, Step, Unreachable
from outlast.model.errors import BadResponse, Connect, Failure, TimedOut

_HELLO = b"HTTP/1."
_UNREAD = 65_536
# The real edge's usual bounds.
_MOST_HEAD = 65_536
_MOST_HEADERS = 200
_MOST_INTERIM = 16
_INFLATION = 200
_UNREACHABLE = {"refused": "the connection was refused", "dns": "the name cannot be resolved", "tls": "TLS failed"}


class Sent:
    """One request that went out, and what became of it.

    Attributes:
        target: "provider/model".
        at: when it was sent.
        path, headers, body: as the dialect wrote them; `json` is the body's meaning, {} when it is no object.
        behaviour: the name of what was played.
        status: of the answer; 0 when none came.
        over: "released", "aborted", "failed"; None while it is under way, or leaked.
        over_at: when.
    """

    __slots__ = ("at", "behaviour", "body", "headers", "json", "over", "over_at", "path", "status", "target")

    def __init__(
        self, target: str, at: float, path: bytes, headers: tuple[bytes, ...], body: bytes, json: Json, behaviour: str
    ) -> None:
        self.target = target
        self.at = at
        self.path = path
        self.headers = headers
        self.body = body
        self.json = json
        self.behaviour = behaviour
        self.status = 0
        self.over: Literal["released", "aborted", "failed"] | None = None
        self.over_at = inf

    def __repr__(self) -> str:
        return f"Sent(target={self.target!r}, at={self.at}, behaviour={self.behaviour!r}, over={self.over!r})"


class Unasked(Exception):  # noqa: N818  (parser callbacks tell their verdict by raising)
    """More came than the answer."""


class ScriptedExchange:
    """Implements `outlast.ports.Exchange`.

    Args:
        steps: what the provider does.
        sent: the record to keep.
        closed: called once, when it is released, aborted or has failed.
        counted: called before each read; what it raises ends the exchange.
    """

    def __init__(
        self,
        steps: Iterable[Step],
        sent: Sent,
        closed: Callable[[ScriptedExchange], None],
        counted: Callable[[], None] = lambda: None,
    ) -> None:
        self.status = 0
        self.sent = sent
        self._loop = asyncio.get_running_loop()
        first, self._steps = _peeked(steps)
        self._closed = closed
        self._counted = counted
        self._framer = Framer()
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._pieces: deque[bytes] = deque()
        self._unread = 0
        self._complete = False
        self._error: Failure | None = None
        self._reader: asyncio.Future[None] | None = None
        self._connected = not isinstance(first, Unreachable)
        self._begun = False
        self._decoder: Decoder | None = None
        self._head_lines = self._head_bytes = self._interim = 0
        self._held = False
        self._timer: asyncio.Handle | None = self._loop.call_soon(self._advance)

    # what the core sees

    def header(self, name: bytes) -> bytes | None:
        """The value of a header, by its lower-case name."""
        return self._headers.get(name)

    def lighten(self) -> None:
        """Nothing: the headers say here how the body ends."""

    @property
    def unread(self) -> int:
        """Bytes that wait for a reader."""
        return self._unread

    async def head(self, connect_due: float, due: float) -> None:
        """Waits for status and headers."""
        while not self.status:
            await self._something(due if self._connected else min(due, connect_due))

    async def read(self, due: float) -> bytes:
        """The next piece of the body; `b""` at its end."""
        try:
            self._counted()
        except Failure as error:
            self.fail(error)
            raise
        while not self._pieces:
            if self._complete:
                return b""
            await self._something(due)
        piece = self._pieces.popleft()
        self._unread -= len(piece)
        if self._held and self._unread < _UNREAD:
            self._held = False
            self._timer = self._loop.call_soon(self._advance)
        return piece

    async def whole(self, due: float) -> bytes:
        """The rest of the body."""
        pieces = []
        while piece := await self.read(due):
            pieces.append(piece)
        return b"".join(pieces)

    def release(self) -> None:
        """The answer is no longer needed."""
        self._over("released")

    def abort(self) -> None:
        """Give up."""
        self._over("aborted")

    def fail(self, error: Failure) -> None:
        """The connection is over, and whoever reads is told so when all that came before has been read."""
        if self._error is None and not self._complete:
            self._error = error
            self._over("failed")
            self._wake()

    # what the steps do

    def _advance(self) -> None:
        """Plays steps until one takes time, the connection ends, or the reader is too far behind."""
        self._timer = None
        for step in self._steps:
            if not self._play(step) or self.sent.over or self._complete:
                return
            if self._unread >= _UNREAD:
                self._held = True
                return

    def _play(self, step: Step) -> bool:
        """Does one step; False when nothing may follow at once."""
        match step:
            case Head() | Body() | End() | Raw():
                self._feed(self._framer.frame(step))
                return True
            case Pause(seconds):
                self._timer = self._loop.call_later(seconds, self._advance)
            case Silence():
                pass
            case Unreachable(how):
                if how in _UNREACHABLE:
                    self.fail(Connect(_UNREACHABLE[how], again="never" if how == "tls" else None))
            case Fin() | Rst():
                self._hang_up(reset=isinstance(step, Rst))
        return False

    def _feed(self, data: bytes) -> None:
        if not data:
            return  # the parser would take it for the end
        if not self._begun and not data.startswith(_HELLO[: len(data)]):
            self.fail(BadResponse("the answer is not HTTP"))
            return
        self._begun = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.fail(BadResponse("the answer is not HTTP"))

    def _hang_up(self, *, reset: bool) -> None:
        if not self._begun:
            self.fail(Connect("the connection was closed before an answer came"))
        elif not self.status:
            self.fail(BadResponse("the head of the answer was cut"))
        elif reset or b"content-length" in self._headers or b"transfer-encoding" in self._headers:
            self.fail(BadResponse("the answer was cut"))
        else:
            self._complete = True
            self._wake()

    # what the parser meets

    def on_message_begin(self) -> None:
        """An answer begins; nobody has asked for a second one."""
        if self._complete:
            raise Unasked

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; too many or too large ones are no answer."""
        self._head_lines += 1
        self._head_bytes += len(name) + len(value)
        if self._head_lines > _MOST_HEADERS or self._head_bytes > _MOST_HEAD:
            self.fail(BadResponse("the head of the answer is too large"))
        key = name.lower()
        self._headers[key] = self._headers[key] + b", " + value if key in self._headers else value

    def on_headers_complete(self) -> None:
        """The head is in; of an interim answer it does not count."""
        status = self._parser.get_status_code()
        coding = self._headers.get(b"transfer-encoding", b"chunked")
        if status == 101 or coding.lower() != b"chunked":
            self.fail(BadResponse("the answer is not HTTP/1.1 as we speak it"))
            return
        if status < 200:
            self._headers.clear()
            self._interim += 1
            if self._interim > _MOST_INTERIM:
                self.fail(BadResponse("the provider sends one interim answer after the other"))
            return
        try:
            self._decoder = decoder_for(self._headers.get(b"content-encoding"), _INFLATION)
        except BadResponse as error:
            self.fail(error)
        if self._error is None:
            self.status = self.sent.status = status
            self._wake()

    def on_body(self, data: bytes) -> None:
        """A piece of the body, which may be compressed."""
        if self._decoder is None:
            self._keep(data)
            return
        try:
            while made := self._decoder.decode(data):
                self._keep(made)
                data = b""
        except BadResponse as error:
            self.fail(error)

    def _keep(self, data: bytes) -> None:
        self._pieces.append(data)
        self._unread += len(data)
        self._wake()

    def on_message_complete(self) -> None:
        """The body is complete, unless it is compressed and cut."""
        try:
            if self._decoder is not None:
                self._decoder.end()
        except BadResponse as error:
            self.fail(error)
            return
        self._complete = self._complete or self.status > 0
        self._wake()

    # waiting and ending

    async def _something(self, due: float) -> None:
        """Waits until anything has changed; raises the failure that has happened before."""
        if self._error is not None:
            self._raise(self._error)
        if self.sent.over:
            raise BadResponse("the exchange is closed")
        self._reader = self._loop.create_future()
        timer = self._loop.call_at(due, self._expire) if due < inf else None
        try:
            await self._reader
        finally:
            self._reader = None
            if timer is not None:
                timer.cancel()

    def _raise(self, error: Failure) -> NoReturn:
        """Raises it, and keeps it no longer: an error holds the frames that hold the exchange."""
        self._error = None
        try:
            raise error
        finally:
            del error

    def _expire(self) -> None:
        phase = "connect" if not self._connected else "head" if not self.status else "read"
        self.fail(TimedOut(f"the provider sent nothing in time ({phase})", phase=phase))

    def _over(self, how: Literal["released", "aborted", "failed"]) -> None:
        if self.sent.over is not None:
            return
        self.sent.over, self.sent.over_at = how, self._loop.time()
        if self._timer is not None:
            self._timer.cancel()
        self._closed(self)
        del self._parser  # which knows our methods

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


def _peeked(steps: Iterable[Step]) -> tuple[Step | None, Iterator[Step]]:
    """The first step, and all of them."""
    rest = iter(steps)
    first = next(rest, None)
    return first, rest if first is None else chain([first], rest)
