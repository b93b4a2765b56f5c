"""Metrics of what goes wrong with ourselves."""

from __future__ import annotations

from outlast.model.events import Fault, LoopBlocked
from outlast.telemetry.prometheus.page import Page, Takes


class Ours:
    """Counts them; `takes` is what it does with each kind of event."""

    def __init__(self, page: Page) -> None:
        self._place = page.place
        self._faults = page.counter("faults_total", "Faults of our own that spoilt no answer.", "where")
        self._blocked = page.counter(
            "event_loop_blocked_seconds_total", "Seconds for which the event loop did nothing, in blocks over 0.25 s."
        ).at()
        self.takes: Takes = {
            Fault: self._fault,
            LoopBlocked: self._loop_blocked,
        }

    def _fault(self, event: Fault) -> None:
        self._faults.at(self._place(event.where)).value += 1

    def _loop_blocked(self, event: LoopBlocked) -> None:
        self._blocked.value += event.seconds
