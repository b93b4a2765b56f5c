"""Metrics of upstream calls and requests that are over."""

from __future__ import annotations

from bisect import bisect_left

from outlast.model.events import AttemptEnded, RequestEnded
from outlast.model.messages import AS_ASKED_FOR, Usage
from outlast.telemetry.prometheus.page import TARGET, Page, Takes
from outlast.telemetry.tally import BUCKETS, Count, Labels, Spread


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


class Ended:
    """Counts them; `takes` is what it does with each kind of event."""

    def __init__(self, page: Page) -> None:
        self._target = page.target
        self._route = page.route
        self._requests = page.counter(
            "requests_total",
            'Requests of callers; kind is "ok" or the failure class, source where the answer came from.',
            "route",
            "kind",
            "source",
        )
        self._request_latency = page.histogram(
            "request_latency_seconds", "From a request to the end of its answer, waits and retries included.", "route"
        )
        self._request_first = page.histogram(
            "request_first_content_seconds", "From a request to the first content of its answer.", "route"
        )
        self._degraded = page.counter(
            "degraded_total", "Answers that were less than what was asked for, by their source.", "source"
        )
        self.cost = page.counter("cost_usd_total", "US dollars for answers, where the price is known.", *TARGET)
        self._attempts = page.counter(
            "attempts_total", 'Upstream calls; kind is "ok" or the failure class.', *TARGET, "kind"
        )
        self._latency = page.histogram("llm_latency_seconds", "One upstream call, to the end of its answer.", *TARGET)
        self._first = page.histogram(
            "llm_first_content_seconds", "One upstream call, to the first content of its answer.", *TARGET
        )
        self._tokens = page.counter(
            "tokens_total",
            "Tokens of upstream calls; cached and cache_write are part of input, reasoning is part of output.",
            *TARGET,
            "type",
        )
        self._timers = page.counter(
            "timers_fired_total", "Upstream calls that one of our timers ended.", *TARGET, "timer"
        )
        self._requests_like: dict[tuple[str, str, str], Timed] = {}
        self._attempts_like: dict[tuple[str, str], Timed] = {}
        self._used_by: dict[str, Used] = {}
        self.takes: Takes = {
            AttemptEnded: self._attempt_ended,
            RequestEnded: self._request_ended,
        }

    def _request_ended(self, event: RequestEnded) -> None:
        alike = self._requests_like.get((event.route, event.kind, event.source)) or self._first_request(event)
        alike.add(event.seconds, event.first)
        if event.cost:
            self.cost.at(self._target(event.target)).value += event.cost
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
