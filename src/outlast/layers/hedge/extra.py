"""How many calls of a route may be made twice: a share of the calls of the last minutes.

buckets   ten over the window; a hedge is granted while hedges + 1 <= share * calls, both over all buckets
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct

BUCKETS = 10
EPSILON = 1e-9


class Bucket(Struct, eq=False):
    """A tenth of the window: until when it counts, and what came in it."""

    until: float
    calls: int = 0
    hedges: int = 0


class Extra:
    """At most so many hedges for so many calls, over a sliding window."""

    __slots__ = ("_buckets", "_share", "_window")

    def __init__(self, share: float, window: float) -> None:
        self._share = share
        self._window = window
        self._buckets: deque[Bucket] = deque()

    def count(self, now: float) -> None:
        """One more call."""
        self._current(now).calls += 1

    def take(self, now: float) -> Bucket | None:
        """Leave for one hedge, or None. If it is not made, `give_back`."""
        current = self._current(now)
        calls = sum(bucket.calls for bucket in self._buckets)
        hedges = sum(bucket.hedges for bucket in self._buckets)
        if hedges + 1 > self._share * calls + EPSILON:
            return None
        current.hedges += 1
        return current

    def give_back(self, bucket: Bucket) -> None:
        """The hedge that was granted there was not made."""
        bucket.hedges -= 1

    def idle(self, now: float) -> bool:
        """Is it as good as new, so that it may be forgotten?"""
        self._expire(now)
        return not self._buckets

    def _current(self, now: float) -> Bucket:
        self._expire(now)
        width = self._window / BUCKETS
        if not self._buckets or self._buckets[-1].until - self._window + width <= now:
            self._buckets.append(Bucket(now + self._window))
        return self._buckets[-1]

    def _expire(self, now: float) -> None:
        while self._buckets and self._buckets[0].until <= now:
            self._buckets.popleft()
