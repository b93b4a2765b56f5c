"""In front of an application: who comes in, under which id, and by when it wants its answer. Pure ASGI.

    request ─▶ id ─▶ deadline into the context ─▶ a slot, or a place in the queue ─▶ the application
                                                         └──▶ 503 with an honest Retry-After

Clients and guards that the application uses take the smaller of that deadline and their own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from outlast.edge.deadline import enter, leave
from outlast.edge.io import AsyncIo
from outlast.fastapi.answers import Errors, Notes, answer, limit_headers
from outlast.flow.bounds import checked
from outlast.gateway.app import request_id
from outlast.gateway.auth import timeout
from outlast.layers.bulkhead import Full, Slots, SlotsConfig, Ticket
from outlast.model.caller import NORMAL
from outlast.model.errors import Failure, Rejected
from outlast.model.events import Shed
from outlast.ports import Sink

PROBES = ("/livez", "/readyz", "/healthz")


class Admission:
    """A middleware: `app.add_middleware(Admission, concurrency=200)`. `install` adds it too.

    Args:
        app: the application.
        concurrency: requests under way at once, each to the last byte of its answer; None for no bound.
        queue: requests that may wait for a slot.
        wait: seconds that none of them waits longer than.
        deadline: seconds that a request has which does not say otherwise; None: as long as it takes.
        longest: seconds that no request gets more of, whatever it says.
        open: paths that are answered however full the house is.
        errors: whose words are used for what is refused.
        sinks: who hears of what was refused (`Shed`).
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        concurrency: int | None = None,
        queue: int = 100,
        wait: float = 2.0,
        deadline: float | None = None,
        longest: float = 600.0,
        open: Collection[str] = PROBES,  # noqa: A002  (it reads as what it says)
        errors: Errors = "native",
        sinks: Iterable[Sink] = (),
    ) -> None:
        self._app = app
        self._io = AsyncIo(sinks)
        self._slots: Slots | None = None
        if concurrency is not None:
            config = checked(
                "Admission", SlotsConfig(slots=concurrency, queue=queue, wait=wait), {"slots": "concurrency"}
            )
            self._slots = Slots(config, "admission", "application")
        self._wait = wait
        self._deadline = deadline
        self._longest = longest
        self._open = frozenset(open)
        self._errors: Errors = errors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        scope.setdefault("state", {})["outlast"] = notes = Notes(request_id(headers))
        try:
            seconds = self._seconds(headers)
            due = float("inf") if seconds is None else self._io.now() + seconds
            ticket = await self._admit(scope, due)
        except Failure as failure:
            await answer(failure, notes, self._errors)(scope, receive, send)
            return
        token = None if seconds is None else enter(due, self._io.now)
        try:
            await self._app(scope, receive, _telling(send, notes))
        finally:
            if token is not None:
                leave(token)
            if ticket is not None and self._slots is not None:
                self._slots.leave(ticket, self._io.now())

    def _seconds(self, headers: dict[bytes, bytes]) -> float | None:
        """What the request has; raises `Caller` for what is no time."""
        asked = timeout(headers)
        if asked is None:
            asked = self._deadline
        return None if asked is None else min(asked, self._longest)

    async def _admit(self, scope: Scope, due: float) -> Ticket | None:
        """A slot. Raises `Rejected` when there is none in time."""
        slots = self._slots
        if slots is None or scope["path"] in self._open:
            return None
        now = self._io.now()
        ticket = slots.enter("", NORMAL, now, due, self._io.waiter)
        if isinstance(ticket, Full):
            raise self._refusal(ticket.why, ticket.retry_after)
        if ticket.waiter is None:
            return ticket
        try:
            await ticket.waiter.wait(min(now + self._wait, due))
        except BaseException:
            slots.leave(ticket, self._io.now())
            raise
        if not ticket.granted:
            slots.leave(ticket, self._io.now())
            raise self._refusal("no slot became free in time", max(1.0, slots.expected_wait(NORMAL)))
        return ticket

    def _refusal(self, why: str, retry_after: float) -> Rejected:
        self._io.emit(Shed("", "application", why, retry_after))
        return Rejected(why, gate="admission", code="overloaded", retry_after=retry_after)


def _telling(send: Send, notes: Notes) -> Send:
    """`send`, with the id of the request and what is left of its limits in the head of the answer."""

    async def tell(message: Message) -> None:
        if message["type"] == "http.response.start":
            told = {name.lower() for name, _ in message.get("headers", ())}
            own = [(b"x-request-id", notes.id.encode()), *limit_headers(notes.allowances)]
            more = [header for header in own if header[0] not in told]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return tell
