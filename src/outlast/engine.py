"""The engine: a request in, an answer or an honest failure out, within the deadline.

It finds the route, sets the one absolute deadline, sends the call down the stack, and tells how it ended.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from outlast.flow.call import Allowance, Answer, Call, Handler
from outlast.flow.faults import told
from outlast.flow.stream import End, Stream
from outlast.model.caller import LIBRARY, Caller
from outlast.model.errors import Failure, Internal
from outlast.model.events import Fault, RequestEnded
from outlast.model.messages import Request
from outlast.model.target import Route
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


class Asked(Struct):
    """Who asks and how: what a request has beside its content.

    `timeout` is in seconds, None for the default; `allowances` are filled in with what is left of the caller's limits.
    """

    id: str
    caller: Caller = LIBRARY
    priority: int | None = None
    timeout: float | None = None
    allowances: list[Allowance] = []


NO_ROUTE = Route(name="", targets=())
"""The route of a call whose model nobody knows. Callers' own words for it are free text, and not told."""


class Told:
    """What will be told of one request, when it is over. It is a debt of the answer, so it must not hold it."""

    __slots__ = ("_call", "_first", "_source", "_started", "_target")

    def __init__(self, call: Call, started: float) -> None:
        self._call = call
        self._started = started
        self._first: float | None = None
        self._target = ""
        self._source = ""

    def answered(self, answer: Answer, now: float) -> None:
        """The first content, or the whole answer, is there."""
        self._first = now - self._started
        self._target, self._source = answer.target, answer.source

    def failed(self, failure: Failure) -> None:
        """There is no answer, for a reason that has a name."""
        call = self._call
        failure.attempts = tuple(call.story.tried)
        self.settle(End(failure.outcome, failure), call.io.now())

    def broke(self, fault: Exception) -> Internal:
        """There is no answer because of a fault of our own, which is told; what the caller is told instead."""
        self._call.io.emit(Fault("engine", told(fault)))
        internal = Internal("an internal error; it has been logged")
        self.failed(internal)
        return internal

    def settle(self, end: End, now: float) -> None:
        """The request is over."""
        call = self._call
        error = end.error
        failure = error if isinstance(error, Failure) else None
        kind = "ok" if error is None else failure.kind if failure else "cancelled"
        call.io.emit(
            RequestEnded(
                call=call.id,
                route=call.route.name,
                operation=call.request.operation,
                caller=call.caller.name,
                user_type=call.caller.user_type,
                stream=call.request.stream,
                kind=kind,
                status=200 if error is None else failure.status if failure else 499,
                target=self._target or (failure.target if failure else ""),
                source=self._source,
                attempts=call.story.made,
                seconds=now - self._started,
                first=self._first,
                usage=end.usage,
                cost=end.cost,
                message=failure.message if failure else "",
                history=tuple(call.story.tried),
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
        io = self._io
        started = io.now()
        caller = asked.caller
        call = Call(
            request=request,
            route=NO_ROUTE,
            deadline=started,
            io=io,
            id=asked.id,
            caller=caller,
            priority=caller.priority if asked.priority is None else max(asked.priority, caller.priority),
        )
        asked.allowances = call.story.allowances
        told = Told(call, started)
        try:
            call.route = self.routes.find(request.model)
            call.deadline = started + self.time_for(request, call.route, asked.timeout)
            answer = await self._handler(call)
        except Failure as failure:
            told.failed(failure)
            raise
        except Exception as fault:
            raise told.broke(fault) from fault
        except BaseException as gone:
            told.settle(End("neutral", gone), io.now())
            raise
        now = io.now()
        told.answered(answer, now)
        if isinstance(answer, Stream):
            answer.owe(told)
        else:
            told.settle(End("success", None, answer.usage, answer.cost), now)
        return answer

    def time_for(self, request: Request, route: Route, timeout: float | None) -> float:
        """Seconds that the request has.

        What the caller gives holds, up to the maximum; the default is never shorter than one whole attempt.
        """
        config = self._config
        if timeout is not None:
            return min(timeout, config.deadline_max)
        longest = 0.0
        for target in route.targets[:8]:
            limit = target.timers.limit(request.stream)
            if limit > longest:
                longest = limit
        return max(config.deadline, min(longest, config.deadline_max))
