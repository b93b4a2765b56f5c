"""Counts of the last seconds, in a ring of buckets."""

from __future__ import annotations


class Window:
    """Counts of the last `span` seconds in a ring of buckets; old ones fall out by themselves."""

    __slots__ = ("_bucket", "_current", "_next", "_past", "_ring", "_width", "failed", "ok", "slow")

    def __init__(self, span: float, buckets: int) -> None:
        self._width = span / buckets
        self._ring = [[0, 0, 0] for _ in range(buckets)]
        self._current = 0
        self._bucket = self._ring[0]
        self._next = self._width  # when the next bucket begins
        self.ok = self.failed = self.slow = 0
        self._past = [0, 0]  # successes and failures that have fallen out

    @property
    def total(self) -> int:
        """Calls in the window, as of the last `move`."""
        return self.ok + self.failed

    def move(self, now: float) -> int:
        """Let fall out what is too old; the number of the current bucket."""
        if now >= self._next:
            self._drop_until(int(now / self._width))
        return self._current

    def _drop_until(self, number: int) -> None:
        size = len(self._ring)
        for stale in range(max(self._current, number - size) + 1, number + 1):
            bucket = self._ring[stale % size]
            self._past[0] += bucket[0]
            self._past[1] += bucket[1]
            self.ok -= bucket[0]
            self.failed -= bucket[1]
            self.slow -= bucket[2]
            bucket[0] = bucket[1] = bucket[2] = 0
        self._current = number
        self._bucket = self._ring[number % size]
        self._next = (number + 1) * self._width

    def add_success(self, now: float, slow: bool) -> int:
        """Count one success; the number of its bucket."""
        number = self._current if now < self._next else self.move(now)
        self._bucket[0] += 1
        self.ok += 1
        if slow:
            self._bucket[2] += 1
            self.slow += 1
        return number

    def add_failure(self, now: float, slow: bool) -> None:
        """Count one failure."""
        self.move(now)
        self._bucket[1] += 1
        self.failed += 1
        if slow:
            self._bucket[2] += 1
            self.slow += 1

    def take_back_success(self, number: int, slow: bool) -> None:
        """A success counted in that bucket was none after all."""
        size = len(self._ring)
        if number > self._current - size:
            bucket = self._ring[number % size]
            bucket[0] -= 1
            self.ok -= 1
            if slow:
                bucket[2] -= 1
                self.slow -= 1

    def counted(self) -> tuple[int, int]:
        """Successes and failures since the beginning, whether they are in the window still or not."""
        return self._past[0] + self.ok, self._past[1] + self.failed

    def clear(self) -> None:
        """Forget everything that the window shows."""
        self._past[0] += self.ok
        self._past[1] += self.failed
        for bucket in self._ring:
            bucket[0] = bucket[1] = bucket[2] = 0
        self.ok = self.failed = self.slow = 0
