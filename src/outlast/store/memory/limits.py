"""Limits: of each the moment at which it is full again, as long as that is to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from outlast.ports import Asked, Decision
from outlast.store.charging import Limit, charged, leased, limits_of, taken, tightened

FEW = 1_000
"""So many are kept before any is looked at again."""


class Limits:
    """One number each; a limit that is not there is full."""

    __slots__ = ("_most", "_tats")

    def __init__(self) -> None:
        self._tats: dict[Limit, float] = {}
        self._most = FEW

    def __len__(self) -> int:
        return len(self._tats)

    def take(self, asked: Sequence[Asked], max_wait: float, now: float) -> list[Decision]:
        """Charge all of it, or nothing."""
        decisions, after = taken(asked, self._seen(asked), now, max_wait)
        self._write(after, now)
        return decisions

    def settle(self, asked: Sequence[Asked], now: float) -> None:
        """Charge it, whatever is left."""
        self._write(charged(asked, self._seen(asked), now), now)

    def lease(self, asked: Asked, now: float) -> float:
        """Charge the share that is left."""
        share, after = leased(asked, self._seen([asked]), now)
        self._write(after, now)
        return share

    def tighten(self, asked: Asked, now: float) -> None:
        """No more than each cost is left."""
        self._write(tightened(asked, self._seen([asked]), now), now)

    def _seen(self, asked: Sequence[Asked]) -> dict[Limit, float]:
        return {limit: self._tats[limit] for limit in limits_of(asked) if limit in self._tats}

    def _write(self, after: Mapping[Limit, float], now: float) -> None:
        self._tats.update(after)
        if len(self._tats) > self._most:
            self._tats = {limit: tat for limit, tat in self._tats.items() if tat > now}
            self._most = max(FEW, 2 * len(self._tats))
