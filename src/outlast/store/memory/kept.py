"""Bytes that are kept, claimed and swapped."""

from __future__ import annotations

from outlast.ports import Stored, StoreFailed
from outlast.store.memory.shelf import Item, Shelf

FULL = "the memory for what must be kept is full: raise [cache] memory, or configure another store"


class Kept:
    """Bytes under keys."""

    __slots__ = ("_shelf",)

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def get(self, key: str, now: float) -> Stored | None:
        """What is kept there."""
        item = self._shelf.find(_name(key), now)
        return None if item is None else _stored(item, now)

    def put(self, key: str, value: bytes, seconds: float, now: float) -> None:
        """Keep that, if there is room."""
        self._shelf.place(_name(key), value, len(value), now + seconds, now)

    def claim(self, key: str, value: bytes, seconds: float, now: float) -> Stored | None:
        """Keep that if nothing is kept there, or tell what is. Raises `StoreFailed` when there is no room."""
        item = self._shelf.find(_name(key), now)
        if item is not None:
            return _stored(item, now)
        self._promise(key, value, seconds, now)
        return None

    def swap(self, key: str, was: bytes, value: bytes, seconds: float, now: float) -> bool:
        """Keep that in place of exactly `was`. Raises `StoreFailed` when there is no room, and then `was` stays."""
        item = self._shelf.find(_name(key), now)
        if item is None or item.value != was:
            return False
        self._promise(key, value, seconds, now)
        return True

    def delete(self, key: str) -> None:
        """Forget it."""
        self._shelf.drop(_name(key))

    def _promise(self, key: str, value: bytes, seconds: float, now: float) -> None:
        if not self._shelf.place(_name(key), value, len(value), now + seconds, now, promised=True):
            raise StoreFailed(FULL)


def _name(key: str) -> str:
    return f"b{key}"


def _stored(item: Item, now: float) -> Stored:
    return Stored(item.value, item.ends - now)
