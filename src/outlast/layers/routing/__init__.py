"""Routing: try a route's targets in order, until one answers.

    for each call:   the next untried target that can do what is asked and is ready now,
                     else one whose pause is worth waiting for,
                     else, when every circuit is open, the one early probe,
                     else the last real failure, or a refusal with the shortest retry_after

A target that is paused for a short time is waited for when the next one is no better: `patience` is 0.5 s if the next
target serves the same model, 2.5 s if it is another. Routing only peeks at circuits and pauses; it never holds one.

Orders: priority (as listed), latency (live p50 of the first content, with exploration), cost, weighted.
"""

from __future__ import annotations

from collections.abc import Callable

from outlast.flow.call import NO_OTHERS, Answer, Call, Handler, Layer
from outlast.flow.latencies import Latencies
from outlast.layers.routing.config import RoutingConfig
from outlast.layers.routing.ranking import Ranking
from outlast.layers.routing.run import Run
from outlast.layers.routing.standing import OFF, READY, Peek, Standing
from outlast.model.errors import Caller, Failure
from outlast.model.events import TargetSkipped
from outlast.model.messages import NOTHING_SPECIAL, Request
from outlast.model.target import Route, Target

__all__ = ["READY", "Peek", "Routing", "RoutingConfig", "Standing"]

MOST_RANKINGS = 1_000
"""Routes whose order is kept worked out."""
LACKS = (
    ("tools", "it takes no tools"),
    ("vision", "it takes no images"),
    ("schema", "it cannot be held to a schema"),
    ("documents", "it takes no documents"),
)
"""Abilities that a request may need, and what is said of a target without them."""


class Routing:
    """The routes, their live order, and the layer that tries their targets."""

    __slots__ = ("_latencies", "_off", "_orders", "_probe_early", "_rankings", "attempts", "config", "peek", "useful")

    def __init__(
        self,
        config: RoutingConfig,
        *,
        peek: Peek,
        can_probe_early: Callable[[Target], bool],
        latencies: Latencies | None = None,
        attempts: int = 6,
        useful: float = 0.05,
    ) -> None:
        self.config = config
        self.peek = peek
        self._probe_early = can_probe_early
        self.attempts = attempts
        self.useful = useful
        self._latencies = latencies or Latencies()
        self._rankings: dict[Route, Ranking] = {}
        self._off: set[str] = set()
        self._orders: dict[str, tuple[str, ...]] = {}

    def disable(self, target: str) -> None:
        """Send nothing more to that target; what is under way goes on (a drain)."""
        self._off.add(target)

    def enable(self, target: str) -> None:
        """Send to that target again."""
        self._off.discard(target)

    def reorder(self, route: Route, targets: tuple[Target, ...]) -> None:
        """From now on try the route's targets in this order, also when the route is made anew with its prices."""
        self._orders[route.name] = tuple(target.name for target in targets)
        self._rankings.pop(route, None)

    def _new_ranking(self, route: Route) -> Ranking:
        if len(self._rankings) > MOST_RANKINGS:  # routes made for single requests do not pile up
            self._rankings.clear()
        ranking = self._rankings[route] = Ranking(route, self.config, self._latencies)
        wanted = self._orders.get(route.name)
        if wanted is not None:
            by_name = {target.name: target for target in route.targets}
            ranking.reorder(tuple(by_name[name] for name in wanted if name in by_name))
        return ranking

    def unfit(self, target: Target, request: Request) -> str | None:
        """Why the target can not do what is asked, or None."""
        if self._off and target.name in self._off:
            return OFF
        if request.operation == "embed":
            return None if target.embeds else "it makes no embeddings"
        needs = request.needs
        if needs is NOTHING_SPECIAL or needs == NOTHING_SPECIAL:
            return None
        return next((why for ability, why in LACKS if getattr(needs, ability) and not getattr(target, ability)), None)

    def can_probe_early(self, target: Target) -> bool:
        """Is the target's one early probe still to be had?"""
        return target.name not in self._off and self._probe_early(target)

    def layer(self) -> Layer:
        """Try the targets of the call's route until one answers."""

        def layer(inner: Handler) -> Handler:
            async def handle(call: Call) -> Answer:
                io = call.io
                now = io.now()
                run = self._run(call, now)
                try:
                    while (view := run.next(now)) is not None:
                        if run.starts > now:
                            await io.sleep(run.starts - now)
                        try:
                            answer = await inner(view)
                        except Failure as failure:
                            now = io.now()
                            if run.ended_by(view, failure):
                                raise
                            continue
                        self._sample(view, io.now())
                        view.others, view.legs = NO_OTHERS, None  # nobody asks any more; a stream may be open for long
                        answer.source = "primary" if view.target is run.order[0] else "fallback"
                        answer.attempts = call.story.made
                        return answer
                    raise run.give_up(now)
                finally:
                    run.failure = None  # an error that names the frame that names the run is freed by no count

            return handle

        return layer

    def _run(self, call: Call, now: float) -> Run:
        """The call's way through the targets; its second leg has the order of its first."""
        legs = call.legs
        if legs is None:
            return Run(self, call, self._order(call, now), call.story.made)
        if call.toward is None:
            legs.order, legs.earlier = self._order(call, now), call.story.made
        return Run(self, call, legs.order, legs.earlier, toward=call.toward, tried=legs.tried)

    def _order(self, call: Call, now: float) -> tuple[Target, ...]:
        """The targets that the call may be sent to, best first."""
        route, request = call.route, call.request
        ranking = self._rankings.get(route) or self._new_ranking(route)
        order = ranking.targets if ranking.fixed else ranking.order(call, now)
        tokens = request.tokens + (request.max_tokens or 0)
        if tokens > ranking.smallest_window:
            order = _roomy_first(order, tokens)
        if route.max_cost is not None:
            order = self._affordable(call, order, route.max_cost)
        if route.max_latency is not None:
            order = self._fast_enough(call, order, route.max_latency, now)
        return order if self.config.enabled else order[:1]

    def _sample(self, view: Call, now: float) -> None:
        if view.first is not None and self._latencies.wanted:
            self._latencies.of(view.target.name, view.request.stream, now).add(view.first, now)

    def _affordable(self, call: Call, order: tuple[Target, ...], limit: float) -> tuple[Target, ...]:
        """The targets whose price is not over the limit, or not known. Raises `Caller` when there is none."""
        request = call.request
        output = request.max_tokens or self.config.expected_output
        dear = {t.name: cost for t in order if t.price and (cost := t.price.of(request.tokens, output)) > limit}
        for name, cost in dear.items():
            call.io.emit(TargetSkipped(call.id, name, f"it would cost ${cost:.4g}", value=cost, limit=limit))
        if dear and len(dear) == len(order):
            least = min(dear.values())
            raise Caller(
                f"no target of the route {call.route.name!r} can take this request: "
                f"it would cost ${least:.4g} at least, and ${limit:.4g} is the most; max_tokens makes it cheaper"
            )
        return tuple(target for target in order if target.name not in dear)

    def _fast_enough(self, call: Call, order: tuple[Target, ...], limit: float, now: float) -> tuple[Target, ...]:
        """The targets that are fast enough, as far as is known; all of them if none is."""
        slow = {}
        for target in order:
            p99 = self._latencies.of(target.name, call.request.stream, now).at(0.99, now, self.config.least_samples)
            if p99 is not None and p99 > limit:
                slow[target.name] = p99
        if len(slow) == len(order):
            return order
        for name, p99 in slow.items():
            call.io.emit(TargetSkipped(call.id, name, f"its p99 of {p99:.3g} s is too long", value=p99, limit=limit))
        return tuple(target for target in order if target.name not in slow)


def _roomy_first(order: tuple[Target, ...], tokens: int) -> tuple[Target, ...]:
    """The same targets, those last whose window looks too small: an estimate must not refuse what might fit."""
    return tuple(sorted(order, key=lambda target: bool(target.window) and tokens > target.window))
