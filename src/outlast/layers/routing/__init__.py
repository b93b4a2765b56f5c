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

from collections.abc import Callable, Collection

from outlast.flow.call import NO_OTHERS, Answer, Call, Handler, Layer
from outlast.flow.latencies import Latencies
from outlast.layers.routing.config import RoutingConfig
from outlast.layers.routing.lacks import OFF, Lack, kept_elsewhere, too_dear, too_slow, too_small, unable
from outlast.layers.routing.order import Order
from outlast.layers.routing.ranking import Ranking
from outlast.layers.routing.run import Run
from outlast.layers.routing.standing import READY, Peek, Standing
from outlast.model.errors import Failure
from outlast.model.target import Route, Target

__all__ = ["READY", "Peek", "Routing", "RoutingConfig", "Standing"]

MOST_RANKINGS = 1_000
"""Routes whose order is kept worked out."""
LASTING = frozenset({"chat", "embed"})
"""Operations whose times tell how fast a target is."""
MOST_BREAKS = 2
"""A target that breaks off so often in one answer is not asked for its rest."""


class Routing:
    """The routes, their live order, and the layer that tries their targets."""

    __slots__ = (
        "_latencies",
        "_most_breaks",
        "_off",
        "_orders",
        "_probe_early",
        "_rankings",
        "attempts",
        "config",
        "peek",
        "per_request",
        "useful",
    )

    def __init__(
        self,
        config: RoutingConfig,
        *,
        peek: Peek,
        can_probe_early: Callable[[Target], bool],
        latencies: Latencies | None = None,
        attempts: int = 6,
        per_request: int = 12,
        most_breaks: int = MOST_BREAKS,
        useful: float = 0.05,
    ) -> None:
        self.config = config
        self.peek = peek
        self._probe_early = can_probe_early
        self.attempts = attempts
        self.per_request = per_request
        self._most_breaks = most_breaks
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

    def unfit(self, target: Target, call: Call) -> Lack | None:
        """Why the target can not do what is asked, or not for the route's price; or None."""
        if self._off and target.name in self._off:
            return OFF
        lack = unable(target, call.request)
        if lack is None and call.request.needs.state:
            lack = kept_elsewhere(target, call.route.keeper(call.request.dialect))
        if lack is None and call.route.max_cost is not None:
            return too_dear(target, call.request, call.route.max_cost, self.config)
        return lack

    def slow(self, target: Target, call: Call, limit: float, now: float) -> Lack | None:
        """That the target takes longer than so many seconds, as far as is known; or None."""
        return too_slow(self._latencies.of(target.name, call.request.stream, now), limit, now, self.config)

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
                        if run.held_back(view, answer):
                            now = io.now()
                            continue
                        self._sample(view, io.now())
                        return _from(run, view, answer)
                    if run.kept is not None and run.kept_of is not None:
                        return _from(run, run.kept_of, run.kept)
                    raise run.give_up(now)
                finally:
                    run.kept = None
                    run.failure = None  # an error that names the frame that names the run is freed by no count

            return handle

        return layer

    def _run(self, call: Call, now: float) -> Run:
        """The call's way through the targets; its second leg has the order of its first."""
        legs = call.legs
        if legs is not None and call.toward is not None:
            return Run(self, call, legs.order, legs.earlier, toward=call.toward, tried=legs.tried)
        order, made = self._order(call, now), call.story.made
        run = Run(self, call, order, made)
        if legs is not None:
            legs.order, legs.earlier, run.tried = order, made, legs.tried
        if isinstance(order, Order):
            for target in order.postponed():
                run.pass_by(target, too_small(target))
        return run

    def _order(self, call: Call, now: float) -> Collection[Target]:
        """The targets that the call may be sent to, best first."""
        order: Collection[Target] = (self._rankings.get(call.route) or self._new_ranking(call.route)).order(call, now)
        if not self.config.enabled:
            order = (next(iter(order)),)
        return _broken_last(order, call.avoid, self._most_breaks) if call.avoid else order

    def _sample(self, view: Call, now: float) -> None:
        if view.first is not None and self._latencies.wanted and view.request.operation in LASTING:
            self._latencies.of(view.target.name, view.request.stream, now).add(view.first, now)


def _from(run: Run, view: Call, answer: Answer) -> Answer:
    """The answer, which says where it comes from."""
    view.others, view.legs = NO_OTHERS, None  # nobody asks any more; a stream may be open for long
    answer.source = "primary" if view.target is next(iter(run.order)) else "fallback"
    answer.attempts = view.story.made
    return answer


def _broken_last(order: Collection[Target], avoid: tuple[str, ...], most: int) -> tuple[Target, ...]:
    """The same targets, those last that broke off, the earliest first; without those that did so too often."""
    left = [target for target in order if avoid.count(target.name) < most]
    return tuple(sorted(left, key=lambda target: avoid.index(target.name) if target.name in avoid else -1))
