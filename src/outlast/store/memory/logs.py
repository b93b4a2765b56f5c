"""Logs: entries that are only ever added at the end."""

from __future__ import annotations

from collections.abc import Sequence

from outlast.ports import StoreFailed
from outlast.store.memory.kept import FULL
from outlast.store.memory.shelf import Shelf

ENTRY = 48
"""Bytes that an entry takes beside its own, about."""


class Log:
    """One of them, and its bytes."""

    __slots__ = ("entries", "size")

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.size = 0


class Logs:
    """Entries under keys, in their order."""

    __slots__ = ("_shelf",)

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def append(self, key: str, entries: Sequence[bytes], seconds: float, now: float) -> int:
        """Add these, and tell how many there are. Raises `StoreFailed` when there is no room, and nothing is added."""
        item = self._shelf.find(_name(key), now)
        log = Log() if item is None else item.value
        if seconds <= 0 or not (entries or log.entries):
            self.delete(key)
            return 0
        size = log.size + sum(ENTRY + len(entry) for entry in entries)
        if not self._shelf.place(_name(key), log, size, now + seconds, now, promised=True):
            raise StoreFailed(FULL)
        log.entries.extend(entries)
        log.size = size
        return len(log.entries)

    def read(self, key: str, start: int, now: float) -> list[bytes]:
        """The entries from that number on."""
        item = self._shelf.find(_name(key), now)
        return [] if item is None else item.value.entries[start:]

    def delete(self, key: str) -> None:
        """Forget it."""
        self._shelf.drop(_name(key))


def _name(key: str) -> str:
    return f"l{key}"
