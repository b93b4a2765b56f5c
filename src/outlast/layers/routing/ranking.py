"""The order in which a route's targets are tried: as listed, by live latency, by cost, or by weight."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Collection
from functools import partial
from itertools import accumulate

from outlast.flow.call import Call
from outlast.flow.latencies import Latencies
from outlast.flow.room import SURE, lacks_room
from outlast.layers.routing.config import RoutingConfig
from outlast.layers.routing.order import Order
from outlast.model.target import Price, Route, Target


class Ranking:
    """The order in which a route's targets are tried, made anew only when it may have changed.

    Attributes:
        targets: in the order that is told by the route alone.
        fixed: that is the order for every call.
        smallest_window: tokens; who needs more may have to be sent elsewhere.
    """

    __slots__ = ("_config", "_cumulative", "_latencies", "_order", "_ranked", "fixed", "smallest_window", "targets")

    def __init__(self, route: Route, config: RoutingConfig, latencies: Latencies) -> None:
        self._config = config
        self._latencies = latencies
        self._order = route.order
        self.fixed = route.order in {"priority", "cost"}
        latencies.wanted |= route.order == "latency" or route.max_latency is not None
        dearest_last = route.order == "cost"
        targets = sorted(route.targets, key=lambda target: _blended(target.price)) if dearest_last else route.targets
        self.reorder(tuple(targets))

    def reorder(self, targets: tuple[Target, ...]) -> None:
        """From now on these targets in this order; with order "latency" until they are ranked anew."""
        self.targets = targets
        self._ranked: dict[bool, tuple[float, tuple[Target, ...]]] = {}  # streamed or whole → when, and how
        self.smallest_window = min((t.window for t in targets if t.window), default=float("inf"))
        self._cumulative = list(accumulate(max(0.0, target.weight) for target in targets))

    def order(self, call: Call, now: float) -> Collection[Target]:
        """The targets, best first. As long as it is the usual order, it is the same object for every call."""
        targets, first = (self.targets, 0) if self.fixed else self._led(call, now)
        request = call.request
        if SURE * request.tokens + (request.max_tokens or 0) > self.smallest_window and len(targets) > 1:
            return Order(targets, first=first, small=partial(lacks_room, request))
        return Order(targets, first=first) if first else targets

    def _led(self, call: Call, now: float) -> tuple[tuple[Target, ...], int]:
        """The targets in order, and the index of the one that comes before them all."""
        if self._order == "latency":
            targets = self._by_latency(call.request.stream, now)
            return targets, self._explored(len(targets), call.io.random())
        return self.targets, self._by_weight(call.io.random())

    def _by_latency(self, stream: bool, now: float) -> tuple[Target, ...]:
        at, targets = self._ranked.get(stream, (float("-inf"), self.targets))
        if now - at >= self._config.rank_every:
            targets = tuple(sorted(self.targets, key=lambda target: self._p50(target, stream, now)))
            self._ranked[stream] = now, targets
        return targets

    def _explored(self, many: int, dice: float) -> int:
        """Another than the first, now and then, so that no bad sample keeps a target away for ever."""
        explore = self._config.explore
        return 1 + int(dice / explore * (many - 1)) if dice < explore and many > 1 else 0

    def _p50(self, target: Target, stream: bool, now: float) -> float:
        p50 = self._latencies.of(target.name, stream, now).at(0.5, now)
        return -1.0 if p50 is None else p50  # who has no sample is tried first

    def _by_weight(self, dice: float) -> int:
        if not self._cumulative or self._cumulative[-1] <= 0:
            return 0
        return min(bisect(self._cumulative, dice * self._cumulative[-1]), len(self.targets) - 1)


def _blended(price: Price | None) -> float:
    """Dollars for a million tokens, three of the prompt to one of the answer; unknown prices come last."""
    return float("inf") if price is None else 0.75 * price.input + 0.25 * price.output
