"""How many calls all processes together have made of each target lately, and how many of them failed.

Time is cut into slots that all processes share (`flow.era`). What each has counted since its last word is added to the
sums of the slot.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from msgspec import Struct

from outlast.flow.era import Era, present
from outlast.ports import Io, Store

SLOTS = 6
"""Into so many parts the window is divided."""

Counted = tuple[int, int]
"""Calls that succeeded, and calls that failed."""


class _Slot(Struct):
    """The sums of one slot, as they were last seen."""

    era: Era
    seen: dict[str, int]


class Sums:
    """The sums of the last slots.

    Args:
        store: what all processes share.
        window: seconds that all slots span together.
        name: of this process, which no other has.
        io: the clock.
    """

    __slots__ = ("_begun", "_beyond", "_io", "_name", "_slots", "_store", "_told", "_width")

    def __init__(self, store: Store, window: float, name: str, io: Io) -> None:
        self._store = store
        self._io = io
        self._name = name
        self._begun = 0
        self._width = window / SLOTS
        self._slots: deque[_Slot] = deque(maxlen=SLOTS)
        self._told: dict[str, Counted] = {}  # of each target: what was counted here at our last word
        self._beyond: dict[str, Era] = {}  # of each target: the slot up to which nothing counts

    async def add(self, counted: Mapping[str, Counted]) -> None:
        """Add what was counted here since the last time. At most one command, and one more for each new slot."""
        news = {target: told for target, told in counted.items() if told != self._told.get(target, (0, 0))}
        if not news and not self._slots:
            return
        slot = await self._slot()
        amounts: dict[str, int] = {}
        for target, (ok, failed) in news.items():
            before = self._told.get(target, (0, 0))
            amounts[f"ok {target}"] = ok - before[0]
            amounts[f"failed {target}"] = failed - before[1]
        if amounts or any(failed for _, failed in counted.values()):
            self._told.update(news)
            slot.seen = await self._store.add(_key(slot.era), amounts, 2 * SLOTS * self._width)

    async def _slot(self) -> _Slot:
        """The slot that all are in now."""
        if self._slots and self._io.now() < self._slots[-1].era.ends:
            return self._slots[-1]
        if self._slots:  # what others have added since we last looked
            last = self._slots[-1]
            last.seen = await self._store.add(_key(last.era), {}, 2 * SLOTS * self._width)
        self._begun += 1
        name = f"{self._name}.{self._begun}"
        slot = _Slot(await present(self._store, "slot:breakers", name, self._width, self._io), {})
        self._slots.append(slot)
        return slot

    def of(self, target: str) -> tuple[int, int]:
        """Calls of all processes in the window, and how many of them failed."""
        ok = failed = 0
        for slot in self._slots:
            if self._beyond.get(target) == slot.era:
                ok = failed = 0
                continue
            ok += slot.seen.get(f"ok {target}", 0)
            failed += slot.seen.get(f"failed {target}", 0)
        return ok + failed, failed

    def forget(self, target: str) -> None:
        """Its circuit is open: what was counted up to now is answered for."""
        if self._slots:
            self._beyond[target] = self._slots[-1].era


def _key(slot: Era) -> str:
    return f"sums:breakers:{slot.name}"
