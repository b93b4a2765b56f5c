"""Coalesce: the same requests of one caller, under way at once, share one call.

    first  ─┐                                     ┌─▶ first
    second ─┼─▶ one call, which belongs to nobody ─┼─▶ second     each of them leaves at its own deadline, or when it
    third  ─┘                                     └─▶ third      likes; when the last has left, the call ends

Only whole answers are shared. The first to take the answer is told what it cost; to the others it costs nothing. When
the time of the call is over and not that of who waits for it, that one asks anew.

Source: Go's singleflight (one call for many askers), RFC 9211 (`collapsed`).
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from outlast.flow.call import Answer, Call, Handler, Layer, Looked
from outlast.flow.likeness import comparable, likeness
from outlast.flow.sharing import GRACE, failure_for
from outlast.flow.stream import Stream
from outlast.layers.coalesce.config import CoalesceConfig
from outlast.model.errors import Failure, TimedOut
from outlast.model.events import Joined
from outlast.model.messages import Reply
from outlast.ports import Waiter, Work

__all__ = ["Coalesce", "CoalesceConfig"]


class Shared(Struct, eq=False):
    """One call that several wait for.

    Attributes:
        call: it, in nobody's name.
        work: what can be cancelled of it.
        waiters: who waits.
        answer: what came of it.
        failure: or why nothing did.
        over: one of them is there.
        paid: somebody has been told what it cost.
    """

    call: Call
    work: Work | None = None
    waiters: list[Waiter] = []
    answer: Reply | None = None
    failure: Failure | None = None
    over: bool = False
    paid: bool = False


class Coalesce:
    """The layer. Switched off it is not in the stack."""

    __slots__ = ("_config", "_under_way")

    def __init__(self, config: CoalesceConfig) -> None:
        self._config = config
        self._under_way: dict[str, Shared] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    def layer(self) -> Layer:
        """Let the same requests wait for one call."""

        def layer(inner: Handler) -> Handler:
            async def handle(call: Call) -> Answer:
                if not self._may_share(call):
                    return await inner(call)
                key = likeness(call, call.caller.name).key
                while True:
                    shared = self._joined(call, key) or self._begun(call, key, inner)
                    if shared is None:
                        return await inner(call)
                    answer = await self._awaited(shared, key, call)
                    if answer is not None:
                        return answer

            return handle

        return layer

    def _may_share(self, call: Call) -> bool:
        route, request, wishes = call.route, call.request, call.wishes
        asked = self._config.enabled if route.coalesce is None else route.coalesce
        own = request.stream or request.accepts is not None or call.behind or wishes.no_cache or wishes.no_store
        return asked and not own and comparable(request)

    def _joined(self, call: Call, key: str) -> Shared | None:
        """The call that is under way for the same request, if any is."""
        shared = self._under_way.get(key)
        if shared is not None:
            call.io.emit(Joined(call.id, call.route.name, shared.call.id))
            looked = call.story.looked = call.story.looked or Looked(why="miss")
            looked.shared = True
            shared.call.deadline = max(shared.call.deadline, call.deadline)
        return shared

    def _begun(self, call: Call, key: str, inner: Handler) -> Shared | None:
        """A call for this request, which others may join; None where nothing more can be begun."""
        shared = Shared(replace(call, request=replace(call.request)))
        self._under_way[key] = shared
        try:
            shared.work = call.io.begin(self._made(shared, key, inner))
        finally:
            if shared.work is None:
                del self._under_way[key]
        return shared if shared.work is not None else None

    async def _made(self, shared: Shared, key: str, inner: Handler) -> None:
        """The call, to its end; whoever waits is woken."""
        try:
            answer = await inner(shared.call)
            if isinstance(answer, Stream):
                answer.abort("a whole answer was asked for")
                raise TypeError("a request for a whole answer was answered with a stream")
            shared.answer = answer
        except Failure as failure:
            shared.failure = failure
        finally:
            self._forget(shared, key)
            shared.over = True
            for waiter in shared.waiters:
                waiter.wake()

    def _forget(self, shared: Shared, key: str) -> None:
        if self._under_way.get(key) is shared:
            del self._under_way[key]

    async def _awaited(self, shared: Shared, key: str, call: Call) -> Answer | None:
        """What comes of it, for this caller; None where it should ask anew. Raises why there is nothing."""
        waiter = call.io.waiter()
        shared.waiters.append(waiter)
        try:
            woken = shared.over or await waiter.wait(call.deadline + GRACE)
        finally:
            shared.waiters.remove(waiter)
            if not shared.waiters and not shared.over and shared.work is not None:
                self._forget(shared, key)  # nobody is left to join
                shared.work.cancel()
        if not woken:
            raise TimedOut("the deadline has passed while the same request was waited for")
        if shared.answer is not None:
            return _share(shared, shared.answer, call)
        failure = failure_for(call, shared.failure)
        if failure is None:
            return None
        try:
            raise failure
        finally:
            del failure  # an error that names the frame that names the error is freed by no count


def _share(shared: Shared, answer: Reply, call: Call) -> Reply:
    """The answer for one of those who wait."""
    own = replace(answer)
    if shared.paid:
        own.cost = 0.0
    shared.paid = True
    call.story.instead_of = shared.call.story.instead_of
    return own
