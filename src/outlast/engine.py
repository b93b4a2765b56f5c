"""The engine: a request in, an answer or an honest failure out, within the deadline.

It finds the route, sets the one absolute deadline, sends the call down the stack, and tells how it ended.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from outlast.flow.call import Allowance, Answer, Call, Handler, Keyed, Looked
from outlast.flow.faults import told
from outlast.flow.stream import End, Stream, ended_by
from outlast.model.caller import LIBRARY, Caller
from outlast.model.errors import Failure, Internal
from outlast.model.events import Fault, RequestEnded
from outlast.model.freshness import NO_WISHES, Wishes
from outlast.model.messages import Request
from outlast.model.target import Fit, Route
from outlast.ports import Io


class EngineConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How long a request may take. Times in seconds."""

    deadline: float = 180.0
    """A request that does not say otherwise has so long for its answer, or for the first content of a stream."""
    deadline_max: float = 600.0
    """No caller gets longer."""


class Routes(Protocol):
    """Finds routes by the name that callers use."""

    def find(self, model: str) -> Route:
        """The route of that name. Raises `Caller` with status 404 when there is none."""
        ...

    def forward(self, model: str, via: str, dialect: str) -> Route:
        """The route of what is passed on unread, and may name no model. Raises `Caller` with status 404."""
        ...


class Asked(Struct):
    """Who asks and how: what a request has beside its content.

    `timeout` is in seconds, None for the default; `wishes` say what is wanted of answers that were kept, and `fit` what
    happens to a request that is too long, None as its route says. `key` is its idempotency key, empty for none;
    `date`, in seconds since the epoch, is when it came, for an answer under a key whose provider gives it no date.

    The others are filled in: `allowances` with what is left of the caller's limits, `skipped` with whom it was
    not sent to, `looked` with what the cache had, `keyed` with what became of the key, and `instead_of`, when the
    answer is less than what was asked for, with the kind of failure that it stands in for.
    """

    id: str
    caller: Caller = LIBRARY
    priority: int | None = None
    timeout: float | None = None
    wishes: Wishes = NO_WISHES
    fit: Fit | None = None
    key: str = ""
    date: int = 0
    allowances: list[Allowance] = []
    skipped: list[str] = []
    looked: Looked | None = None
    keyed: Keyed | None = None
    instead_of: str = ""


NO_ROUTE = Route(name="", targets=())
"""The route of a call whose model nobody knows. Callers' own words for it are free text, and not told."""


class Told(Struct, eq=False):
    """What will be told of one stream, when it is over. It is a debt of the stream, so it must not hold it.

    Attributes:
        started: when the request came.
        first: seconds to the first content.
        target: who answers.
        source: "primary" or "fallback".
    """

    started: float
    first: float | None = None
    target: str = ""
    source: str = ""

    def settle(self, call: Call, end: End, now: float) -> None:
        """The stream is over."""
        tell(call, end, self, now)


def tell(call: Call, end: End, so_far: Told, now: float) -> None:
    """One event for a request that is over."""
    error, request, caller, story = end.error, call.request, call.caller, call.story
    kind, status, target, message, code, retry_after = "ok", 200, so_far.target, "", None, None
    if isinstance(error, Failure):
        kind, status, target, message = error.kind, error.status, target or error.target, error.message
        code, retry_after = error.code, error.retry_after
        error.call = call.id
    elif error is not None:
        kind, status = "cancelled", 499
    call.io.emit(
        RequestEnded(  # by position: names would cost each call half a microsecond
            call.id,
            call.route.name,
            request.operation,
            caller.name,
            caller.user_type,
            request.stream,
            kind,
            status,
            target,
            so_far.source,
            story.made,
            now - so_far.started,
            so_far.first,
            end.usage,
            end.cost,
            message,
            tuple(story.tried),
            call.deadline - so_far.started,
            code,
            retry_after,
            story.resumed,
            story.instead_of,
            call.fitting if kind == "context_length" else "",
            "" if story.keyed is None else story.keyed.word,
        )
    )


class Engine:
    """Answers requests. Made by `outlast.build`; used by the client and by the gateway."""

    __slots__ = ("_config", "_handler", "_io", "routes")

    def __init__(self, handler: Handler, routes: Routes, io: Io, config: EngineConfig) -> None:
        self._handler = handler
        self._io = io
        self._config = config
        self.routes = routes

    async def answer(self, request: Request, asked: Asked) -> Answer:
        """A whole reply, or a stream whose first content is there.

        Raises:
            Failure: why there is no answer; `attempts` tells what was tried. Nothing else, save a cancellation.
        """
        io, caller = self._io, asked.caller
        started = io.now()
        call = Call(
            request=request,
            route=NO_ROUTE,
            deadline=started,
            io=io,
            id=asked.id,
            caller=caller,
            priority=caller.priority if asked.priority is None else max(asked.priority, caller.priority),
            wishes=asked.wishes,
            fit=asked.fit,
            key=asked.key,
            date=asked.date,
        )
        asked.allowances, asked.skipped = call.story.allowances, call.story.skipped
        try:
            call.route = route = self._route_of(request)
            call.deadline = started + self.time_for(request, route, asked.timeout)
            answer = await self._handler(call)
        except Failure as failure:
            asked.looked, asked.keyed = call.story.looked, call.story.keyed
            _failed(call, failure, started)
            raise
        except Exception as fault:
            raise _broke(call, fault, started) from fault
        except BaseException as gone:
            tell(call, End("neutral", gone), Told(started), io.now())
            raise
        asked.looked, asked.keyed, asked.instead_of = call.story.looked, call.story.keyed, call.story.instead_of
        now = io.now()
        so_far = Told(started, now - started, answer.target, answer.source)
        if isinstance(answer, Stream):
            if not answer.keeps_request:
                request.forget()
            answer.owe(call, (so_far,))
        else:
            tell(call, End("success", None, answer.usage, answer.cost), so_far, now)
        return answer

    def _route_of(self, request: Request) -> Route:
        forward = request.forward
        if forward is None:
            return self.routes.find(request.model)
        return self.routes.forward(request.model, forward.via, request.dialect)

    def time_for(self, request: Request, route: Route, timeout: float | None) -> float:
        """Seconds that the request has.

        What the caller gives holds, up to the maximum; the default is never shorter than one whole attempt.
        """
        config = self._config
        if timeout is not None:
            return min(timeout, config.deadline_max)
        return max(config.deadline, min(route.limit(request.stream), config.deadline_max))


def _failed(call: Call, failure: Failure, started: float) -> None:
    """There is no answer, for a reason that has a name."""
    failure.attempts = tuple(call.story.tried)
    tell(call, ended_by(failure), Told(started), call.io.now())


def _broke(call: Call, fault: Exception, started: float) -> Internal:
    """There is no answer because of a fault of our own, which is told; what the caller is told instead."""
    call.io.emit(Fault("engine", told(fault), call.id))
    internal = Internal("an internal error; it has been logged")
    _failed(call, internal, started)
    return internal
