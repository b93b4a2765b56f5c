"""What was going on before a call came: why a target that it met was out."""

from __future__ import annotations

from msgspec import Struct

from outlast.model.events import BackIn, BreakerChanged, Diverted, PauseAwaited, Refused, TakenOut, TargetSkipped

MOST = 1_000
"""Targets and credentials whose last news is kept."""


class Background:
    """The last news of every target and credential, and which of it explains what a call met."""

    __slots__ = ("_news",)

    def __init__(self) -> None:
        self._news: dict[str, tuple[float, Struct]] = {}

    def note(self, time: float, event: Struct) -> None:
        """Take note of a circuit that changed, or of what is out or back in."""
        if isinstance(event, BreakerChanged):
            self._put(f"breaker {event.target}", time, event)
        elif isinstance(event, (TakenOut, BackIn)):
            self._put(f"{event.scope} {event.name}", time, event)

    def _put(self, key: str, time: float, event: Struct) -> None:
        self._news.pop(key, None)
        self._news[key] = (time, event)
        if len(self._news) > MOST:
            del self._news[next(iter(self._news))]

    def of(self, event: Struct) -> list[tuple[float, Struct]]:
        """The news behind what a call met, oldest first; empty for what explains itself."""
        if not isinstance(event, (TargetSkipped, Refused, PauseAwaited, Diverted)):
            return []
        provider = event.target.partition("/")[0]
        keys = (f"breaker {event.target}", f"target {event.target}", f"credential {provider}")
        found = [self._news[key] for key in keys if key in self._news]
        return sorted((news for news in found if _lasts(news[1])), key=lambda news: news[0])


def _lasts(event: Struct) -> bool:
    """Is it something that still keeps a call away?"""
    return isinstance(event, (BreakerChanged, TakenOut))
