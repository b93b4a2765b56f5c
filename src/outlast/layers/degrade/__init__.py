"""Degrade: when nobody answers a request, answer with less, and say so.

    inner ── a failure that is not the caller's own ──▶ the rungs of the route, one after the other, until one answers
                stale      what the cache has kept                at once
                weaker     another route is asked                 in the time that is left
                simplify   less is asked for                      in the time that is left
                static     words of the configuration             at once
             ── no rung answers ──▶ the failure

The rungs that ask a model share the request's deadline: a part of it is kept for them from the start, and each of them
leaves its share to those behind it. Whatever answers says what it is (`source`), and what it stands in for.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from outlast.flow.call import Answer, Call, Handler, Layer
from outlast.flow.whole import as_stream
from outlast.layers.degrade.config import DegradeConfig, SimplifyConfig
from outlast.layers.degrade.simplify import simplified
from outlast.model.errors import Failure
from outlast.model.events import Degraded
from outlast.model.messages import Reply, Text, Usage
from outlast.model.rungs import Rung, Static, name_of, source_of
from outlast.model.target import Route

__all__ = ["DegradeConfig", "Degrades", "SimplifyConfig", "simplified"]

Find = Callable[[str], Route]
ASKING = frozenset({"weaker", "simplify"})
"""Rungs that take time."""


class Degrades:
    """The layer.

    Args:
        config: its configuration.
        find: finds the route that the rung "weaker" leads to.
        useful: seconds that asking a model takes at least.
    """

    __slots__ = ("_config", "_find", "_useful")

    def __init__(self, config: DegradeConfig, *, find: Find, useful: float) -> None:
        self._config = config
        self._find = find
        self._useful = useful

    def layer(self) -> Layer:
        """Answer with less when nobody answers."""

        def layer(inner: Handler) -> Handler:
            async def handle(call: Call) -> Answer:
                if not call.route.degrade or call.behind or call.request.forward is not None:
                    return await inner(call)
                try:
                    return await inner(self._first(call))
                except Failure as failure:
                    if not failure.replaceable:
                        raise
                    met = failure
                try:
                    answer = await self._less(call, inner, met.kind)
                    if answer is None:
                        raise met
                    return answer
                finally:
                    del met  # an error that names the frame that names the error is freed by no count

            return handle

        return layer

    def _first(self, call: Call) -> Call:
        """The request itself, in the time that it may take; the rest is kept for the rungs."""
        if not any(rung in ASKING for rung in call.route.degrade):
            return call
        kept = min(self._config.reserve * (call.deadline - call.io.now()), self._config.reserve_most)
        return replace(call, spare=None, deadline=call.deadline - kept)

    async def _less(self, call: Call, inner: Handler, kind: str) -> Answer | None:
        """What the first rung brings that brings anything, in place of a failure of that kind; None when none does."""
        rungs = call.route.degrade
        for place, rung in enumerate(rungs):
            share = sum(later in ASKING for later in rungs[place:])
            answer = await self._climb(rung, call, inner, share)
            reason = answer if isinstance(answer, str) else ""
            call.io.emit(Degraded(call.id, call.route.name, name_of(rung), kind, reason))
            if not isinstance(answer, str):
                answer.source = source_of(rung)
                answer.attempts = call.story.made
                call.story.instead_of = kind
                return answer
        return None

    async def _climb(self, rung: Rung, call: Call, inner: Handler, share: int) -> Answer | str:
        """What one rung brings, or why it brings nothing. `share` rungs, with this one, are to have the time left."""
        if rung == "stale":
            return (call.spare and call.spare(call.io.now())) or "nothing is kept"
        if call.request.operation != "chat":
            return "only answers in words can be replaced"
        if isinstance(rung, Static):
            return _static(rung, call)
        return await self._climb_asking(rung, call, inner, share)

    async def _climb_asking(self, rung: Rung, call: Call, inner: Handler, share: int) -> Answer | str:
        """What a rung brings that asks somebody."""
        if call.request.needs.state:
            return "it refers to what one account keeps"
        now = call.io.now()
        left = (call.deadline - now) / share
        if left <= self._useful:
            return "no time is left"
        view = replace(call, spare=None, lesser=True, deadline=now + left)
        try:
            return await self._ask(rung, view, inner)
        except Failure as failure:
            return failure.kind

    async def _ask(self, rung: Rung, view: Call, inner: Handler) -> Answer | str:
        """What another route brings, or less of the question; best from somebody who has not just failed."""
        route = view.route
        if rung == "simplify":
            less = simplified(view.request, self._config.simplify)
            if less is None:
                return "the last word is not the user's"
            view.request = less
        if route.weaker and "weaker" not in route.degrade[: route.degrade.index(rung)]:
            view.route = self._find(route.weaker)
        return await inner(view)


def _static(rung: Static, call: Call) -> Answer | str:
    """The configured words as an answer; not where JSON is asked for and they are none."""
    words, request = rung.static, call.request
    if request.json:
        try:
            msgspec.json.decode(words)
        except msgspec.MsgspecError:
            return "it is no JSON, which was asked for"
    reply = Reply(
        model=request.model,
        finish="stop",
        usage=Usage(),
        read=lambda: (Text(words),),
        id=call.id,
        cost=0.0,
    )
    return as_stream(reply, call) if request.stream else reply
