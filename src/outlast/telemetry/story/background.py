"""What was going on before a call came: why a target that it met was out."""

from __future__ import annotations

from msgspec import Struct

from outlast.model.events import (
    BackIn,
    BreakerChanged,
    Diverted,
    LimitChanged,
    PauseAwaited,
    Refused,
    Shed,
    SlotAwaited,
    TakenOut,
    TargetSkipped,
)

MOST = 1_000
"""Targets and credentials whose last news is kept."""
RECENT = 60.0
"""Seconds; slots that were cut longer ago than this explain no queue."""


class Background:
    """The last news of every target and credential, and which of it explains what a call met."""

    __slots__ = ("_news",)

    def __init__(self) -> None:
        self._news: dict[str, tuple[float, Struct]] = {}

    def note(self, time: float, event: Struct) -> None:
        """Take note of a circuit that changed, of what is out or back in, and of slots that were cut."""
        if isinstance(event, BreakerChanged):
            self._put(f"breaker {event.target}", time, event)
        elif isinstance(event, (TakenOut, BackIn)):
            self._put(f"{event.scope} {event.name}", time, event)
        elif isinstance(event, LimitChanged) and event.after < event.before:
            self._put(f"slots {event.target}", time, event)

    def _put(self, key: str, time: float, event: Struct) -> None:
        self._news.pop(key, None)
        self._news[key] = (time, event)
        if len(self._news) > MOST:
            del self._news[next(iter(self._news))]

    def of(self, event: Struct, time: float) -> list[tuple[float, Struct]]:
        """The news behind what a call met at that time, oldest first; empty for what explains itself."""
        if isinstance(event, (SlotAwaited, Shed)):
            cut = self._news.get(f"slots {event.queue}")
            return [cut] if cut is not None and time - cut[0] <= RECENT else []
        if not isinstance(event, (TargetSkipped, Refused, PauseAwaited, Diverted)):
            return []
        provider = event.target.partition("/")[0]
        keys = (f"breaker {event.target}", f"target {event.target}", f"credential {provider}")
        found = [self._news[key] for key in keys if key in self._news]
        return sorted((news for news in found if _lasts(news[1])), key=lambda news: news[0])


def _lasts(event: Struct) -> bool:
    """Is it something that still keeps a call away?"""
    return isinstance(event, (BreakerChanged, TakenOut))
