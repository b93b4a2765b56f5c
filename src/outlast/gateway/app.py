"""The gateway as an ASGI application: bytes in, bytes out, and nothing left running when the caller has gone.

    receive ── body, bounded in size and time ──▶ Surface ──▶ send
       └── watcher: the caller has left ──▶ the handler is cancelled, the upstream connection closed

A caller who stops reading is cut off: uvicorn would wait for him for ever.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from outlast.build import Outlast
from outlast.gateway.exchange import Flowing, Inbound, Outbound
from outlast.gateway.routes import Surface
from outlast.model.errors import Caller, Failure, Internal
from outlast.model.events import Fault

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

WRITE_STALL = 60.0
"""Seconds after which a caller who does not read is cut off."""
ID_CHARACTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:")
LONGEST_ID = 128
CUT_OFF = "outlast.cut_off"
"""Where our own server puts, in the state of a request, what closes the caller's connection at once."""


class CallerGone(Exception):  # noqa: N818  (no error: the conversation is over)
    """The caller has left while it was still sending."""


class Conversation:
    """One request under way: what must be stopped when the caller leaves, stops reading, or we stop."""

    __slots__ = ("_cut_off", "due", "flow", "gone", "interrupted", "task")

    def __init__(self, task: asyncio.Task[Any], cut_off: Callable[[], None] | None) -> None:
        self.task = task
        self.flow: Flowing | None = None
        self.gone = False
        self.interrupted = ""
        self.due = float("inf")
        self._cut_off = cut_off

    def leave(self) -> None:
        """The caller has left."""
        self.gone = True
        self.task.cancel()

    def interrupt(self, why: str) -> None:
        """We stop before the answer is whole."""
        self.interrupted = why
        self.task.cancel()

    def expire(self) -> None:
        """The caller has not read for too long."""
        if self._cut_off is not None:
            self._cut_off()
        self.leave()


class App:
    """The ASGI application.

    Args:
        surface: answers requests.
        outlast: the engine, for its clock and its ear.
    """

    def __init__(self, surface: Surface, outlast: Outlast) -> None:
        self._surface = surface
        self._outlast = outlast
        self._io = outlast.io
        self._max_body = outlast.config.server.max_body
        self._body_timeout = outlast.config.server.body_timeout
        self._under_way: set[Conversation] = set()
        self._idle: asyncio.Future[None] | None = None

    async def idle(self, within: float) -> bool:
        """True when nothing is under way any more, False when that has not come about `within` so many seconds."""
        if not self._under_way:
            return True
        self._idle = asyncio.get_running_loop().create_future()
        done, _ = await asyncio.wait([self._idle], timeout=within)
        return bool(done)

    def interrupt_all(self, why: str) -> None:
        """End every answer that is under way, streams with an error event."""
        for conversation in list(self._under_way):
            conversation.interrupt(why)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the life of the application."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1003})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._outlast.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._outlast.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        inbound = Inbound(scope["method"], scope["path"], headers, b"", request_id(headers))
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("an ASGI application runs in a task")
        conversation = Conversation(task, scope.get("state", {}).get(CUT_OFF))
        self._under_way.add(conversation)
        watcher: asyncio.Task[None] | None = None
        try:
            problem = await self._read(inbound, receive)
            watcher = task.get_loop().create_task(self._watch(receive, conversation))
            out = self._surface.failed(inbound, problem) if problem else await self._answer(inbound)
            await self._send(out, send, conversation, close=problem is not None)
        except CallerGone:
            pass
        except asyncio.CancelledError:
            await self._cancelled(conversation, inbound, send, task)
        finally:
            self._under_way.discard(conversation)
            if self._idle is not None and not self._under_way and not self._idle.done():
                self._idle.set_result(None)
            conversation.due = float("inf")
            if watcher is not None:
                watcher.cancel()

    async def _answer(self, inbound: Inbound) -> Outbound:
        try:
            return await self._surface.answer(inbound)
        except Exception as fault:  # noqa: BLE001  (the caller gets an envelope, whatever went wrong here)
            self._io.emit(Fault("gateway", f"{type(fault).__name__}: {fault}"))
            return self._surface.failed(inbound, Internal("an internal error; it has been logged"))

    # -- receiving ---------------------------------------------------------------------------------------------

    async def _read(self, inbound: Inbound, receive: Receive) -> Failure | None:
        """Read the body into `inbound`; what is wrong with it, if anything is."""
        length = inbound.headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self._max_body:
            return self._too_large()
        coding = inbound.headers.get(b"content-encoding", b"identity").strip().lower()
        if coding not in {b"", b"identity"}:
            return Caller("request bodies are taken uncompressed only: send no content-encoding", status=415)
        message = await self._receive(receive)
        inbound.body = message.get("body", b"")
        if not message.get("more_body"):
            return None
        try:
            async with asyncio.timeout(self._body_timeout):
                return await self._rest(inbound, receive)
        except TimeoutError:
            return Caller(f"the body did not come within {self._body_timeout:g} s", status=408)

    async def _rest(self, inbound: Inbound, receive: Receive) -> Failure | None:
        pieces = [inbound.body]
        size = len(inbound.body)
        more = True
        while more:
            message = await self._receive(receive)
            piece = message.get("body", b"")
            size += len(piece)
            if size > self._max_body:
                return self._too_large()
            pieces.append(piece)
            more = message.get("more_body", False)
        inbound.body = b"".join(pieces)
        return None

    async def _receive(self, receive: Receive) -> Message:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerGone
        return message

    def _too_large(self) -> Failure:
        return Caller(f"the body is larger than {self._max_body} bytes", status=413)

    async def _watch(self, receive: Receive, conversation: Conversation) -> None:
        """Wait for the caller to leave."""
        while (await receive())["type"] != "http.disconnect":
            pass
        conversation.leave()

    # -- sending -----------------------------------------------------------------------------------------------

    async def _send(self, out: Outbound, send: Send, conversation: Conversation, *, close: bool) -> None:
        if close or self._surface.draining:
            out.headers.append((b"connection", b"close"))
        watch, now = self._io.watch, self._io.now
        watch(conversation, now() + WRITE_STALL)
        conversation.flow = flow = out.flow
        await send({"type": "http.response.start", "status": out.status, "headers": out.headers})
        if flow is None:
            await send({"type": "http.response.body", "body": out.body})
            return
        while True:
            watch(conversation, float("inf"))
            piece = await flow.next()
            if piece is None:
                break
            watch(conversation, now() + WRITE_STALL)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _cancelled(
        self, conversation: Conversation, inbound: Inbound, send: Send, task: asyncio.Task[Any]
    ) -> None:
        """The handler was cancelled: by the caller who left, by our stopping, or by somebody above us."""
        flow = conversation.flow
        if conversation.interrupted and not conversation.gone:
            task.uncancel()
            await self._break_off(conversation, inbound, send)
            return
        if flow is not None:
            flow.abort()
        if not conversation.gone:
            raise asyncio.CancelledError
        task.uncancel()

    async def _break_off(self, conversation: Conversation, inbound: Inbound, send: Send) -> None:
        """Tell the caller that we stop: in the stream, or as the answer when none has begun."""
        if conversation.flow is not None:
            last = conversation.flow.interrupt(conversation.interrupted)
            await send({"type": "http.response.body", "body": last})
            return
        failure = Internal(conversation.interrupted, status=503, retry_after=1.0)
        out = self._surface.failed(inbound, failure)
        await self._send(out, send, conversation, close=True)


def request_id(headers: dict[bytes, bytes]) -> str:
    """The caller's own id of its request where that is a plain word, else a new one."""
    given = headers.get(b"x-request-id", b"")
    if given and len(given) <= LONGEST_ID and ID_CHARACTERS.issuperset(given):
        return given.decode("ascii")
    return "req_" + secrets.token_hex(12)
