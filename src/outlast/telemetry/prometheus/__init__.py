"""Prometheus metrics: what the events add up to. Each subject of events has its metrics in a file of its own."""

from __future__ import annotations

from collections.abc import Iterable

from outlast.model.events import Event
from outlast.telemetry.labels import CAP
from outlast.telemetry.prometheus.answers import Answers
from outlast.telemetry.prometheus.choosing import Choosing
from outlast.telemetry.prometheus.ended import Ended
from outlast.telemetry.prometheus.health import STATES, Health
from outlast.telemetry.prometheus.kept import Kept
from outlast.telemetry.prometheus.ours import Ours
from outlast.telemetry.prometheus.page import Page, Takes, Waits
from outlast.telemetry.prometheus.repeating import Repeating
from outlast.telemetry.prometheus.room import Room
from outlast.telemetry.prometheus.stores import Stores


class Prometheus(Page):
    """A sink that counts, and renders what it has counted. Several can live together and share nothing."""

    def __init__(self, *, cap: int = CAP) -> None:
        super().__init__(cap=cap)
        ended = Ended(self)
        answers = Answers(self)
        waits = Waits(self)
        repeating = Repeating(self, waits)
        choosing = Choosing(self, waits)
        self._health = Health(self, waits)
        self._room = Room(self, waits)
        kept = Kept(self, ended.cost)
        stores = Stores(self)
        ours = Ours(self)
        self._takes: Takes = {}
        for subject in (ended, answers, repeating, choosing, self._health, self._room, kept, stores, ours):
            self._takes |= subject.takes

    def __call__(self, event: Event) -> None:
        """Count the event."""
        self._takes[type(event)](event)

    def know(self, targets: Iterable[str], routes: Iterable[str], slots: int | None = None) -> None:
        """Give these names their labels before any others come; their circuits are closed, their `slots` all there."""
        for target in targets:
            labels = self.target(target)
            self._health.states.at(labels).value = STATES["closed"]
            if slots is not None:
                self._room.concurrency.at(labels).value = slots
            self.provider(target)
        for route in routes:
            self.route(route)
