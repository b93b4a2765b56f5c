"""Prometheus metrics: what the events add up to, with labels that stay few.

A name that callers or configurations choose becomes a label only while there is room for it; every later one is
counted under "other", so that no flood of made-up names can fill the memory of whoever scrapes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Literal

from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from outlast.model.events import (
    AttemptEnded,
    BackIn,
    BreakerChanged,
    CacheKept,
    CacheLooked,
    CacheRenewed,
    CameBack,
    CountEstimated,
    Degraded,
    Diverted,
    Event,
    FailedOver,
    Fault,
    GaveUp,
    HedgeLost,
    HedgeRefused,
    HedgeStarted,
    HedgeWon,
    Joined,
    LimitAwaited,
    LimitChanged,
    LimitHit,
    LoopBlocked,
    Overdrawn,
    PauseAwaited,
    ProbeSent,
    Refused,
    ReplyRejected,
    RequestCut,
    RequestEnded,
    RetryRefused,
    RetryScheduled,
    Rewritten,
    Shed,
    SlotAwaited,
    StoreTrouble,
    StreamBroke,
    StreamResumed,
    TakenOut,
    TargetSkipped,
)
from outlast.model.messages import AS_ASKED_FOR, Usage
from outlast.telemetry.labels import CAP, Bounded, as_is, provider_alone, provider_and_model
from outlast.telemetry.tally import BUCKETS, Count, Counts, Described, Kind, Labels, Measured, Reading, Spread, Spreads

STATES = {"closed": 0, "open": 1, "half_open": 2, "forced_open": 1, "disabled": 0, "observe": 0}
"""Of a circuit; the last three are an operator's words, which hold it open or let everything pass."""
TARGET = ("provider", "model")


class Timed:
    """What is counted of everything that has the same labels and ended in the same way."""

    __slots__ = ("count", "first", "latency")

    def __init__(self, count: Count, latency: Spread, first: Spread) -> None:
        self.count = count
        self.latency = latency
        self.first = first

    def add(self, seconds: float, first: float | None) -> None:
        """Count one that took so long, and so long to its first content if it had any."""
        self.count.value += 1.0
        latency = self.latency
        latency.counts[bisect_left(BUCKETS, seconds)] += 1
        latency.sum += seconds
        if first is not None:
            spread = self.first
            spread.counts[bisect_left(BUCKETS, first)] += 1
            spread.sum += first


class Used:
    """The tokens that are counted of every call to one target."""

    __slots__ = ("input", "output")

    def __init__(self, input_: Count, output: Count) -> None:
        self.input = input_
        self.output = output


class Prometheus(Collector):
    """A sink that counts, and renders what it has counted. Several can live together and share nothing.

    Attributes:
        described: every metric there is, in the order of the page.
    """

    def __init__(self, *, cap: int = CAP) -> None:
        self.described: list[Described] = []
        self._shown: list[Counts | Spreads | Measured] = []
        self._target = Bounded(cap, provider_and_model)
        self._provider = Bounded(cap, provider_alone)
        self._route = Bounded(cap, as_is)
        self._name = Bounded(cap, as_is)
        self._queue = Bounded(cap, as_is)
        self._place = Bounded(cap, as_is)
        self._count_requests()
        self._count_attempts()
        self._count_decisions()
        self._count_answers_kept()
        self._requests_like: dict[tuple[str, str, str], Timed] = {}
        self._attempts_like: dict[tuple[str, str], Timed] = {}
        self._used_by: dict[str, Used] = {}
        self._takes: dict[type, Callable[..., None]] = {
            AttemptEnded: self._attempt_ended,
            RequestEnded: self._request_ended,
            StreamBroke: self._stream_broke,
            StreamResumed: self._stream_resumed,
            ReplyRejected: self._reply_rejected,
            RetryScheduled: self._retry_scheduled,
            RetryRefused: self._retry_refused,
            FailedOver: self._failed_over,
            Rewritten: self._rewritten_one,
            HedgeStarted: _nothing,
            HedgeWon: self._hedge_won,
            HedgeLost: self._hedge_lost,
            HedgeRefused: self._hedge_refused,
            TargetSkipped: self._target_skipped,
            RequestCut: self._request_cut,
            CountEstimated: self._count_estimated,
            CameBack: self._came_back,
            GaveUp: self._gave_up,
            Refused: self._refused_one,
            Diverted: self._diverted_one,
            ProbeSent: self._probe_sent,
            BreakerChanged: self._breaker_changed,
            TakenOut: self._taken_out,
            BackIn: self._back_in,
            LimitChanged: self._limit_changed,
            PauseAwaited: self._pause_awaited,
            LimitHit: self._limit_hit,
            LimitAwaited: self._limit_awaited,
            Overdrawn: self._overdrawn_one,
            SlotAwaited: self._slot_awaited,
            Shed: self._shed_one,
            CacheLooked: self._cache_looked,
            CacheKept: self._cache_kept,
            CacheRenewed: self._cache_renewed,
            StoreTrouble: self._store_trouble,
            Joined: self._joined_one,
            Degraded: self._rung_tried,
            Fault: self._fault,
            LoopBlocked: self._loop_blocked,
        }

    def __call__(self, event: Event) -> None:
        """Count the event."""
        self._takes[type(event)](event)

    def know(self, targets: Iterable[str], routes: Iterable[str], slots: int | None = None) -> None:
        """Give these names their labels before any others come; their circuits are closed, their `slots` all there."""
        for target in targets:
            labels = self._target(target)
            self._states.at(labels).value = STATES["closed"]
            if slots is not None:
                self._concurrency.at(labels).value = slots
            self._provider(target)
        for route in routes:
            self._route(route)

    def measure(
        self, name: str, text: str, read: Reading, *, labels: Labels = (), kind: Literal["counter", "gauge"] = "gauge"
    ) -> None:
        """Add a metric whose values `read` gives at each scrape. The owner keeps its labels few."""
        self._shown.append(Measured(self._describe(name, kind, labels, text), read))

    def collect(self) -> Iterable[Metric]:
        """Every metric as it stands now."""
        for shown in self._shown:
            yield shown.collect()

    def render(self) -> bytes:
        """Everything in Prometheus' text format. Some microseconds a line: with many targets, call it in a thread."""
        return generate_latest(self)

    def _describe(self, name: str, kind: Kind, labels: Labels, text: str) -> Described:
        described = Described(name, kind, labels, text)
        self.described.append(described)
        return described

    def _counter(self, name: str, text: str, *labels: str) -> Counts:
        return self._counts(self._describe(name, "counter", labels, text))

    def _gauge(self, name: str, text: str, *labels: str) -> Counts:
        return self._counts(self._describe(name, "gauge", labels, text))

    def _counts(self, described: Described) -> Counts:
        counts = Counts(described)
        self._shown.append(counts)
        return counts

    def _histogram(self, name: str, text: str, *labels: str) -> Spreads:
        spreads = Spreads(self._describe(name, "histogram", labels, text))
        self._shown.append(spreads)
        return spreads

    def _count_requests(self) -> None:
        self._requests = self._counter(
            "requests_total",
            'Requests of callers; kind is "ok" or the failure class, source where the answer came from.',
            "route",
            "kind",
            "source",
        )
        self._request_latency = self._histogram(
            "request_latency_seconds", "From a request to the end of its answer, waits and retries included.", "route"
        )
        self._request_first = self._histogram(
            "request_first_content_seconds", "From a request to the first content of its answer.", "route"
        )
        self._degraded = self._counter(
            "degraded_total", "Answers that were less than what was asked for, by their source.", "source"
        )
        self._cost = self._counter("cost_usd_total", "US dollars for answers, where the price is known.", *TARGET)

    def _count_attempts(self) -> None:
        self._attempts = self._counter(
            "attempts_total", 'Upstream calls; kind is "ok" or the failure class.', *TARGET, "kind"
        )
        self._latency = self._histogram("llm_latency_seconds", "One upstream call, to the end of its answer.", *TARGET)
        self._first = self._histogram(
            "llm_first_content_seconds", "One upstream call, to the first content of its answer.", *TARGET
        )
        self._tokens = self._counter(
            "tokens_total",
            "Tokens of upstream calls; cached and cache_write are part of input, reasoning is part of output.",
            *TARGET,
            "type",
        )
        self._timers = self._counter(
            "timers_fired_total", "Upstream calls that one of our timers ended.", *TARGET, "timer"
        )

        self._broken = self._counter("streams_broken_total", "Streams that broke after their first content.", *TARGET)
        self._resumed = self._counter(
            "streams_resumed_total",
            "Broken streams that another target went on with.",
            "from_provider",
            "to_provider",
            "way",
        )
        self._rewritten = self._counter(
            "requests_rewritten_total", "Requests that began anew in other words after a content filter.", *TARGET
        )
        self._rejected = self._counter(
            "replies_rejected_total", "Answers that did not match the JSON schema of their request.", *TARGET, "reason"
        )

    def _count_decisions(self) -> None:
        self._retries = self._counter("retries_total", "Repetitions at the same target.", *TARGET, "kind")
        self._refused = self._counter(
            "retries_refused_total", "Repetitions that a failure allowed and that were not made.", *TARGET, "kind"
        )
        self._fallbacks = self._counter(
            "fallback_total", "Calls that moved on to another target.", "from_provider", "to_provider"
        )
        self._hedges = self._counter(
            "hedges_total", 'Targets that were asked beside a slow one; kind is "won" or how it lost.', *TARGET, "kind"
        )
        self._hedges_refused = self._counter(
            "hedges_refused_total", "Calls to a target that had waited long enough for a hedge, without any.", *TARGET
        )
        self._skipped = self._counter("targets_skipped_total", "Targets that routing passed by.", *TARGET)
        self._estimated = self._counter("counts_estimated_total", "Counts of tokens that no provider made.", *TARGET)
        self._cut = self._counter("requests_cut_total", "Requests shortened to fit into a window.", *TARGET)
        self._given_up = self._counter(
            "gave_up_total", "Calls for which routing had no target to go on with, and why.", "reason"
        )
        self._gates = self._counter(
            "gate_refusals_total", "Calls that a circuit or a pause refused when they had come to it.", *TARGET, "gate"
        )
        self._diverted = self._counter(
            "diverted_total", "Calls that a target which starts slowly sent to the others.", *TARGET
        )
        self._probes = self._counter("probes_total", "Calls that tested a target which is out.", *TARGET, "gate")
        self._waits = self._counter(
            "waits_total", "Waits of calls: before a retry or a return, for a pause, a limit or a slot.", "reason"
        )
        self._waited = self._counter("wait_seconds_total", "Seconds of these waits.", "reason")
        self._overdrawn = self._counter(
            "overdrawn_total", "Calls that used more than their limits were charged for.", *TARGET
        )
        self._states = self._gauge(
            "circuit_breaker_state",
            "A target's circuit: 0 closed, 1 open, 2 half open; 1 also while an operator holds it open, 0 while he "
            "holds it closed.",
            *TARGET,
        )
        self._transitions = self._counter(
            "circuit_breaker_transitions_total", "Changes of a target's circuit.", *TARGET, "from_state", "to_state"
        )
        self._concurrency = self._gauge(
            "concurrency_limit", "Calls at once that a target is believed to bear; the slots at most.", *TARGET
        )
        self._outs = self._counter(
            "taken_out_total", "Times that a target or a credential was taken out.", "scope", "name", "kind"
        )
        self._backs = self._counter(
            "back_in_total", "Times that what was taken out proved to work again.", "scope", "name"
        )
        self._limited = self._counter("rate_limit_hits_total", "Requests that a limit refused.", "user_type")
        self._shed = self._counter("shed_total", "Requests turned away from a queue.", "queue")
        self._faults = self._counter("faults_total", "Faults of our own that spoilt no answer.", "where")
        self._blocked = self._counter(
            "event_loop_blocked_seconds_total", "Seconds for which the event loop did nothing, in blocks over 0.25 s."
        ).at()

    def _count_answers_kept(self) -> None:
        self._looks = self._counter(
            "cache_lookups_total",
            "Requests that were looked for among the answers kept; found is fresh, renew (given, and renewed), spare "
            "(for when nobody answers) or none.",
            "route",
            "found",
        )
        self._kept = self._counter(
            "cache_kept_total", "Answers that came while the cache was on, kept (yes) or not (no).", "route", "kept"
        )
        self._renewals = self._counter(
            "cache_renewals_total",
            'Answers asked for anew behind a caller\'s back; kind is "ok" or the failure class.',
            "route",
            "kind",
        )
        self._stores = self._counter(
            "store_failures_total", "Times that the store did not do what it was asked, or not in time.", "doing"
        )
        self._joined = self._counter(
            "coalesced_total", "Calls that waited for what the same request brought, under way already.", "route"
        )
        self._rungs = self._counter(
            "degrade_rungs_total",
            "Rungs of ladders that were tried after a failure; answered is yes or no.",
            "route",
            "rung",
            "answered",
        )

    def _cache_looked(self, event: CacheLooked) -> None:
        self._looks.at((*self._route(event.route), event.found)).value += 1

    def _cache_kept(self, event: CacheKept) -> None:
        self._kept.at((*self._route(event.route), "no" if event.reason else "yes")).value += 1

    def _cache_renewed(self, event: CacheRenewed) -> None:
        self._renewals.at((*self._route(event.route), event.kind)).value += 1
        if event.cost:
            self._cost.at(self._target(event.target)).value += event.cost

    def _store_trouble(self, event: StoreTrouble) -> None:
        self._stores.at((event.doing,)).value += 1

    def _joined_one(self, event: Joined) -> None:
        self._joined.at(self._route(event.route)).value += 1

    def _rung_tried(self, event: Degraded) -> None:
        self._rungs.at((*self._route(event.route), event.rung, "no" if event.reason else "yes")).value += 1

    def _request_ended(self, event: RequestEnded) -> None:
        alike = self._requests_like.get((event.route, event.kind, event.source)) or self._first_request(event)
        alike.add(event.seconds, event.first)
        if event.cost:
            self._cost.at(self._target(event.target)).value += event.cost
        if event.source not in AS_ASKED_FOR:
            self._degraded.at((event.source,)).value += 1

    def _first_request(self, event: RequestEnded) -> Timed:
        route = self._route(event.route)
        count = self._requests.at((*route, event.kind, event.source))
        alike = Timed(count, self._request_latency.at(route), self._request_first.at(route))
        if event.route in self._route:  # made-up names are not kept
            self._requests_like[event.route, event.kind, event.source] = alike
        return alike

    def _attempt_ended(self, event: AttemptEnded) -> None:
        alike = self._attempts_like.get((event.target, event.kind)) or self._first_attempt(event)
        alike.add(event.seconds, event.first)
        if event.timer:
            self._timers.at((*self._target(event.target), event.timer)).value += 1
        usage = event.usage
        if usage is not None:
            used = self._used_by.get(event.target) or self._first_use(event.target)
            used.input.value += usage.input
            used.output.value += usage.output
            if usage.cached or usage.cache_write or usage.reasoning:
                self._used_beside(self._target(event.target), usage)

    def _first_attempt(self, event: AttemptEnded) -> Timed:
        target = self._target(event.target)
        count = self._attempts.at((*target, event.kind))
        alike = Timed(count, self._latency.at(target), self._first.at(target))
        if event.target in self._target:
            self._attempts_like[event.target, event.kind] = alike
        return alike

    def _first_use(self, name: str) -> Used:
        target = self._target(name)
        used = Used(self._tokens.at((*target, "input")), self._tokens.at((*target, "output")))
        if name in self._target:
            self._used_by[name] = used
        return used

    def _used_beside(self, target: Labels, usage: Usage) -> None:
        at = self._tokens.at
        if usage.cached:
            at((*target, "cached")).value += usage.cached
        if usage.cache_write:
            at((*target, "cache_write")).value += usage.cache_write
        if usage.reasoning:
            at((*target, "reasoning")).value += usage.reasoning

    def _stream_broke(self, event: StreamBroke) -> None:
        self._broken.at(self._target(event.target)).value += 1

    def _stream_resumed(self, event: StreamResumed) -> None:
        providers = self._provider(event.from_target) + self._provider(event.to_target)
        self._resumed.at((*providers, event.way)).value += 1

    def _reply_rejected(self, event: ReplyRejected) -> None:
        self._rejected.at((*self._target(event.target), event.reason)).value += 1

    def _rewritten_one(self, event: Rewritten) -> None:
        self._rewritten.at(self._target(event.target)).value += 1

    def _retry_scheduled(self, event: RetryScheduled) -> None:
        self._retries.at((*self._target(event.target), event.kind)).value += 1
        self._wait_of("retry", event.delay)

    def _retry_refused(self, event: RetryRefused) -> None:
        self._refused.at((*self._target(event.target), event.kind)).value += 1

    def _failed_over(self, event: FailedOver) -> None:
        self._fallbacks.at(self._provider(event.from_target) + self._provider(event.to_target)).value += 1

    def _hedge_won(self, event: HedgeWon) -> None:
        self._hedges.at((*self._target(event.target), "won")).value += 1

    def _hedge_lost(self, event: HedgeLost) -> None:
        self._hedges.at((*self._target(event.target), event.kind)).value += 1

    def _hedge_refused(self, event: HedgeRefused) -> None:
        self._hedges_refused.at(self._target(event.waiting)).value += 1

    def _target_skipped(self, event: TargetSkipped) -> None:
        self._skipped.at(self._target(event.target)).value += 1

    def _request_cut(self, event: RequestCut) -> None:
        self._cut.at(self._target(event.target)).value += 1

    def _count_estimated(self, event: CountEstimated) -> None:
        self._estimated.at(self._target(event.target)).value += 1

    def _came_back(self, event: CameBack) -> None:
        self._wait_of("return", event.seconds)

    def _pause_awaited(self, event: PauseAwaited) -> None:
        self._wait_of("pause", event.seconds)

    def _limit_awaited(self, event: LimitAwaited) -> None:
        self._wait_of("limit", event.seconds)

    def _slot_awaited(self, event: SlotAwaited) -> None:
        self._wait_of("slot", event.seconds)

    def _wait_of(self, reason: str, seconds: float) -> None:
        if seconds > 0:
            self._waits.at((reason,)).value += 1
            self._waited.at((reason,)).value += seconds

    def _gave_up(self, event: GaveUp) -> None:
        self._given_up.at((event.reason,)).value += 1

    def _refused_one(self, event: Refused) -> None:
        self._gates.at((*self._target(event.target), event.gate)).value += 1

    def _diverted_one(self, event: Diverted) -> None:
        self._diverted.at(self._target(event.target)).value += 1

    def _probe_sent(self, event: ProbeSent) -> None:
        self._probes.at((*self._target(event.target), event.gate)).value += 1

    def _overdrawn_one(self, event: Overdrawn) -> None:
        self._overdrawn.at(self._target(event.target)).value += 1

    def _breaker_changed(self, event: BreakerChanged) -> None:
        target = self._target(event.target)
        self._states.at(target).value = STATES[event.after]
        self._transitions.at((*target, event.before, event.after)).value += 1

    def _taken_out(self, event: TakenOut) -> None:
        self._outs.at((event.scope, *self._name(event.name), event.kind)).value += 1

    def _back_in(self, event: BackIn) -> None:
        self._backs.at((event.scope, *self._name(event.name))).value += 1

    def _limit_changed(self, event: LimitChanged) -> None:
        self._concurrency.at(self._target(event.target)).value = event.after

    def _limit_hit(self, event: LimitHit) -> None:
        self._limited.at((event.user_type,)).value += 1

    def _shed_one(self, event: Shed) -> None:
        self._shed.at(self._queue(event.queue)).value += 1

    def _fault(self, event: Fault) -> None:
        self._faults.at(self._place(event.where)).value += 1

    def _loop_blocked(self, event: LoopBlocked) -> None:
        self._blocked.value += event.seconds


def _nothing(_: Event) -> None:
    """It is counted when it is over."""
