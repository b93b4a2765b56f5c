"""Live quantiles of the last values: how long first contents take, how many tokens answers have."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from math import ceil


class Quantiles:
    """The last `size` values that are at most `age` seconds old, kept in order, and their quantiles."""

    __slots__ = ("_age", "_came", "_ordered", "_size")

    def __init__(self, size: int = 128, age: float = 300.0) -> None:
        self._size = size
        self._age = age
        self._came: deque[tuple[float, float]] = deque()  # (time, value), oldest first
        self._ordered: list[float] = []

    def add(self, value: float, now: float) -> None:
        """Take note of one value."""
        if len(self._came) == self._size:
            self._drop()
        self._came.append((now, value))
        insort(self._ordered, value)

    def add_cut(self, value: float, now: float, dice: float) -> None:
        """Take note of a value that was cut short: all that is known is that it would have been larger.

        It stands for one of the larger values that are known, whichever `dice` in [0, 1) says, or for itself where
        none is. So a high quantile does not sink because whatever exceeds it is cut (Efron's redistribution to the
        right).
        """
        self.count(now)
        larger = self._ordered[bisect_right(self._ordered, value) :]
        self.add(larger[int(dice * len(larger))] if larger else value, now)

    def _drop(self) -> None:
        del self._ordered[bisect_left(self._ordered, self._came.popleft()[1])]

    def count(self, now: float) -> int:
        """How many values are known."""
        came = self._came
        while came and came[0][0] <= now - self._age:
            self._drop()
        return len(came)

    def idle(self, now: float) -> bool:
        """Is nothing known any more?"""
        return self.count(now) == 0

    def at(self, share: float, now: float, least: int = 1) -> float | None:
        """The least value that this share of the values does not exceed; None with fewer than `least` values."""
        known = self.count(now)
        if known < max(1, least):
            return None
        return self._ordered[max(0, min(known, ceil(share * known - 1e-9)) - 1)]
