"""THE list: which layers there are, in which order, and why.

    once per request     idempotency        outermost: what was answered is answered so, whatever has become of the rest
                         cache              what was kept costs nothing, not even a place in a queue
                         coalesce           the same requests under way at once are one
                         degrade            sees every failure below it, and answers with less
                         caller's limits    a caller over its limit must not take a place from others
                         admission          the gateway's slots and its priority queue
                         rewrite            outside structured: other words are a question of their own
                         structured         outside resume: what does not match its schema is routed anew, from the top
                         resume             outside routing: a stream that breaks is routed anew, for its rest
                         hedge              outside routing, since its second leg is routed too
                         counting           outside routing, which it lets try the targets alone that count
                         routing            tries the targets; it only peeks at circuits and pauses
    once per target      structured again   asks for JSON in words where no provider holds the target to a schema
                         fit                shortens what is too long for the target, where that is wanted
    once per attempt     retry              inside routing, so that a retry is rare where another target exists
                         pause              what a throttled target asks for is waited for first, holding nothing
                         limits             the provider's quota is waited for before a slot is taken
                         bulkhead           the target's slots
                         pause again        who queued must not go to a target that was paused meanwhile
                         breaker            entered last: a half-open permit never waits in a queue
                         hedge again        hears when an attempt is sent, for it counts its time from there
                         attempt            timers and connection; the breaker sees every one

Whatever a later gate refuses, the earlier gates get back. Layers that are switched off are not in the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from outlast.flow.call import Call, Handler, Layer, compose
from outlast.flow.gate import Admit, gates
from outlast.flow.latencies import Latencies
from outlast.layers.attempt import AttemptConfig, Attempts
from outlast.layers.breaker import BreakerConfig, Breakers
from outlast.layers.bulkhead import GATEWAY, Bulkhead, BulkheadConfig, SlotsConfig
from outlast.layers.cache import Cache, CacheConfig
from outlast.layers.coalesce import Coalesce, CoalesceConfig
from outlast.layers.counting import Counting, CountingConfig
from outlast.layers.degrade import DegradeConfig, Degrades, Find
from outlast.layers.fit import FitConfig, fit
from outlast.layers.hedge import HedgeConfig, Hedges
from outlast.layers.idempotency import Idempotency, IdempotencyConfig
from outlast.layers.limits import Keeper, LimitsConfig, MaxWait, Peers, ScopesOf, SharedKeeper, at_once
from outlast.layers.pause import PauseConfig, Pauses
from outlast.layers.resume import ResumeConfig, resume
from outlast.layers.retry import Draw, Retries, RetryConfig
from outlast.layers.rewrite import Rewrite, rewriting
from outlast.layers.routing import READY, Routing, RoutingConfig, Standing
from outlast.layers.structured import Structured, StructuredConfig
from outlast.model.target import Target
from outlast.ports import Dialect, Keeping, Store


class LayersConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """One table for each layer; each can be switched off with `enabled = false`."""

    idempotency: IdempotencyConfig = IdempotencyConfig()
    cache: CacheConfig = CacheConfig()
    coalesce: CoalesceConfig = CoalesceConfig()
    degrade: DegradeConfig = DegradeConfig()
    retry: RetryConfig = RetryConfig()
    breaker: BreakerConfig = BreakerConfig()
    pause: PauseConfig = PauseConfig()
    limits: LimitsConfig = LimitsConfig()
    bulkhead: BulkheadConfig = BulkheadConfig()
    """Slots of each target, the queue for them, and how they adapt."""
    admission: SlotsConfig = GATEWAY
    """Requests under way in the gateway, and the queue for them."""
    structured: StructuredConfig = StructuredConfig()
    resume: ResumeConfig = ResumeConfig()
    hedge: HedgeConfig = HedgeConfig()
    routing: RoutingConfig = RoutingConfig()
    counting: CountingConfig = CountingConfig()
    """How long a provider's count of tokens is waited for."""
    fit: FitConfig = FitConfig()
    attempt: AttemptConfig = AttemptConfig()


class Stack:
    """The engine's handler, and the machines in it for whoever shows or steers them.

    Args:
        config: the layers' configuration.
        dialects: the wire formats, by name.
        caller_scopes: whose limits a call falls under before it is routed; None where no caller has any.
        target_scopes: whose limits an attempt on a target falls under; None where no target has any.
        hedged: some route asks to be hedged, whatever the layer's configuration says of the others.
        coalesced: some route asks for the same requests to share one call, whatever the configuration says of others.
        store: keeps answers, where any are to be kept; None where none are.
        shared: decides for several processes what their limits let pass; None where each decides for itself.
        records: keeps what is known of idempotency keys; None where nobody looks at them.
        find: finds the routes that ladders lead to; None where no route has a ladder.
        rewrite: finds other words for what a content filter refused; None where nobody does.
    """

    def __init__(
        self,
        config: LayersConfig,
        *,
        dialects: Mapping[str, Dialect],
        caller_scopes: ScopesOf | None,
        target_scopes: ScopesOf | None,
        hedged: bool = False,
        coalesced: bool = False,
        store: Keeping | None = None,
        shared: Store | None = None,
        records: Store | None = None,
        find: Find | None = None,
        rewrite: Rewrite | None = None,
    ) -> None:
        self.config = config
        self.cache = (
            None if store is None else Cache(config.cache, store=store, dialects=dialects, outranked=self.outranked)
        )
        self.idempotency = (
            None if records is None else Idempotency(config.idempotency, store=records, dialects=dialects)
        )
        self.hedging = hedged or config.hedge.enabled
        self.coalesce = Coalesce(config.coalesce) if coalesced or config.coalesce.enabled else None
        self._degrades = None if find is None else Degrades(config.degrade, find=find, useful=config.retry.useful)
        latencies = Latencies()
        latencies.wanted = self.hedging
        self.breakers = Breakers(config.breaker)
        self.pauses = Pauses(config.pause)
        self.retries = Retries(config.retry)
        self.admission = Bulkhead(config.admission, "admission", lambda _: "gateway")
        self.bulkhead = Bulkhead(
            config.bulkhead,
            "bulkhead",
            lambda call: call.target.name,
            lowers=True,
            adaptive=config.bulkhead.adaptive,
        )
        self.peers = None if shared is None else Peers(shared, config.limits.processes)
        self.caller_limits = self._keeper(caller_scopes)
        self.target_limits = self._keeper(target_scopes, self._quota_wait)
        self.routing = Routing(
            config.routing,
            peek=self.standing,
            can_probe_early=lambda target: self.breakers.of(target.name).can_probe_early(),
            latencies=latencies,
            attempts=config.retry.total,
            per_request=config.retry.per_request,
            most_breaks=2 if config.retry.enabled else 1,
            useful=config.retry.useful,
        )
        self.hedges = Hedges(config.hedge, latencies, self)
        self._structured = Structured(config.structured, config.retry.per_request)
        self._rewrite = rewrite
        self._counting = Counting(
            config.counting,
            lambda target, request: "count" in dialects[target.speaks(request.dialect)].paths.values(),
        )
        self._attempts = Attempts(config.attempt, dialects)
        self.handler: Handler = compose(self.layers(), self._attempts.handler())

    def _keeper(self, scopes: ScopesOf | None, max_wait: MaxWait = at_once) -> Keeper:
        """Limits of this process, or of all that share its store."""
        if self.peers is None:
            return Keeper(self.config.limits, scopes, max_wait=max_wait)
        return SharedKeeper(self.config.limits, scopes, self.peers, max_wait=max_wait)

    def layers(self) -> Iterator[Layer]:
        """The layers that are switched on and have something to do, outermost first; gates in a row are one layer."""
        yield from self._around_routing()
        yield self._counting.layer()
        yield self.routing.layer()
        yield from self._around_attempts()

    def _around_routing(self) -> Iterator[Layer]:
        """Once per request."""
        config = self.config
        if self.idempotency is not None:
            yield self.idempotency.layer()
        if self.cache is not None:
            yield self.cache.layer()
        if self.coalesce is not None:
            yield self.coalesce.layer()
        if self._degrades is not None and config.degrade.enabled:
            yield self._degrades.layer()
        yield gates(
            _on(config.limits.enabled and self.caller_limits.needed, self.caller_limits.admit),
            _on(config.admission.enabled, self.admission.admit),
        )
        if self._rewrite is not None:
            yield rewriting(self._rewrite)
        if config.structured.enabled:
            yield self._structured.layer()
        if config.resume.enabled:
            yield resume(config.resume, config.retry.per_request)
        if self.hedging:
            yield self.hedges.layer()

    def _around_attempts(self) -> Iterator[Layer]:
        """Once per target, and per attempt there."""
        config = self.config
        if config.structured.enabled:
            yield self._structured.asking()
        if config.fit.enabled:
            yield fit(config.fit)
        if config.retry.enabled:
            yield self.retries.layer()
        yield gates(
            _on(config.pause.enabled, self.pauses.admit),
            _on(config.limits.enabled and self.target_limits.needed, self.target_limits.admit),
            _on(config.bulkhead.enabled, self.bulkhead.admit),
            _on(config.pause.enabled, self.pauses.again),
            _on(config.breaker.enabled, self.breakers.admit),
            _on(self.hedging, self.hedges.admit),
        )

    def standing(self, target: Target, now: float) -> Standing:
        """What may be expected of a target now, without asking any gate for a permit."""
        left, waitable = self.pauses.left(target.name, target.provider.name, now)
        if left > 0:
            return Standing(left, waitable, reason="it is paused" if waitable else "its provider took it out")
        wait = self.breakers.ready(target.name, now)
        if wait <= 0:
            return READY
        circuit = self.breakers.of(target.name)
        probed = circuit.override is None and not circuit.hinted(now)
        return Standing(wait, waitable=False, open=probed, reason="its circuit is open")

    def outranked(self, call: Call, answered: str, now: float) -> bool:
        """Would another model than that of the target which answered be asked first now?"""
        route = call.route
        if route.order != "priority":
            return False
        family = next((target.family for target in route.targets if target.name == answered), "")
        for target in route.targets:
            if target.name == answered or (family and target.family == family):
                return False
            if self.routing.unfit(target, call) is None and self.standing(target, now).wait <= 0:
                return True
        return False

    def busy(self, target: str) -> float:
        """The share of the target's slots that is taken, in [0, 1]."""
        slots = self.bulkhead.of(target)
        return slots.used / slots.capacity if slots.capacity else 1.0

    def draw(self, target: str, now: float) -> Draw | None:
        """One more call out of the target's retry budget, or None."""
        return self.retries.budget(target, now).withdraw(self.config.retry.cost, now)

    def may_send(self, call: Call, earlier: int, now: float) -> bool:
        """Are attempts left, and time for one, `earlier` calls having been made before this one was routed?"""
        retry, made = self.config.retry, call.story.made
        left = made - earlier < retry.total and made < retry.per_request
        return left and now + retry.useful < call.deadline

    def _quota_wait(self, call: Call, now: float) -> float:
        """How long a call may wait for a provider's quota: not at all while another target is left."""
        if call.others.healthy(now):
            return 0.0
        return max(0.0, min(self.config.limits.max_wait, call.deadline - now))


def _on(enabled: bool, admit: Admit | None) -> Admit | None:
    """The gate, if it is switched on."""
    return admit if enabled else None
