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
    Event,
    FailedOver,
    Fault,
    LimitChanged,
    LimitHit,
    LoopBlocked,
    RequestEnded,
    RetryRefused,
    RetryScheduled,
    Shed,
    TakenOut,
    TargetSkipped,
)
from outlast.model.messages import Usage
from outlast.telemetry import AS_ASKED_FOR
from outlast.telemetry.tally import BUCKETS, Count, Counts, Described, Kind, Labels, Measured, Reading, Spread, Spreads

OTHER = "other"
CAP = 200
"""Most distinct targets, routes and other names that get labels of their own."""
STATES = {"closed": 0, "open": 1, "half_open": 2, "forced_open": 1, "disabled": 0, "observe": 0}
TARGET = ("provider", "model")


class Bounded:
    """Names that become label values: the first `cap` as `split` has them, every later one as "other"."""

    __slots__ = ("_cap", "_known", "_other", "_split")

    def __init__(self, cap: int, split: Callable[[str], Labels]) -> None:
        self._cap = cap
        self._split = split
        self._known: dict[str, Labels] = {}
        self._other = (OTHER,) * len(split(""))

    def __call__(self, name: str) -> Labels:
        """The label values for a name."""
        known = self._known.get(name)
        if known is not None:
            return known
        if len(self._known) >= self._cap:
            return self._other
        labels = self._known[name] = self._split(name)
        return labels

    def __contains__(self, name: str) -> bool:
        """Has this name labels of its own?"""
        return name in self._known


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
        self._target = Bounded(cap, _provider_and_model)
        self._provider = Bounded(cap, _provider_alone)
        self._route = Bounded(cap, _as_is)
        self._name = Bounded(cap, _as_is)
        self._queue = Bounded(cap, _as_is)
        self._place = Bounded(cap, _as_is)
        self._count_requests()
        self._count_attempts()
        self._count_decisions()
        self._requests_like: dict[tuple[str, str, str], Timed] = {}
        self._attempts_like: dict[tuple[str, str], Timed] = {}
        self._used_by: dict[str, Used] = {}
        self._takes: dict[type, Callable[..., None]] = {
            AttemptEnded: self._attempt_ended,
            RequestEnded: self._request_ended,
            RetryScheduled: self._retry_scheduled,
            RetryRefused: self._retry_refused,
            FailedOver: self._failed_over,
            TargetSkipped: self._target_skipped,
            BreakerChanged: self._breaker_changed,
            TakenOut: self._taken_out,
            BackIn: self._back_in,
            LimitChanged: self._limit_changed,
            LimitHit: self._limit_hit,
            Shed: self._shed_one,
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

    def _count_decisions(self) -> None:
        self._retries = self._counter("retries_total", "Repetitions at the same target.", *TARGET, "kind")
        self._refused = self._counter(
            "retries_refused_total", "Repetitions that a failure allowed and that were not made.", *TARGET, "kind"
        )
        self._fallbacks = self._counter(
            "fallback_total", "Calls that moved on to another target.", "from_provider", "to_provider"
        )
        self._skipped = self._counter("targets_skipped_total", "Targets that routing passed by.", *TARGET)
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

    def _retry_scheduled(self, event: RetryScheduled) -> None:
        self._retries.at((*self._target(event.target), event.kind)).value += 1

    def _retry_refused(self, event: RetryRefused) -> None:
        self._refused.at((*self._target(event.target), event.kind)).value += 1

    def _failed_over(self, event: FailedOver) -> None:
        self._fallbacks.at(self._provider(event.from_target) + self._provider(event.to_target)).value += 1

    def _target_skipped(self, event: TargetSkipped) -> None:
        self._skipped.at(self._target(event.target)).value += 1

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


def _provider_and_model(target: str) -> Labels:
    provider, _, model = target.partition("/")
    return provider, model


def _provider_alone(target: str) -> Labels:
    return (target.partition("/")[0],)


def _as_is(name: str) -> Labels:
    return (name,)
