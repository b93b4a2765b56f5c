"""A request that another ASGI server hands us, where the gateway is mounted in somebody's application.

    receive ── body, then only whether the caller is still there ──▶ Guest ──▶ send

After its disconnect an ASGI server takes what is sent and says nothing: one watcher for each request listens for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from outlast.gateway.conversation import CallerGone, Conversation
from outlast.gateway.exchange import Inbound, Outbound

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

CLOSE = (b"connection", b"close")


class Guest(Conversation):
    """A request from another server.

    Args:
        inbound: its head.
        task: answers it.
        receive: as ASGI has it.
        send: as ASGI has it.
        patience: arms the write timeout of a conversation.
    """

    __slots__ = ("_patience", "_receive", "_send", "_watcher")

    def __init__(
        self,
        inbound: Inbound,
        task: asyncio.Task[Any],
        receive: Receive,
        send: Send,
        patience: Callable[[Conversation], None],
    ) -> None:
        super().__init__(inbound)
        self.task = task
        self._receive = receive
        self._send = send
        self._patience = patience
        self._watcher: asyncio.Task[None] | None = None

    async def receive(self) -> None:
        """Wait for the next piece of the body; after the last one, watch the caller."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise CallerGone
        self.take(message.get("body", b""))
        if not message.get("more_body"):
            self.taken()
            self._watcher = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        """Wait for the caller to leave."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.leave()

    async def send(self, out: Outbound | None, body: bytes, *, more: bool) -> None:
        """Send as ASGI messages."""
        self._patience(self)
        if out is not None:
            headers = [*out.headers, CLOSE] if self.last else out.headers
            await self._send({"type": "http.response.start", "status": out.status, "headers": headers})
            self.started = True
        await self._send({"type": "http.response.body", "body": body, "more_body": more})
        self.due = float("inf")

    def cut_off(self) -> None:
        """The connection is the other server's."""

    def over(self) -> None:
        """Nothing may be left, the watcher included."""
        super().over()
        if self._watcher is not None:
            self._watcher.cancel()
