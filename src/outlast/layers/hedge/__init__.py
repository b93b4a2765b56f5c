"""Hedging: when the first content takes unusually long, ask another target too; who speaks first answers.

    first leg    ── sent ────────── p95 ───────────────┬── content: it answers, and the second is cancelled
                     │ the target's live quantile      │
    second leg       └──────────────── sent ───────────┴── content: it answers, and the first is cancelled

The second leg goes to a target that the call has not tried, which is ready and has slots to spare; it is one attempt,
until the first leg has failed: then it may do all that the first still could. An error that is the caller's own fault
ends both; after any other the one that is left goes on, and if both fail the last real failure is raised. The loser is
cancelled and not waited for, and its time is noted as one that was cut short: what it would have been is longer.

At most 5 % of a route's calls are hedged, each within the retry budget of its target, one class lower.

Sources: Dean & Barroso, "The tail at scale"; gRPC A6 (hedging); Finagle's BackupRequestFilter (superseded times count).
"""

from __future__ import annotations

from typing import Protocol

from outlast.flow.call import Answer, Call, Handler, Layer
from outlast.flow.gate import AtOnce
from outlast.flow.kept import Kept
from outlast.flow.latencies import Latencies
from outlast.flow.stream import End
from outlast.layers.hedge.config import HedgeConfig
from outlast.layers.hedge.extra import Extra
from outlast.layers.hedge.race import Draw, Hedge, Leave
from outlast.model.caller import PRIORITIES
from outlast.model.errors import Failure

__all__ = ["Extra", "Hedge", "HedgeConfig", "Hedges", "Knowledge"]


class Knowledge(Protocol):
    """What hedging must know of the layers below, whom it does not know itself."""

    def busy(self, target: str) -> float:
        """The share of the target's slots that is taken, in [0, 1]."""
        ...

    def draw(self, target: str, now: float) -> Draw | None:
        """One more call out of the target's retry budget, or None."""
        ...

    def may_send(self, call: Call, earlier: int, now: float) -> bool:
        """Are attempts left, and time for one, `earlier` calls having been made before this one was routed?"""
        ...


class Hedges:
    """The layer that asks a second target, and the gate that tells it when the first was asked.

    Args:
        config: its configuration.
        latencies: how long targets take; kept by routing, completed here by the times of losers.
        knowledge: what it must know of the layers below.
    """

    __slots__ = ("_config", "_extras", "_knowledge", "_latencies", "_lowest")

    def __init__(self, config: HedgeConfig, latencies: Latencies, knowledge: Knowledge) -> None:
        self._config = config
        self._latencies = latencies
        self._knowledge = knowledge
        self._lowest = PRIORITIES.index(config.lowest)
        self._extras: Kept[Extra] = Kept()

    def share_of(self, route: str, now: float = 0.0) -> Extra:
        """How many of that route's calls may be made twice."""
        config = self._config
        return self._extras.get(route) or self._extras.put(route, Extra(config.extra, config.window), now)

    def layer(self) -> Layer:
        """Race two legs of a call where that is asked for; stands around routing."""

        def layer(inner: Handler) -> Handler:
            async def handle(call: Call) -> Answer:
                if not self._wanted(call):
                    return await inner(call)
                now = call.io.now()
                self.share_of(call.route.name, now).count(now)
                return await Hedge(rules=self, call=call, inner=inner).answer()

            return handle

        return layer

    def _wanted(self, call: Call) -> bool:
        route = call.route
        asked = self._config.enabled if route.hedge is None else route.hedge
        twice = call.request.forward is None  # what is passed on unread may do something, and must not be done twice
        return asked and twice and len(route.targets) > 1 and call.priority <= self._lowest

    def admit(self, call: Call, now: float) -> Sent | None:
        """The gate, the last before the attempt: a call of a leg is about to be sent."""
        hedge = call.legs
        if not isinstance(hedge, Hedge):
            return None
        hedge.sent(call, now)
        return Sent(self._latencies, hedge, now)

    # -- what a hedge asks -------------------------------------------------------------------------------------

    def patience(self, call: Call, now: float) -> float | None:
        """Seconds after which this attempt takes unusually long; None while too little is known."""
        known = self._latencies.of(call.target.name, call.request.stream, now)
        return known.at(self._config.quantile, now, self._config.least_samples)

    def leave(self, hedge: Hedge, awaited: Call, now: float) -> Leave | str:
        """Leave to ask another target beside the one that is awaited, or why not."""
        knows = self._knowledge
        if not knows.may_send(awaited, hedge.earlier, now):
            return "no attempts or no time left"
        target = next((t for t in awaited.others.ready(now) if knows.busy(t.name) <= self._config.full), None)
        if target is None:
            return "no other target is ready"
        extra = self.share_of(awaited.route.name, now)
        bucket = extra.take(now)
        if bucket is None:
            return "enough calls have been hedged"
        draw = knows.draw(target.name, now)
        if draw is None:
            extra.give_back(bucket)
            return "the retry budget is spent"
        return Leave(target, draw, lambda: extra.give_back(bucket))


class Sent(AtOnce):
    """One attempt of a leg: when it was sent."""

    __slots__ = ("_at", "_hedge", "_latencies")

    def __init__(self, latencies: Latencies, hedge: Hedge, now: float) -> None:
        self._latencies = latencies
        self._hedge: Hedge | None = hedge
        self._at = now

    def answered(self, call: Call, now: float) -> None:  # noqa: ARG002
        """The first content of a stream is there."""
        self._rest(call)

    def settle(self, call: Call, end: End, now: float) -> None:
        """It is over; the time of one that was cancelled before it had content is noted as cut short."""
        self._rest(call)
        if call.first is None and not isinstance(end.error, Failure):
            known = self._latencies.of(call.target.name, call.request.stream, now)
            known.add_cut(now - self._at, now, call.io.random())

    def _rest(self, call: Call) -> None:
        hedge, self._hedge = self._hedge, None  # a stream may be open for long
        if hedge is not None:
            hedge.rest(call)
