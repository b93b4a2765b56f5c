"""Counting: how many tokens a request has, as a provider of the route counts them, else as we estimate.

    count ─▶ targets whose dialect has words for it ─▶ the provider's own number       source "primary" or "fallback"
                        └─ none, or none that answers ─▶ our estimate                   source "estimate"

A count is light: nobody waits long for it, since an estimate is at hand. It costs a request, and no tokens.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import Struct
from msgspec.structs import replace

from outlast.flow.call import Answer, Call, Handler, Layer
from outlast.model.errors import Caller, Cancelled, Failure, Internal
from outlast.model.events import CountEstimated
from outlast.model.messages import Counted, Request, Usage
from outlast.model.target import Route, Target
from outlast.model.tokens import tokens_of

__all__ = ["Counting", "CountingConfig"]

Counts = Callable[[Target, Request], bool]

MOST_ROUTES = 1_000
"""Routes whose counting targets are kept worked out."""
ESTIMATED = "estimate"


class CountingConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How long a provider's count is waited for. Times in seconds."""

    enabled: bool = True
    """Ask providers; without it every count is an estimate."""
    wait: float = 10.0
    """A provider's count is waited for so long at most, then it is estimated."""


class Counting:
    """The layer.

    Args:
        config: how long a provider's count is waited for.
        counts: does that target have words for a count of that request?
    """

    __slots__ = ("_config", "_counts", "_routes")

    def __init__(self, config: CountingConfig, counts: Counts) -> None:
        self._config = config
        self._counts = counts
        self._routes: dict[tuple[Route, str], Route] = {}

    def layer(self) -> Layer:
        """Count where that is asked; everything else goes through."""

        def layer(inner: Handler) -> Handler:
            def handle(call: Call) -> Awaitable[Answer]:
                return self._count(inner, call) if call.request.operation == "count" else inner(call)

            return handle

        return layer

    async def _count(self, inner: Handler, call: Call) -> Answer:
        route = self._able(call)
        kept = call.request.needs.state  # what we do not have, we cannot estimate
        if not route.targets:
            return await inner(call) if kept else _estimate(call, "no target of the route counts")
        deadline = min(call.deadline, call.io.now() + self._config.wait)
        try:
            return await inner(replace(call, route=route, deadline=deadline))
        except Failure as failure:
            if kept or _is_final(failure):
                raise
            why = failure.kind
        return _estimate(call, why)

    def _able(self, call: Call) -> Route:
        """The route with those of its targets alone that count; the same one for the same route."""
        if not self._config.enabled:
            return Route(call.route.name, ())
        key = call.route, call.request.dialect
        route = self._routes.get(key)
        if route is None:
            if len(self._routes) >= MOST_ROUTES:
                self._routes.clear()
            targets = tuple(target for target in call.route.targets if self._counts(target, call.request))
            route = self._routes[key] = replace(call.route, targets=targets)
        return route


def _is_final(failure: Failure) -> bool:
    """Is it the caller's to know? That a provider has no such path is not."""
    return isinstance(failure, (Caller, Cancelled, Internal)) and failure.status != 404


def _estimate(call: Call, why: str) -> Counted:
    """Our own number, in the vocabulary of the target that the route prefers."""
    target = call.route.targets[0]
    tokens = tokens_of(call.request, target.vocabulary)
    call.io.emit(CountEstimated(call.id, target.name, tokens, why))
    return Counted(
        tokens=tokens,
        model=target.model,
        usage=Usage(),
        target=target.name,
        source=ESTIMATED,
        attempts=call.story.made,
        cost=0.0,
    )
