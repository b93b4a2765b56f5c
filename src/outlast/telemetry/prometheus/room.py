"""Metrics of limits and queues."""

from __future__ import annotations

from outlast.model.events import (
    LimitAwaited,
    LimitChanged,
    LimitHit,
    LimitsApart,
    LimitsTogether,
    Overdrawn,
    Shed,
    SlotAwaited,
)
from outlast.telemetry.prometheus.page import TARGET, Page, Takes, Waits


class Room:
    """Counts them; `takes` is what it does with each kind of event."""

    def __init__(self, page: Page, wait: Waits) -> None:
        self._wait = wait
        self._target = page.target
        self._queue = page.queue
        self._overdrawn = page.counter(
            "overdrawn_total", "Calls that used more than their limits were charged for.", *TARGET
        )
        self.concurrency = page.gauge(
            "concurrency_limit", "Calls at once that a target is believed to bear; the slots at most.", *TARGET
        )
        self._limited = page.counter("rate_limit_hits_total", "Requests that a limit refused.", "user_type")
        self._apart = page.gauge(
            "limits_apart", "1 while the store of shared limits is out of reach, and each process counts for itself."
        )
        self._shed = page.counter("shed_total", "Requests turned away from a queue.", "queue")
        self.takes: Takes = {
            LimitChanged: self._limit_changed,
            LimitHit: self._limit_hit,
            LimitAwaited: self._limit_awaited,
            LimitsApart: self._limits_apart,
            LimitsTogether: self._limits_together,
            Overdrawn: self._overdrawn_one,
            SlotAwaited: self._slot_awaited,
            Shed: self._shed_one,
        }

    def _limit_awaited(self, event: LimitAwaited) -> None:
        self._wait("limit", event.seconds)

    def _limits_apart(self, event: LimitsApart) -> None:  # noqa: ARG002
        self._apart.at(()).value = 1

    def _limits_together(self, event: LimitsTogether) -> None:  # noqa: ARG002
        self._apart.at(()).value = 0

    def _slot_awaited(self, event: SlotAwaited) -> None:
        self._wait("slot", event.seconds)

    def _overdrawn_one(self, event: Overdrawn) -> None:
        self._overdrawn.at(self._target(event.target)).value += 1

    def _limit_changed(self, event: LimitChanged) -> None:
        self.concurrency.at(self._target(event.target)).value = event.after

    def _limit_hit(self, event: LimitHit) -> None:
        self._limited.at((event.user_type,)).value += 1

    def _shed_one(self, event: Shed) -> None:
        self._shed.at(self._queue(event.queue)).value += 1
