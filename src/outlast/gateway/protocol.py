"""One connection from a caller, in HTTP/1.1: heads within bounds, errors in the vendor's words, and a good end.

    bytes ──▶ parser ──▶ Turn, Turn, …   their heads are in, in the order they came
                           │
              one task ────┴──▶ app.serve(turn): its body, then its answer; then the next one

A caller who has closed its half counts as having left: the request that is being answered is cancelled, and those that
wait behind it are forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import cast
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.server import ServerState

from outlast.gateway.app import App, request_id
from outlast.gateway.exchange import Inbound
from outlast.gateway.parting import Parting
from outlast.gateway.routes import ENDPOINTS, PLAIN
from outlast.gateway.turn import Turn
from outlast.model.errors import Caller, Failure

MAX_HEAD = 64 * 1024
MAX_HEADERS = 200
HEAD_TIMEOUT = 20.0
"""Seconds for the head of a request, from its connection or its first byte on."""
KEEP_ALIVE = 75.0
"""Seconds after which a connection without a request is closed."""
MOST_AHEAD = 16
"""Requests that a connection may send ahead while we go on reading, so as to notice when the caller leaves."""
MOST_UNREAD = 64 * 1024
"""Bytes of a body that are taken before its turn has come."""
NOT_HTTP = Caller("this is not a valid HTTP/1.1 request")
TOO_LARGE = Caller("the head of the request is too large", status=431)
VERSIONS = frozenset({"1.0", "1.1"})
OFFERS = frozenset({b"connection", b"upgrade", b"http2-settings"})
"""Headers by which a caller offers to go on in another protocol."""
PATHS = {path.encode(): path for path in (*ENDPOINTS, *PLAIN)}
"""Those that need no parsing."""


class HeadTooLarge(Exception):  # noqa: N818  (parser callbacks tell their verdict by raising)
    """The request line and headers are more than we take."""


class NoHttp(Exception):  # noqa: N818
    """A request in a version of HTTP that nobody speaks any more, or not here."""


class Protocol(asyncio.Protocol):
    """One connection. The application must be our `App`, without anything around it.

    Attributes:
        gone: nothing more is said here: the caller has left, was cut off, or was no caller.
        paused: the caller has not taken what it was sent.
        opening: makes the heads of answers.
    """

    __slots__ = (
        "_app",
        "_cut",
        "_drain",
        "_headers",
        "_held",
        "_idle",
        "_in_head",
        "_latest",
        "_loop",
        "_parser",
        "_quiet",
        "_quiet_since",
        "_read",
        "_refusal",
        "_slow",
        "_state",
        "_task",
        "_turn",
        "_unseen",
        "_url",
        "_waiting",
        "gone",
        "opening",
        "paused",
        "transport",
        "write",
    )

    transport: Parting
    write: Callable[[bytes], None]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],  # noqa: ARG002  (the server gives it)
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._app = cast("App", config.app)
        self._state = server_state
        self._loop = _loop or asyncio.get_running_loop()
        self._parser: httptools.HttpRequestParser | None = self._new_parser()
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._in_head = False
        self._read = 0
        self._cut = False
        self._unseen = 0
        self._refusal: Failure = NOT_HTTP
        self._waiting: list[Turn] = []
        self._turn: Turn | None = None
        self._latest: Turn | None = None
        self._task: asyncio.Task[None] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._drain: asyncio.Future[None] | None = None
        self._slow: asyncio.TimerHandle | None = None
        self._quiet: asyncio.TimerHandle | None = None
        self._quiet_since = 0.0
        self._held = False
        self.gone = False
        self.paused = False
        self.opening = self._app.opening

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        parser.set_dangerous_leniencies(lenient_data_after_close=True)  # what comes after our last word is not read
        return parser

    # -- the connection ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller has connected."""
        self._state.connections.add(self)  # type: ignore[arg-type]  # the server asks no more of it than `shutdown`
        self.transport = Parting(cast("asyncio.Transport", transport), self._loop, self._app.write_timeout)
        self.write = self.transport.write
        self._slow = self._loop.call_later(HEAD_TIMEOUT, self._too_slow)

    def eof_received(self) -> None:
        """The caller has closed its half, which cannot be told from leaving."""
        self._left()
        self.transport.bound_flushing()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (it is gone, for whatever reason)
        """The caller has gone."""
        self._state.connections.discard(self)
        self.transport.gone()
        self._left()
        for timer in (self._slow, self._quiet):
            if timer is not None:
                timer.cancel()
        self._slow = self._quiet = None
        self._latest = self._parser = None  # both know us, and would be freed by no count

    def shutdown(self) -> None:
        """The server stops: end the connection, once what has been asked is answered."""
        latest = self._latest
        if latest is None or latest.complete:
            self._close()
        else:
            latest.keep_alive = False

    def cut_off(self) -> None:
        """End the connection at once."""
        self._forget()
        self.transport.abort()

    def _left(self) -> None:
        """End every request of this connection, not only the latest."""
        self._forget()
        if self._turn is not None:
            self._turn.leave()

    def _forget(self) -> None:
        """Answer nothing more."""
        self.gone = True
        self._waiting.clear()
        if self._idle is not None:
            self._wake(self._idle)

    def _close(self) -> None:
        latest = self._latest
        self.transport.close(whole=not self._in_head and (latest is None or latest.whole))

    # -- reading -----------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request; after our last word they are thrown away."""
        if self.transport.parted or self._parser is None:
            return
        self._read = len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._pass_over(self._parser.get_method(), data[offer.args[0] :])
        except httptools.HttpParserError:
            self._refuse()
        if self._in_head:
            self._wait_for_head()

    def _pass_over(self, method: bytes, rest: bytes) -> None:
        """The caller offers another protocol and the parser gives up: read the request again, without the offer."""
        if method == b"CONNECT":
            self._refusal = Caller("this is no proxy", status=405)
            self._refuse()
            return
        lines = b"".join(b"%b: %b\r\n" % header for header in self._headers if header[0] not in OFFERS)
        self._parser = self._new_parser()
        self.data_received(b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method, self._url, lines, rest))

    def _wait_for_head(self) -> None:
        """The read is over and the head is not in yet."""
        if self.transport.parted:
            return
        if self._cut:  # one endless header: the parser tells of it only at its end
            self._unseen += self._read
        self._cut = True
        if self._slow is None:
            self._slow = self._loop.call_later(HEAD_TIMEOUT, self._too_slow)
        if self._unseen > MAX_HEAD or self._head_size() > MAX_HEAD:
            self._refusal = TOO_LARGE
            self._refuse()

    def _too_slow(self) -> None:
        self._slow = None
        if self._in_head:
            self._refusal = Caller("the head of the request did not come in time", status=408)
            self._refuse()
        else:
            self._close()

    def _hold(self) -> None:
        """Take no more from the caller until the next turn begins."""
        if not self._held:
            self._held = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Take what the caller sends."""
        if self._held:
            self._held = False
            self.transport.resume_reading()

    # -- the parser's callbacks --------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins."""
        self._url = b""
        self._headers = []
        self._in_head = True
        self._cut = False
        self._unseen = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the request line."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        headers = self._headers
        if len(headers) >= MAX_HEADERS:
            self._refusal = TOO_LARGE
            raise HeadTooLarge
        headers.append((name.lower(), value))

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
        self._in_head = False
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None
        self._begin(parser.get_method().decode("ascii"), version != "1.0" and parser.should_keep_alive())

    def _begin(self, method: str, keep_alive: bool) -> None:
        """Let a request wait for its turn, which comes at once unless another one is being answered."""
        headers = dict(self._headers)
        path = PATHS.get(self._url) or _path(self._url)
        self._latest = turn = Turn(
            Inbound(method, path, headers, b"", request_id(headers)),
            self,
            keep_alive=keep_alive,
            expects=b"expect" in headers and headers[b"expect"].lower() == b"100-continue",
            crowded=len(self._state.connections) > self._app.most_connections,
        )
        self._waiting.append(turn)
        if self._idle is not None:
            self._wake(self._idle)
        elif self._task is None:
            self._task = task = self._loop.create_task(self._serve())
            self._state.tasks.add(task)
            task.add_done_callback(self._state.tasks.discard)
        elif len(self._waiting) > MOST_AHEAD:
            self._hold()

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        turn = self._latest
        if turn is None or turn.complete:
            return
        turn.take(body)
        if turn is self._turn:
            turn.look()
        elif turn.size > MOST_UNREAD:
            self._hold()

    def on_message_complete(self) -> None:
        """The body is whole."""
        turn = self._latest
        if turn is None or self._in_head:
            return
        turn.taken()
        if turn is self._turn:
            turn.look()

    def _head_size(self) -> int:
        return len(self._url) + sum(len(name) + len(value) for name, value in self._headers)

    # -- answering ---------------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        """Answer one request after the other."""
        try:
            while not self.gone:
                if self._waiting:
                    self._turn = turn = self._waiting.pop(0)
                    turn.task = self._task
                    if self._held:
                        self.resume_reading()
                    await self._app.serve(turn)
                    self._turn = None
                    if not turn.complete and not self.gone:  # nothing can follow on half an answer
                        self.cut_off()
                else:
                    self._idle = self._loop.create_future()
                    await self._idle
                    self._idle = None
        finally:
            self._turn = self._task = None
            if not self.gone:  # somebody has cancelled the task
                self.cut_off()

    def answered(self, turn: Turn) -> None:
        """The answer is out: the next one may be asked for, or the connection ends."""
        if not turn.keep_alive:
            self._close()
            return
        self._quiet_since = self._loop.time()
        if self._quiet is None:
            self._quiet = self._loop.call_later(KEEP_ALIVE, self._look_for_quiet)

    def _look_for_quiet(self) -> None:
        """Close a connection on which nothing has been asked for long; one timer serves for many requests."""
        self._quiet = None
        if self._turn is not None or self._waiting or self._in_head:
            return
        left = self._quiet_since + KEEP_ALIVE - self._loop.time()
        if left > 0:
            self._quiet = self._loop.call_later(left, self._look_for_quiet)
        else:
            self._close()

    def pause_writing(self) -> None:
        """The caller does not take what it is sent."""
        self.paused = True

    def resume_writing(self) -> None:
        """It has taken most of it."""
        self.paused = False
        if self._drain is not None:
            self._wake(self._drain)

    async def drained(self, turn: Turn) -> None:
        """Wait until the caller has taken most of what was sent; in time, or `turn` expires."""
        self._app.be_patient(turn)
        self._drain = self._loop.create_future()
        try:
            await self._drain
        finally:
            self._drain = None
            turn.due = inf

    @staticmethod
    def _wake(waiter: asyncio.Future[None]) -> None:
        if not waiter.done():
            waiter.set_result(None)

    # -- refusing ----------------------------------------------------------------------------------------------

    def _refuse(self) -> None:
        """Refuse what is no request, and close; what stands before it on the connection is not answered either."""
        if self.transport.is_closing():
            return
        turn = self._turn
        if turn is not None and turn.started and not turn.complete:
            self._left()  # an answer is under way: nothing may be written into it
            self.transport.abort()
            return
        self._left()
        path = self._url.partition(b"?")[0].decode("latin-1")
        out = self._app.refused(path, dict(self._headers), self._refusal)
        self.transport.write(self.opening.head(out, chunked=False, close=True) + out.body)
        self._in_head = True  # whatever follows on this connection is read by nobody
        self._close()


def _path(url: bytes) -> str:
    """The path of a request line, unescaped. Raises what the parser then tells as an error."""
    path = httptools.parse_url(url).path.decode("ascii")
    return unquote(path) if "%" in path else path
