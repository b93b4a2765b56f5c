"""Sums, several under one key."""

from __future__ import annotations

from collections.abc import Mapping

from outlast.store.memory.shelf import Shelf

FIELD = 64
"""Bytes that a sum takes beside its name, about."""


class Sums:
    """Whole numbers under keys and fields, which are only ever added to."""

    __slots__ = ("_shelf",)

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def add(self, key: str, amounts: Mapping[str, int], seconds: float, now: float) -> dict[str, int]:
        """Add to them; all of them, as they are then."""
        item = self._shelf.find(f"s{key}", now)
        sums: dict[str, int] = {} if item is None else dict(item.value)
        for field, amount in amounts.items():
            sums[field] = sums.get(field, 0) + amount
        self._shelf.place(f"s{key}", sums, sum(FIELD + len(field) for field in sums), now + seconds, now)
        return dict(sums)
