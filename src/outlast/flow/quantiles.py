"""Live quantiles of the last values: how long first contents take, how many tokens answers have."""

from __future__ import annotations

from math import ceil


class Quantiles:
    """The last `size` values that are at most `age` seconds old, and their quantiles.

    The sorted order is kept for a while: a quantile may lag by an eighth of the values.
    """

    __slots__ = ("_age", "_fresh", "_next", "_sorted", "_times", "_values")

    def __init__(self, size: int = 128, age: float = 300.0) -> None:
        self._age = age
        self._values = [0.0] * size
        self._times = [float("-inf")] * size
        self._next = 0
        self._sorted: list[float] = []
        self._fresh = 0.0  # until when the sorted order may be used

    def add(self, value: float, now: float) -> None:
        """Take note of one value."""
        slot = self._next % len(self._values)
        self._values[slot] = value
        self._times[slot] = now
        self._next += 1
        if self._next % max(1, len(self._values) // 8) == 0 or self._next < len(self._values) // 2:
            self._fresh = float("-inf")

    def _in_order(self, now: float) -> list[float]:
        if now >= self._fresh:
            oldest = now - self._age
            self._sorted = sorted(v for v, t in zip(self._values, self._times, strict=True) if t > oldest)
            self._fresh = now + self._age / 30
        return self._sorted

    def count(self, now: float) -> int:
        """How many values are known."""
        return len(self._in_order(now))

    def at(self, share: float, now: float, least: int = 1) -> float | None:
        """The least value that this share of the values does not exceed; None with fewer than `least` values."""
        ordered = self._in_order(now)
        if len(ordered) < max(1, least):
            return None
        return ordered[max(0, min(len(ordered), ceil(share * len(ordered) - 1e-9)) - 1)]
