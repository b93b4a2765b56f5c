"""The page of metrics: what is listed on it, with labels that stay few.

A name that callers or configurations choose becomes a label only while there is room for it; every later one is
counted under "other", so that no flood of made-up names can fill the memory of whoever scrapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from outlast.telemetry.labels import CAP, Bounded, as_is, provider_alone, provider_and_model
from outlast.telemetry.tally import BUCKETS, Counts, Described, Kind, Labels, Measured, Reading, Spreads

TARGET = ("provider", "model")
Takes = dict[type, Callable[..., None]]
"""What is done with each kind of event."""


class Page(Collector):
    """Metrics, and the names that may become their labels.

    Attributes:
        described: every metric there is, in the order of the page.
        target, provider, route, name, queue, place: the label values for a name of that kind.
    """

    def __init__(self, *, cap: int = CAP) -> None:
        self.described: list[Described] = []
        self._shown: list[Counts | Spreads | Measured] = []
        self.target = Bounded(cap, provider_and_model)
        self.provider = Bounded(cap, provider_alone)
        self.route = Bounded(cap, as_is)
        self.name = Bounded(cap, as_is)
        self.queue = Bounded(cap, as_is)
        self.place = Bounded(cap, as_is)

    def counter(self, name: str, text: str, *labels: str) -> Counts:
        """A new metric that only grows."""
        return self._counts(self._describe(name, "counter", labels, text))

    def gauge(self, name: str, text: str, *labels: str) -> Counts:
        """A new metric that is what it was last set to."""
        return self._counts(self._describe(name, "gauge", labels, text))

    def histogram(self, name: str, text: str, *labels: str, buckets: Sequence[float] = BUCKETS) -> Spreads:
        """A new metric of how often which values come."""
        spreads = Spreads(self._describe(name, "histogram", labels, text), buckets)
        self._shown.append(spreads)
        return spreads

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

    def _counts(self, described: Described) -> Counts:
        counts = Counts(described)
        self._shown.append(counts)
        return counts


class Waits:
    """Counts the waits of calls, whatever they wait for."""

    def __init__(self, page: Page) -> None:
        self._waits = page.counter(
            "waits_total", "Waits of calls: before a retry or a return, for a pause, a limit or a slot.", "reason"
        )
        self._waited = page.counter("wait_seconds_total", "Seconds of these waits.", "reason")

    def __call__(self, reason: str, seconds: float) -> None:
        """A call waits so long; not at all is no wait."""
        if seconds > 0:
            self._waits.at((reason,)).value += 1
            self._waited.at((reason,)).value += seconds
