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
from outlast.flow.faults import told
from outlast.gateway.conversation import Conversation
from outlast.gateway.descriptors import UNBOUNDED
from outlast.gateway.exchange import Inbound, Outbound
from outlast.gateway.routes import Surface
from outlast.model.errors import Caller, Failure, Internal, Rejected
from outlast.model.events import Fault

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

ID_CHARACTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:")
LONGEST_ID = 128
SLICE = 64 * 1024
"""Bytes of a whole answer that are sent at once; the caller has the write timeout for each."""
CUT_OFF = "outlast.cut_off"
"""Where our own server puts, in the state of a request, what closes the caller's connection at once."""
CROWDED = "outlast.crowded"
"""Where it says that there are more callers than we have descriptors for."""
CLOSE = (b"connection", b"close")


class CallerGone(Exception):  # noqa: N818  (no error: the conversation is over)
    """The caller has left while it was still sending."""


class App:
    """The ASGI application.

    Args:
        surface: answers requests.
        outlast: the engine, for its clock and its ear.
        most_connections: callers beyond these are told to come back, where our own server counts them.
    """

    def __init__(self, surface: Surface, outlast: Outlast, *, most_connections: int = UNBOUNDED) -> None:
        server = outlast.config.server
        self.write_timeout = server.write_timeout
        self.most_connections = most_connections
        self._surface = surface
        self._outlast = outlast
        self._io = outlast.io
        self._max_body = server.max_body
        self._body_timeout = server.body_timeout
        self._under_way: set[Conversation] = set()
        self._idle: asyncio.Future[None] | None = None

    # -- stopping ----------------------------------------------------------------------------------------------

    @property
    def under_way(self) -> int:
        """Requests that are being answered."""
        return len(self._under_way)

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

    def cut_off_all(self) -> None:
        """Close the connection of everybody who is still there."""
        for conversation in list(self._under_way):
            conversation.expire()

    # -- answering ---------------------------------------------------------------------------------------------

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
        state = scope.get("state", {})
        conversation = Conversation(task, state.get(CUT_OFF), crowded=state.get(CROWDED, False))
        self._under_way.add(conversation)
        try:
            await self._converse(conversation, inbound, receive, send)
        except CallerGone:
            conversation.gone = True
        except asyncio.CancelledError:
            await self._cancelled(conversation, inbound, send)
        except Exception as fault:  # noqa: BLE001  (the server's own page for this tells the caller nothing)
            self._io.emit(Fault("gateway", told(fault)))
            conversation.cut_off()
        finally:
            self._over(conversation)

    async def _converse(self, conversation: Conversation, inbound: Inbound, receive: Receive, send: Send) -> None:
        problem = self._crowded() if conversation.crowded else await self._read(inbound, receive)
        conversation.watcher = conversation.task.get_loop().create_task(self._watch(receive, conversation))
        out = self._surface.failed(inbound, problem) if problem else await self._answer(inbound)
        await self._send(out, send, conversation, close=problem is not None)

    def _over(self, conversation: Conversation) -> None:
        conversation.over()
        self._under_way.discard(conversation)
        if self._idle is not None and not self._under_way and not self._idle.done():
            self._idle.set_result(None)

    async def _answer(self, inbound: Inbound) -> Outbound:
        try:
            return await self._surface.answer(inbound)
        except Exception as fault:  # noqa: BLE001  (the caller gets an envelope, whatever went wrong here)
            self._io.emit(Fault("gateway", told(fault)))
            return self._surface.failed(inbound, Internal("an internal error; it has been logged"))

    def refused(self, path: str, headers: dict[bytes, bytes], failure: Failure) -> Outbound:
        """The answer to what is no request, and so never reaches us."""
        return self._surface.failed(Inbound("", path, headers, b"", request_id(headers)), failure)

    # -- receiving ---------------------------------------------------------------------------------------------

    async def _read(self, inbound: Inbound, receive: Receive) -> Failure | None:
        """Read the body into `inbound`; what is wrong with it, if anything is."""
        length = inbound.headers.get(b"content-length", b"")
        if length.isdigit() and (len(length) > 18 or int(length) > self._max_body):
            return self._too_large()
        coding = inbound.headers.get(b"content-encoding", b"identity").strip().lower()
        if coding not in {b"", b"identity"}:
            return Caller("request bodies are taken uncompressed only: send no content-encoding", status=415)
        message = await self._receive(receive)
        inbound.body = message.get("body", b"")
        if not message.get("more_body"):
            return None
        refused = self._surface.refusal(inbound)
        if refused is not None:  # nobody needs the rest
            return refused
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

    def _crowded(self) -> Failure:
        return Rejected("too many callers are connected", gate="connections", code="overloaded", retry_after=1.0)

    async def _watch(self, receive: Receive, conversation: Conversation) -> None:
        """Wait for the caller to leave."""
        while (await receive())["type"] != "http.disconnect":
            pass
        conversation.leave()

    # -- sending -----------------------------------------------------------------------------------------------

    async def _send(self, out: Outbound, send: Send, conversation: Conversation, *, close: bool) -> None:
        if close or self._surface.draining:
            out.headers.append(CLOSE)
        watch, now, patience = self._io.watch, self._io.now, self.write_timeout
        watch(conversation, now() + patience)
        conversation.flow = flow = out.flow
        await send({"type": "http.response.start", "status": out.status, "headers": out.headers})
        conversation.started = True
        if flow is None:
            await self._send_whole(out.body, send, conversation)
            return
        while True:
            watch(conversation, float("inf"))
            piece = await flow.next()
            if piece is None:
                break
            watch(conversation, now() + patience)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        watch(conversation, now() + patience)
        await send({"type": "http.response.body", "body": b""})

    async def _send_whole(self, body: bytes, send: Send, conversation: Conversation) -> None:
        """In slices, each of which waits until the caller has taken most of what came before it."""
        start = 0
        while len(body) - start > SLICE:
            await send({"type": "http.response.body", "body": body[start : start + SLICE], "more_body": True})
            self._io.watch(conversation, self._io.now() + self.write_timeout)
            start += SLICE
        await send({"type": "http.response.body", "body": body[start:] if start else body})

    async def _cancelled(self, conversation: Conversation, inbound: Inbound, send: Send) -> None:
        """The handler was cancelled: by the caller who left, by our stopping, or by somebody above us."""
        task = conversation.task
        if conversation.interrupted and not conversation.gone:
            task.uncancel()
            try:
                await self._break_off(conversation, inbound, send)
            except asyncio.CancelledError:
                if not conversation.gone:
                    raise
        elif not conversation.gone:
            raise asyncio.CancelledError
        if conversation.gone:
            task.uncancel()

    async def _break_off(self, conversation: Conversation, inbound: Inbound, send: Send) -> None:
        """Tell the caller that we stop: in the stream, or as the answer when none has begun."""
        if not conversation.started:
            why = Rejected(conversation.interrupted, gate="shutdown", code="stopping", retry_after=1.0)
            await self._send(self._surface.failed(inbound, why), send, conversation, close=True)
        elif conversation.flow is not None:
            last = conversation.flow.interrupt(conversation.interrupted)
            if last:
                await send({"type": "http.response.body", "body": last})
            else:
                conversation.cut_off()  # its last piece was still to be sent, and is lost
        else:
            conversation.cut_off()  # half of a whole answer is out: only its length tells that it is cut


def request_id(headers: dict[bytes, bytes]) -> str:
    """The caller's own id of its request where that is a plain word, else a new one."""
    given = headers.get(b"x-request-id", b"")
    if given and len(given) <= LONGEST_ID and ID_CHARACTERS.issuperset(given):
        return given.decode("ascii")
    return "req_" + secrets.token_hex(12)
