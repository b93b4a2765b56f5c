"""Numbers that are counted on every request, and shown only when somebody scrapes.

    event ─▶ count.value += 1 · spread.counts[bucket] += 1       a few plain numbers, no lock, no label look-ups
    scrape ─▶ collect() ─▶ prometheus_client's families   names, labels and cumulative buckets, made then

One thread counts, that of the engine's loop; any thread may scrape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from msgspec import Struct
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Upper bounds in seconds: from a cache's answer to the longest stream."""
FINE = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""The same for what is done within a request, such as asking the store."""

Kind = Literal["counter", "gauge", "histogram"]
Labels = tuple[str, ...]
Reading = Callable[[], Iterable[tuple[Labels, float]]]
"""Gives the present values of a metric, each with the values of its labels."""


class Described(Struct, frozen=True):
    """A metric as the documents list it."""

    name: str
    kind: Kind
    labels: Labels
    text: str


class Count:
    """One number: of a counter or a gauge."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0


class Spread:
    """One histogram: how many observations fell into each bucket, and their sum."""

    __slots__ = ("_buckets", "counts", "sum")

    def __init__(self, buckets: Sequence[float] = BUCKETS) -> None:
        self._buckets = buckets
        self.counts = [0] * (len(buckets) + 1)
        self.sum = 0.0

    def cumulative(self) -> list[tuple[str, float]]:
        """Each upper bound with how many observations are not above it."""
        total = 0
        rows: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, self._buckets), "+Inf"), self.counts, strict=True):
            total += count
            rows.append((bound, total))
        return rows


class Counts:
    """One counter or gauge: its numbers by the values of its labels."""

    __slots__ = ("_described", "_numbers")

    def __init__(self, described: Described) -> None:
        self._described = described
        self._numbers: dict[Labels, Count] = {}

    def at(self, labels: Labels = ()) -> Count:
        """The number with these label values, which the caller keeps few."""
        number = self._numbers.get(labels)
        if number is None:
            number = self._numbers[labels] = Count()
        return number

    def collect(self) -> Metric:
        """The metric as it stands now."""
        family = _family(self._described)
        for labels, number in list(self._numbers.items()):
            family.add_metric(labels, number.value)
        return family


class Spreads:
    """One histogram, by the values of its labels."""

    __slots__ = ("_buckets", "_described", "_spreads")

    def __init__(self, described: Described, buckets: Sequence[float] = BUCKETS) -> None:
        self._described = described
        self._buckets = buckets
        self._spreads: dict[Labels, Spread] = {}

    def at(self, labels: Labels) -> Spread:
        """The observations with these label values, which the caller keeps few."""
        spread = self._spreads.get(labels)
        if spread is None:
            spread = self._spreads[labels] = Spread(self._buckets)
        return spread

    def collect(self) -> Metric:
        """The metric as it stands now; where nothing was observed there is no series of zeros."""
        family = HistogramMetricFamily(self._described.name, self._described.text, labels=self._described.labels)
        for labels, spread in list(self._spreads.items()):
            if any(spread.counts):
                family.add_metric(labels, spread.cumulative(), spread.sum)
        return family


class Measured:
    """A metric that is asked of its owner at each scrape, such as the length of a queue."""

    __slots__ = ("_described", "_read")

    def __init__(self, described: Described, read: Reading) -> None:
        self._described = described
        self._read = read

    def collect(self) -> Metric:
        """The metric as it stands now."""
        family = _family(self._described)
        for labels, value in self._read():
            family.add_metric(labels, value)
        return family


def _family(described: Described) -> CounterMetricFamily | GaugeMetricFamily:
    family = CounterMetricFamily if described.kind == "counter" else GaugeMetricFamily
    return family(described.name, described.text, labels=described.labels)
