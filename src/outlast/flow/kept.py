"""Machines by name that are bounded in number: callers may ask for any model, so names are not few by themselves."""

from __future__ import annotations

from typing import Protocol, TypeVar


class Forgettable(Protocol):
    """Something that is as good as new after a while."""

    def idle(self, now: float) -> bool:
        """Would a new one behave the same from now on?"""
        ...


M = TypeVar("M", bound=Forgettable)


class Kept(dict[str, M]):
    """Machines by name. When there are many, those that are as good as new are forgotten; no other ever is."""

    __slots__ = ("_full",)

    def __init__(self, many: int = 1_000) -> None:
        self._full = many

    def put(self, name: str, machine: M, now: float) -> M:
        """Keep that machine, and return it."""
        if len(self) >= self._full:
            before = len(self)
            for idle in [known for known, kept in self.items() if kept.idle(now)]:
                del self[idle]
            if len(self) > before // 2:
                self._full = 2 * before  # so that looking through all of them stays rare
        self[name] = machine
        return machine
