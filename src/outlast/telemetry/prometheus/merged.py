"""One page of metrics out of those of several processes: what was counted is added up, also by those that ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

Join = Callable[[float, float], float]
WORST: Mapping[str, Join] = {"circuit_breaker_state": max, "limits_apart": max, "store_up": min}
"""Gauges that tell how it stands: the worst of all is told. Others are added up."""
GAUGE = "gauge"

Series = tuple[str, tuple[tuple[str, str], ...]]


def merged(pages: Iterable[bytes], gone: Iterable[bytes] = ()) -> bytes:
    """All of these pages as one.

    Args:
        pages: of the processes that live.
        gone: the last that is known of those that have ended: what they counted counts still, what they held does not.
    """
    families: dict[str, _Family] = {}
    for page, lives in [*((page, True) for page in pages), *((page, False) for page in gone)]:
        for metric in text_string_to_metric_families(page.decode()):
            if lives or metric.type != GAUGE:
                families.setdefault(metric.name, _Family(metric)).add(metric)
    return generate_latest(_Shown([family.metric() for family in families.values()]))


class _Family:
    """One metric of all processes."""

    __slots__ = ("_join", "_metric", "_values")

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._join = WORST.get(metric.name, _added)
        self._values: dict[Series, float] = {}

    def add(self, metric: Metric) -> None:
        """One process has counted so much."""
        values, join = self._values, self._join
        for sample in metric.samples:
            series = sample.name, tuple(sample.labels.items())
            known = values.get(series)
            values[series] = sample.value if known is None else join(known, sample.value)

    def metric(self) -> Metric:
        """What all have counted."""
        metric = Metric(self._metric.name, self._metric.documentation, self._metric.type)
        for (name, labels), value in self._values.items():
            metric.add_sample(name, dict(labels), value)
        return metric


class _Shown(Collector):
    """Metrics as a page takes them."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        return self._metrics


def _added(one: float, other: float) -> float:
    return one + other
