"""Things under names, each for a time, in a room that is bounded in bytes and in entries."""

from __future__ import annotations

from collections import OrderedDict
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

OVERHEAD = 256
"""Bytes that an entry takes beside its name and value, about."""

SPARE = 1_000
"""So many ends of what is no longer there are borne with."""


class Item(NamedTuple):
    """What is there, when it ends, how large it is, and whether it was promised to stay until then."""

    value: Any
    ends: float
    size: int
    promised: bool


class Shelf:
    """Keeps things until their time is over. For what is new, what was not used for longest goes, unless promised.

    Args:
        most_bytes: so many are kept, with names and overhead.
        most_entries: and so many things.

    Attributes:
        bytes: how many are kept now.
    """

    __slots__ = ("_bytes_promised", "_ends", "_loose", "_most_bytes", "_most_entries", "_promised", "bytes")

    def __init__(self, most_bytes: int, most_entries: int) -> None:
        self._most_bytes = most_bytes
        self._most_entries = most_entries
        self._loose: OrderedDict[str, Item] = OrderedDict()
        self._promised: dict[str, Item] = {}
        self._ends: list[tuple[float, str]] = []
        self._bytes_promised = 0
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._loose) + len(self._promised)

    def find(self, name: str, now: float) -> Item | None:
        """What is there; to be found is to be used."""
        item = self._loose.get(name)
        if item is None:
            item = self._promised.get(name)
        else:
            self._loose.move_to_end(name)
        if item is not None and item.ends <= now:
            self.drop(name)
            return None
        return item

    def place(self, name: str, value: object, size: int, ends: float, now: float, *, promised: bool = False) -> bool:
        """Put it there in place of what is; False if there is no room, and then what was promised there stays."""
        self._sweep(now)
        size += len(name) + OVERHEAD
        if ends <= now:
            self.drop(name)
            return True
        if not self._has_room(name, size):
            return self._refused(name)
        self.drop(name)
        (self._promised if promised else self._loose)[name] = Item(value, ends, size, promised)
        self._count(size, promised=promised)
        self._note(ends, name)
        while self.bytes > self._most_bytes or len(self) > self._most_entries:
            self.drop(next(iter(self._loose)))
        return True

    def drop(self, name: str) -> bool:
        """Take it away. Was it there?"""
        item = self._loose.pop(name, None) or self._promised.pop(name, None)
        if item is None:
            return False
        self._count(-item.size, promised=item.promised)
        return True

    def begin(self, prefix: str, now: float) -> list[str]:
        """The names of all that is there and begins so."""
        self._sweep(now)
        return [name for kept in (self._loose, self._promised) for name in kept if name.startswith(prefix)]

    def _has_room(self, name: str, size: int) -> bool:
        """Is there room beside all that was promised under other names?"""
        here = self._promised.get(name)
        bytes_beside = self._bytes_promised - (here.size if here else 0)
        entries_beside = len(self._promised) - (1 if here else 0)
        return size + bytes_beside <= self._most_bytes and entries_beside < self._most_entries

    def _refused(self, name: str) -> bool:
        if name in self._loose:
            self.drop(name)
        return False

    def _count(self, size: int, *, promised: bool) -> None:
        self.bytes += size
        if promised:
            self._bytes_promised += size

    def _note(self, ends: float, name: str) -> None:
        heappush(self._ends, (ends, name))
        if len(self._ends) > 2 * len(self) + SPARE:
            self._ends = [(item.ends, name) for kept in (self._loose, self._promised) for name, item in kept.items()]
            heapify(self._ends)

    def _sweep(self, now: float) -> None:
        """Take away what has ended."""
        while self._ends and self._ends[0][0] <= now:
            _, name = heappop(self._ends)
            item = self._loose.get(name) or self._promised.get(name)
            if item is not None and item.ends <= now:
                self.drop(name)
