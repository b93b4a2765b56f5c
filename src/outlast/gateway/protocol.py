"""One connection from a caller, in HTTP/1.1: its requests in their order, time limits, and a good end.

    bytes ──▶ Reading ──▶ Turn, Turn, …   their heads are in, in the order they came
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

from uvicorn.config import Config
from uvicorn.server import ServerState

from outlast.gateway.app import App
from outlast.gateway.exchange import Inbound
from outlast.gateway.parting import Parting
from outlast.gateway.reading import Reading
from outlast.gateway.turn import Turn
from outlast.model.errors import Caller, Failure

HEAD_TIMEOUT = 20.0
"""Seconds for the head of a request, from its connection or its first byte on."""
KEEP_ALIVE = 75.0
"""Seconds after which a connection without a request is closed."""
MOST_AHEAD = 16
"""Requests that a connection may send ahead while we go on reading, so as to notice when the caller leaves."""
TOO_SLOW = Caller("the head of the request did not come in time", status=408)


class Protocol(asyncio.Protocol):
    """One connection. The application must be our `App`, without anything around it.

    Attributes:
        gone: nothing more is said here: the caller has left, was cut off, or was no caller.
        paused: the caller has not taken what it was sent.
        opening: makes the heads of answers.
    """

    __slots__ = (
        "_app",
        "_drain",
        "_held",
        "_idle",
        "_loop",
        "_quiet",
        "_quiet_since",
        "_reading",
        "_slow",
        "_state",
        "_task",
        "_turn",
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
        self._reading = Reading(self)
        self._waiting: list[Turn] = []
        self._turn: Turn | None = None
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
        self._reading.close()

    def shutdown(self) -> None:
        """The server stops: end the connection, once what has been asked is answered."""
        latest = self._reading.latest
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
        self.transport.close(whole=self._reading.whole)

    # -- reading -----------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request; after our last word they are thrown away."""
        if self.transport.parted:
            return
        refusal = self._reading.feed(data)
        if refusal is not None:
            self._refuse(refusal)
        elif self._reading.in_head and self._slow is None:
            self._slow = self._loop.call_later(HEAD_TIMEOUT, self._too_slow)

    def _too_slow(self) -> None:
        self._slow = None
        if self._reading.in_head:
            self._refuse(TOO_SLOW)
        else:
            self._close()

    def hold(self) -> None:
        """Take no more from the caller until the next turn begins."""
        if not self._held:
            self._held = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Take what the caller sends."""
        if self._held:
            self._held = False
            self.transport.resume_reading()

    def lighten(self) -> None:
        """A stream has begun: keep no more for reading than is needed."""
        self._reading.lighten()

    def begin(self, inbound: Inbound, *, keep_alive: bool) -> Turn:
        """Let a request wait for its turn, which comes at once unless another one is being answered."""
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None
        crowded = len(self._state.connections) > self._app.most_connections
        turn = Turn(inbound, self, keep_alive=keep_alive, crowded=crowded)
        self._waiting.append(turn)
        if self._idle is not None:
            self._wake(self._idle)
        elif self._task is None:
            self._task = task = self._loop.create_task(self._serve())
            self._state.tasks.add(task)
            task.add_done_callback(self._state.tasks.discard)
        elif len(self._waiting) > MOST_AHEAD:
            self.hold()
        return turn

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
        if self._turn is not None or self._waiting or self._reading.in_head:
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

    def _refuse(self, failure: Failure) -> None:
        """Refuse what is no request, and close; what stands before it on the connection is not answered either."""
        if self.transport.is_closing():
            return
        turn = self._turn
        self._left()
        if turn is not None and turn.started and not turn.complete:
            self.transport.abort()  # an answer is under way: nothing may be written into it
            return
        out = self._app.refused(self._reading.path, self._reading.headers, failure)
        self.transport.write(self.opening.head(out, chunked=False, close=True) + out.body)
        self.transport.close(whole=False)  # whatever follows is read by nobody
