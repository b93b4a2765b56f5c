"""Metrics of what was asked again, or of two at once."""

from __future__ import annotations

from outlast.model.events import Event, HedgeLost, HedgeRefused, HedgeStarted, HedgeWon, RetryRefused, RetryScheduled
from outlast.telemetry.prometheus.page import TARGET, Page, Takes, Waits


class Repeating:
    """Counts them; `takes` is what it does with each kind of event."""

    def __init__(self, page: Page, wait: Waits) -> None:
        self._wait = wait
        self._target = page.target
        self._retries = page.counter("retries_total", "Repetitions at the same target.", *TARGET, "kind")
        self._refused = page.counter(
            "retries_refused_total", "Repetitions that a failure allowed and that were not made.", *TARGET, "kind"
        )
        self._hedges = page.counter(
            "hedges_total", 'Targets that were asked beside a slow one; kind is "won" or how it lost.', *TARGET, "kind"
        )
        self._hedges_refused = page.counter(
            "hedges_refused_total", "Calls to a target that had waited long enough for a hedge, without any.", *TARGET
        )
        self.takes: Takes = {
            RetryScheduled: self._retry_scheduled,
            RetryRefused: self._retry_refused,
            HedgeStarted: _nothing,
            HedgeWon: self._hedge_won,
            HedgeLost: self._hedge_lost,
            HedgeRefused: self._hedge_refused,
        }

    def _retry_scheduled(self, event: RetryScheduled) -> None:
        self._retries.at((*self._target(event.target), event.kind)).value += 1
        self._wait("retry", event.delay)

    def _retry_refused(self, event: RetryRefused) -> None:
        self._refused.at((*self._target(event.target), event.kind)).value += 1

    def _hedge_won(self, event: HedgeWon) -> None:
        self._hedges.at((*self._target(event.target), "won")).value += 1

    def _hedge_lost(self, event: HedgeLost) -> None:
        self._hedges.at((*self._target(event.target), event.kind)).value += 1

    def _hedge_refused(self, event: HedgeRefused) -> None:
        self._hedges_refused.at(self._target(event.waiting)).value += 1


def _nothing(_: Event) -> None:
    """It is counted when it is over."""
