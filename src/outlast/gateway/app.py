"""The gateway's front: bytes in, bytes out, and nothing left running when the caller has gone.

    body, bounded in size and time ──▶ Surface ──▶ answer, in pieces that the caller must take in time
                the caller leaves ──▶ the handler is cancelled, the upstream connection closed

Callers come over our own server (`protocol`), or over any ASGI server that this application is mounted in.
"""

from __future__ import annotations

import asyncio

from outlast.build import Outlast
from outlast.edge.ids import new_id
from outlast.flow.faults import told
from outlast.gateway.asgi import Guest, Receive, Scope, Send
from outlast.gateway.conversation import CallerGone, Conversation
from outlast.gateway.descriptors import UNBOUNDED
from outlast.gateway.exchange import CutShort, Inbound, Outbound
from outlast.gateway.feed import CallerFeed
from outlast.gateway.opening import Opening
from outlast.gateway.routes import Surface
from outlast.model.errors import Caller, Failure, Internal, Rejected
from outlast.model.events import Fault

ID_CHARACTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:")
LONGEST_ID = 128
SLICE = 64 * 1024
"""Bytes of a whole answer that are sent at once; the caller has the write timeout for each."""
PLAIN_CODINGS = frozenset({None, b"", b"identity"})


class App:
    """The ASGI application, and what our own server asks.

    Args:
        surface: answers requests.
        outlast: the engine, for its clock and its ear.
        most_connections: callers beyond these are told to come back, where our own server counts them.
    """

    def __init__(self, surface: Surface, outlast: Outlast, *, most_connections: int = UNBOUNDED) -> None:
        server = outlast.config.server
        self.write_timeout = server.write_timeout
        self.most_connections = most_connections
        self.opening = Opening()
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

    # -- other servers -----------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the life of the application."""
        if scope["type"] == "http":
            await self._guest(scope, receive, send)
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

    async def _guest(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("an ASGI application runs in a task")
        headers = dict(scope["headers"])
        query = scope.get("query_string", b"").decode("latin-1")
        inbound = Inbound(scope["method"], _below(scope), headers, b"", request_id(headers), query, _url(scope))
        await self.serve(Guest(inbound, task, receive, send, self.be_patient))

    def be_patient(self, conversation: Conversation) -> None:
        """Give the caller the write timeout, from now on, to take what it is sent."""
        self._io.watch(conversation, self._io.now() + self.write_timeout)

    # -- answering ---------------------------------------------------------------------------------------------

    async def serve(self, conversation: Conversation) -> None:
        """Answer one request to its end, in the conversation's task. Raises nothing but a cancellation from outside."""
        self._under_way.add(conversation)
        try:
            problem = self._unwanted(conversation)
            if problem is None and not conversation.whole:
                problem = await self._read(conversation)
            if problem is None:
                await self._send(await self._surface.answer(conversation.inbound), conversation)
            else:
                conversation.last = True
                await self._send(self._surface.failed(conversation.inbound, problem), conversation)
        except CallerGone:
            conversation.gone = True
        except CutShort:
            conversation.cut_off()
        except asyncio.CancelledError:
            await self._cancelled(conversation)
        except Exception as fault:  # noqa: BLE001  (the caller gets an envelope, whatever went wrong here)
            await self._apologise(fault, conversation)
        finally:
            conversation.over()
            self._under_way.discard(conversation)
            if self._idle is not None:
                self._tell_idle(self._idle)

    def _tell_idle(self, idle: asyncio.Future[None]) -> None:
        if not self._under_way and not idle.done():
            idle.set_result(None)

    async def _apologise(self, fault: Exception, conversation: Conversation) -> None:
        self._io.emit(Fault("gateway", told(fault), conversation.inbound.id))
        if conversation.started:
            conversation.cut_off()
            return
        sorry = Internal("an internal error; it has been logged")
        await self._send(self._surface.failed(conversation.inbound, sorry), conversation)

    def refused(self, path: str, headers: dict[bytes, bytes], failure: Failure) -> Outbound:
        """The answer to what is no request, and so never reaches us."""
        return self._surface.failed(Inbound("", path, headers, b"", request_id(headers)), failure)

    # -- receiving ---------------------------------------------------------------------------------------------

    def _unwanted(self, conversation: Conversation) -> Failure | None:
        """Why a request is not taken, whatever its body says."""
        if conversation.crowded:
            return Rejected("too many callers are connected", gate="connections", code="overloaded", retry_after=1.0)
        headers = conversation.inbound.headers
        length = b"" if conversation.whole else headers.get(b"content-length", b"")
        if conversation.size > self._max_body or _larger(length, self._max_body):
            most = self._surface.room(conversation.inbound, self._max_body)
            if conversation.size > most or _larger(length, most):
                return _too_large(most)
        coding = headers.get(b"content-encoding")
        if coding in PLAIN_CODINGS or (coding is not None and coding.strip().lower() in PLAIN_CODINGS):
            return None
        return Caller("request bodies are taken uncompressed only: send no content-encoding", status=415)

    async def _read(self, conversation: Conversation) -> Failure | None:
        """Wait for the rest of the body; what is wrong with it, if anything is."""
        refused = self._surface.refusal(conversation.inbound)
        if refused is not None:  # nobody needs the rest
            return refused
        window = self._surface.window(conversation.inbound)
        if window is not None:
            return await self._begin(conversation, window)
        try:
            async with asyncio.timeout(self._body_timeout):
                while not conversation.whole:
                    await conversation.receive()
                    if conversation.size > self._max_body:
                        return _too_large(self._max_body)
        except TimeoutError:
            return Caller(f"the body did not come within {self._body_timeout:g} s", status=408)
        return None

    async def _begin(self, conversation: Conversation, window: int) -> Failure | None:
        """Wait for the beginning of a body that is handed on while it comes, or for the whole of a small one."""
        inbound = conversation.inbound
        length = inbound.headers.get(b"content-length")
        feed = CallerFeed(
            conversation,
            None if length is None else int(length),
            window=window,
            most=self._surface.room(inbound, self._max_body),
            patience=self._body_timeout,
            longest=self._outlast.config.pass_through.upload_time,
        )
        try:
            inbound.body = await feed.start()
        except Failure as failure:
            return failure
        inbound.feed = None if feed.whole else feed
        return None

    # -- sending -----------------------------------------------------------------------------------------------

    async def _send(self, out: Outbound, conversation: Conversation) -> None:
        if self._surface.draining or not conversation.whole:  # nothing can follow on half a request
            conversation.last = True
        conversation.flow = flow = out.flow
        if flow is None:
            if len(out.body) <= SLICE:
                await conversation.send(out, out.body, more=False)
            else:
                await self._send_sliced(out, conversation)
            return
        await conversation.send(out, await flow.next() or b"", more=not flow.over)
        del out  # streams may be open for long, and there may be many: no piece is kept while the next one is awaited
        conversation.lighten()
        while not flow.over:
            await conversation.send(None, await flow.next() or b"", more=not flow.over)

    async def _send_sliced(self, out: Outbound, conversation: Conversation) -> None:
        """Send a large answer in slices, each of which waits until the caller has taken most of what came before it."""
        body = out.body
        await conversation.send(out, body[:SLICE], more=True)
        for start in range(SLICE, len(body), SLICE):
            end = start + SLICE
            await conversation.send(None, body[start:end], more=end < len(body))

    async def _cancelled(self, conversation: Conversation) -> None:
        """The handler was cancelled: by the caller who left, by our stopping, or by somebody above us."""
        task = conversation.task
        if task is None or not (conversation.interrupted or conversation.gone):
            raise asyncio.CancelledError
        if not conversation.gone:
            task.uncancel()
            try:
                await self._break_off(conversation)
            except asyncio.CancelledError:
                if not conversation.gone:
                    raise
        if conversation.gone:
            task.uncancel()

    async def _break_off(self, conversation: Conversation) -> None:
        """Tell the caller that we stop: in the stream, or as the answer when none has begun."""
        if not conversation.started:
            why = Rejected(conversation.interrupted, gate="shutdown", code="stopping", retry_after=1.0)
            conversation.last = True
            if conversation.flow is not None:
                conversation.flow.abort()
            await self._send(self._surface.failed(conversation.inbound, why), conversation)
            return
        last = conversation.flow.interrupt(conversation.interrupted) if conversation.flow is not None else b""
        if last:
            await conversation.send(None, last, more=False)
        else:
            conversation.cut_off()  # some of the answer was still to be sent, and is lost: only so the caller can tell


def request_id(headers: dict[bytes, bytes]) -> str:
    """The caller's own id of its request where that is a plain word, else a new one."""
    given = headers.get(b"x-request-id")
    if given and len(given) <= LONGEST_ID and ID_CHARACTERS.issuperset(given):
        return given.decode("ascii")
    return new_id()


def _below(scope: Scope) -> str:
    """The path below where we are mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def _url(scope: Scope) -> bytes:
    """The same as it was sent, and the query."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    root: bytes = scope.get("root_path", "").encode()
    below = path[len(root) :] if root and path.startswith(root + b"/") else path
    return b"%b?%b" % (below, scope["query_string"]) if scope.get("query_string") else below


def _too_large(most: int) -> Failure:
    return Caller(f"the body is larger than {most} bytes", status=413)


def _larger(length: bytes, most: int) -> bool:
    return length.isdigit() and (len(length) > 18 or int(length) > most)
