"""The processes that share a store: how many they are, and whether they can ask it now.

Each of them says now and then that it is there, as long as it has something to do, by adding to a sum of its own. Whose
sum has changed of late is there. No clock has to agree with another: the name under which all the sums are kept is
claimed anew from time to time, by whoever comes first, so that the dead are forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from outlast.flow.era import BEFORE, present
from outlast.model.events import LimitsApart, LimitsTogether
from outlast.ports import Io, Store, StoreFailed

BEAT = 1.0
"""Seconds; no process says more often that it is there."""
THERE = 30.0
"""Who has not said so for as many seconds is not counted any more."""
ROUND = 600.0
"""Seconds after which the sums are begun anew."""


class Census:
    """Counts who is there: pure, told what was heard and when."""

    __slots__ = ("_heard",)

    def __init__(self) -> None:
        self._heard: dict[str, tuple[int, float]] = {}

    def count(self, sums: Mapping[str, int], now: float) -> int:
        """These sums were read now. How many processes are there? One at least: who asks."""
        for name, total in sums.items():
            known = self._heard.get(name)
            if known is None or known[0] != total:
                self._heard[name] = (total, now)
        there = {name for name, (_, at) in self._heard.items() if now - at < THERE}
        self._heard = {name: heard for name, heard in self._heard.items() if name in there or name in sums}
        return max(1, len(there))


class Peers:
    """What the limits of one process know of the others.

    Args:
        store: what they share.
        least: so many processes are reckoned with, even if fewer have been heard of.

    Attributes:
        processes: how many there are, as last known.
    """

    __slots__ = (
        "_beat_at",
        "_beating",
        "_census",
        "_least",
        "_lost_at",
        "_name",
        "_round",
        "processes",
        "store",
    )

    def __init__(self, store: Store, least: int = 1) -> None:
        self.store = store
        self.processes = least
        self._least = least
        self._census = Census()
        self._lost_at: float | None = None
        self._name = ""
        self._beat_at = -inf
        self._beating = False
        self._round = BEFORE

    def met(self, io: Io) -> None:
        """The store has answered."""
        now = io.now()
        if self._lost_at is not None:
            io.emit(LimitsTogether(now - self._lost_at))
            self._lost_at = None
        if now >= self._beat_at and not self._beating:
            self._beating = io.begin(self._beat(io)) is not None

    def lost(self, io: Io) -> None:
        """The store has failed; told once, until it answers again."""
        if self._lost_at is None:
            self._lost_at = io.now()
            io.emit(LimitsApart(self.processes))

    async def _beat(self, io: Io) -> None:
        """Say that we are there, and count who else is."""
        try:
            sums = await self._add(io)
        except StoreFailed:
            return  # the next request will find out
        finally:
            self._beating = False
            self._beat_at = io.now() + BEAT
        self.processes = max(self._least, self._census.count(sums, io.now()))

    async def _add(self, io: Io) -> dict[str, int]:
        if not self._name:
            self._name = f"{int(io.random() * 2**52):013x}"
        if io.now() >= self._round.ends:
            self._round = await present(self.store, "processes:round", self._name, ROUND, io)
        return await self.store.add(f"processes:{self._round.name}", {self._name: 1}, 2 * THERE)
