"""Prometheus metrics: what the events add up to, with labels that stay few.

A name that callers or configurations choose becomes a label only while there is room for it; every later one is
counted under "other", so that no flood of made-up names can fill the memory of whoever scrapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, Literal, TypeVar

from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from outlast.model.events import (
    AttemptEnded,
    BackIn,
    BreakerChanged,
    Event,
    FailedOver,
    Fault,
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
from outlast.telemetry import is_degraded

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER = "other"
CAP = 200
"""Most distinct targets, routes and other names that get labels of their own."""
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Upper bounds in seconds: from a cache's answer to the longest stream."""
STATES = {"closed": 0, "open": 1, "half_open": 2}
TARGET = ("provider", "model")

Kind = Literal["counter", "gauge", "histogram"]
Labels = tuple[str, ...]
Reading = Callable[[], Iterable[tuple[Labels, float]]]
"""Gives the present values of a metric, each with the values of its labels."""
M = TypeVar("M", Counter, Gauge, Histogram)


class Described(Struct, frozen=True):
    """A metric as the documents list it."""

    name: str
    kind: Kind
    labels: Labels
    text: str


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


class Family(Generic[M]):
    """One metric and its children by label values; finding a known child costs one dict look-up."""

    __slots__ = ("_children", "_metric")

    def __init__(self, metric: M) -> None:
        self._metric: M = metric
        self._children: dict[Labels, M] = {}

    def at(self, labels: Labels) -> M:
        """The child with these label values, which the caller keeps few."""
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self._metric.labels(*labels)
        return child


class Read(Collector):
    """A metric that is asked of its owner at each scrape, such as the length of a queue."""

    def __init__(self, described: Described, read: Reading) -> None:
        self._described = described
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """The metric without values, so that registering it asks nobody."""
        yield self._family()

    def collect(self) -> Iterable[Metric]:
        """The metric as it stands now."""
        family = self._family()
        for labels, value in self._read():
            family.add_metric(labels, value)
        yield family

    def _family(self) -> CounterMetricFamily | GaugeMetricFamily:
        family = CounterMetricFamily if self._described.kind == "counter" else GaugeMetricFamily
        return family(self._described.name, self._described.text, labels=self._described.labels)


class Dateless(Collector):
    """A registry without its `_created` series, which double the page and say only when a label first came up."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        """Every metric, with the samples that count."""
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


class Prometheus:
    """A sink that counts, and renders what it has counted. Has a registry of its own, so several can live together.

    Attributes:
        described: every metric there is, in the order of the page.
    """

    def __init__(self, *, cap: int = CAP) -> None:
        self.described: list[Described] = []
        self._registry = CollectorRegistry()
        self._target = Bounded(cap, _provider_and_model)
        self._provider = Bounded(cap, _provider_alone)
        self._route = Bounded(cap, _as_is)
        self._name = Bounded(cap, _as_is)
        self._queue = Bounded(cap, _as_is)
        self._place = Bounded(cap, _as_is)
        self._count_requests()
        self._count_attempts()
        self._count_decisions()
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
            LimitHit: self._limit_hit,
            Shed: self._shed_one,
            Fault: self._fault,
            LoopBlocked: self._loop_blocked,
        }

    def __call__(self, event: Event) -> None:
        """Count the event."""
        self._takes[type(event)](event)

    def know(self, targets: Iterable[str], routes: Iterable[str]) -> None:
        """Give these names their labels before any others come, and show their circuits as closed."""
        for target in targets:
            self._states.at(self._target(target)).set(STATES["closed"])
            self._provider(target)
        for route in routes:
            self._route(route)

    def measure(
        self, name: str, text: str, read: Reading, *, labels: Labels = (), kind: Literal["counter", "gauge"] = "gauge"
    ) -> None:
        """Add a metric whose values `read` gives at each scrape. The owner keeps its labels few."""
        self._registry.register(Read(self._describe(name, kind, labels, text), read))

    def render(self) -> bytes:
        """Everything in Prometheus' text format. Some microseconds a line: with many targets, call it in a thread."""
        return generate_latest(Dateless(self._registry))

    def _describe(self, name: str, kind: Kind, labels: Labels, text: str) -> Described:
        described = Described(name, kind, labels, text)
        self.described.append(described)
        return described

    def _counter(self, name: str, text: str, *labels: str) -> Family[Counter]:
        self._describe(name, "counter", labels, text)
        return Family(Counter(name, text, labels, registry=self._registry))

    def _single(self, name: str, text: str) -> Counter:
        """A counter without labels."""
        self._describe(name, "counter", (), text)
        return Counter(name, text, registry=self._registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Family[Histogram]:
        self._describe(name, "histogram", labels, text)
        return Family(Histogram(name, text, labels, registry=self._registry, buckets=BUCKETS))

    def _gauge(self, name: str, text: str, *labels: str) -> Family[Gauge]:
        self._describe(name, "gauge", labels, text)
        return Family(Gauge(name, text, labels, registry=self._registry))

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
            "circuit_breaker_state", "A target's circuit: 0 closed, 1 open, 2 half open.", *TARGET
        )
        self._transitions = self._counter(
            "circuit_breaker_transitions_total", "Changes of a target's circuit.", *TARGET, "from_state", "to_state"
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
        self._blocked = self._single(
            "event_loop_blocked_seconds_total", "Seconds for which the event loop did nothing, in blocks over 0.25 s."
        )

    def _request_ended(self, event: RequestEnded) -> None:
        route = self._route(event.route)
        self._requests.at((*route, event.kind, event.source)).inc()
        self._request_latency.at(route).observe(event.seconds)
        if event.first is not None:
            self._request_first.at(route).observe(event.first)
        if event.cost:
            self._cost.at(self._target(event.target)).inc(event.cost)
        if is_degraded(event.source):
            self._degraded.at((event.source,)).inc()

    def _attempt_ended(self, event: AttemptEnded) -> None:
        target = self._target(event.target)
        self._attempts.at((*target, event.kind)).inc()
        self._latency.at(target).observe(event.seconds)
        if event.first is not None:
            self._first.at(target).observe(event.first)
        if event.usage is not None:
            self._used(target, event.usage)

    def _used(self, target: Labels, usage: Usage) -> None:
        at = self._tokens.at
        at((*target, "input")).inc(usage.input)
        at((*target, "output")).inc(usage.output)
        if usage.cached:
            at((*target, "cached")).inc(usage.cached)
        if usage.cache_write:
            at((*target, "cache_write")).inc(usage.cache_write)
        if usage.reasoning:
            at((*target, "reasoning")).inc(usage.reasoning)

    def _retry_scheduled(self, event: RetryScheduled) -> None:
        self._retries.at((*self._target(event.target), event.kind)).inc()

    def _retry_refused(self, event: RetryRefused) -> None:
        self._refused.at((*self._target(event.target), event.kind)).inc()

    def _failed_over(self, event: FailedOver) -> None:
        self._fallbacks.at(self._provider(event.from_target) + self._provider(event.to_target)).inc()

    def _target_skipped(self, event: TargetSkipped) -> None:
        self._skipped.at(self._target(event.target)).inc()

    def _breaker_changed(self, event: BreakerChanged) -> None:
        target = self._target(event.target)
        self._states.at(target).set(STATES[event.after])
        self._transitions.at((*target, event.before, event.after)).inc()

    def _taken_out(self, event: TakenOut) -> None:
        self._outs.at((event.scope, *self._name(event.name), event.kind)).inc()

    def _back_in(self, event: BackIn) -> None:
        self._backs.at((event.scope, *self._name(event.name))).inc()

    def _limit_hit(self, event: LimitHit) -> None:
        self._limited.at((event.user_type,)).inc()

    def _shed_one(self, event: Shed) -> None:
        self._shed.at(self._queue(event.queue)).inc()

    def _fault(self, event: Fault) -> None:
        self._faults.at(self._place(event.where)).inc()

    def _loop_blocked(self, event: LoopBlocked) -> None:
        self._blocked.inc(event.seconds)


def _provider_and_model(target: str) -> Labels:
    provider, _, model = target.partition("/")
    return provider, model


def _provider_alone(target: str) -> Labels:
    return (target.partition("/")[0],)


def _as_is(name: str) -> Labels:
    return (name,)
