"""Metrics of which targets calls go to."""

from __future__ import annotations

from outlast.model.events import CameBack, CountEstimated, FailedOver, GaveUp, RequestCut, TargetSkipped
from outlast.telemetry.prometheus.page import TARGET, Page, Takes, Waits


class Choosing:
    """Counts them; `takes` is what it does with each kind of event."""

    def __init__(self, page: Page, wait: Waits) -> None:
        self._wait = wait
        self._target = page.target
        self._provider = page.provider
        self._fallbacks = page.counter(
            "fallback_total", "Calls that moved on to another target.", "from_provider", "to_provider"
        )
        self._skipped = page.counter("targets_skipped_total", "Targets that routing passed by.", *TARGET)
        self._estimated = page.counter("counts_estimated_total", "Counts of tokens that no provider made.", *TARGET)
        self._cut = page.counter("requests_cut_total", "Requests shortened to fit into a window.", *TARGET)
        self._given_up = page.counter(
            "gave_up_total", "Calls for which routing had no target to go on with, and why.", "reason"
        )
        self.takes: Takes = {
            FailedOver: self._failed_over,
            TargetSkipped: self._target_skipped,
            RequestCut: self._request_cut,
            CountEstimated: self._count_estimated,
            CameBack: self._came_back,
            GaveUp: self._gave_up,
        }

    def _failed_over(self, event: FailedOver) -> None:
        self._fallbacks.at(self._provider(event.from_target) + self._provider(event.to_target)).value += 1

    def _target_skipped(self, event: TargetSkipped) -> None:
        self._skipped.at(self._target(event.target)).value += 1

    def _request_cut(self, event: RequestCut) -> None:
        self._cut.at(self._target(event.target)).value += 1

    def _count_estimated(self, event: CountEstimated) -> None:
        self._estimated.at(self._target(event.target)).value += 1

    def _came_back(self, event: CameBack) -> None:
        self._wait("return", event.seconds)

    def _gave_up(self, event: GaveUp) -> None:
        self._given_up.at((event.reason,)).value += 1
