"""Metrics of the store that several processes share, or that outlives them: how it is asked, and when it is not."""

from __future__ import annotations

from bisect import bisect_left

from outlast.model.events import StoreAdvice, StoreAsked, StoreDown, StoreUp
from outlast.telemetry.prometheus.page import Page, Takes
from outlast.telemetry.tally import FINE


class Stores:
    """Counts them; `takes` is what it does with each kind of event."""

    def __init__(self, page: Page) -> None:
        self._asked = page.histogram(
            "store_latency_seconds",
            "What the store was asked to do; result is ok, failed, or late (it was not waited for any longer).",
            "doing",
            "result",
            buckets=FINE,
        )
        self._downs = page.counter(
            "store_down_total", "Times that the store had failed so often that it was no longer asked."
        ).at()
        self._away = page.counter("store_down_seconds_total", "Seconds for which it was not, once it is back.").at()
        self.takes: Takes = {
            StoreAsked: self._was_asked,
            StoreDown: self._down,
            StoreUp: self._up,
            StoreAdvice: lambda _: None,  # a line of the log
        }

    def _was_asked(self, event: StoreAsked) -> None:
        spread = self._asked.at((event.doing, event.result))
        spread.counts[bisect_left(FINE, event.seconds)] += 1
        spread.sum += event.seconds

    def _down(self, event: StoreDown) -> None:  # noqa: ARG002
        self._downs.value += 1

    def _up(self, event: StoreUp) -> None:
        self._away.value += event.seconds
