"""What one process has been lent of a scope's limits: spent without asking, given back when it is not used.

wanted    a quarter of a second's worth of each limit, and no more than half of this process's part of the burst
spend     calls that it covers go at once
dry       nothing more was to be had: for a while nobody asks again, by chance so that not all ask together
expire    a second after the last loan what is left of it is given back
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

from outlast.flow.bucket import EPSILON
from outlast.layers.limits.gcra import Gcra
from outlast.ports import Waiter

WORTH = 0.25
"""Seconds' worth of a limit in one loan."""
KEPT = 1.0
"""Seconds after which what is left of a loan is given back."""
SPREAD = 4.0
"""Who got nothing asks again in about the time in which each process could get so many such calls."""

Each = Sequence[float]
"""A cost in each of the limits, in their order."""


class Lease:
    """Amounts lent, a number for each limit of the scope. Times are given; `expire` is called by the world's alarm.

    Args:
        buckets: the limits.
        give_back: tells the store what was not used: how much of each, lent from which charge on, at what time.

    Attributes:
        due: when it ends.
        number: of the charge by which the oldest of it was lent.
        again: nobody asks for more before that.
        asking: who waits for the loan that is being asked for; None while none is.
    """

    __slots__ = ("_buckets", "_ends", "_give_back", "_left", "again", "asking", "due", "number")

    def __init__(self, buckets: Sequence[Gcra], give_back: Callable[[Each, int, float], None]) -> None:
        self._buckets = buckets
        self._give_back = give_back
        self._left = [0.0] * len(buckets)
        self._ends = -inf
        self.due = inf
        self.number = 0
        self.again = -inf
        self.asking: list[Waiter] | None = None

    def wanted(self, processes: int) -> list[float]:
        """How much of each to ask for."""
        return [min(WORTH / bucket.spacing, bucket.burst / (2.0 * processes)) for bucket in self._buckets]

    def suits(self, each: Each, processes: int) -> bool:
        """Is a loan worth while for calls that cost so much?"""
        return all(cost <= most for cost, most in zip(each, self.wanted(processes), strict=True))

    def covers(self, each: Each) -> bool:
        """Is so much of it left?"""
        return all(cost <= left + EPSILON for cost, left in zip(each, self._left, strict=True))

    def spend(self, each: Each) -> None:
        """A call takes so much of it; below zero, it gives that back at once."""
        self._left = [max(0.0, left - cost) for cost, left in zip(each, self._left, strict=True)]

    def lent(self, amounts: Each, number: int, now: float) -> float:
        """More was lent, by the charge of that number. When it ends."""
        if not any(self._left):
            self.number = number
        self._left = [left + amount for left, amount in zip(self._left, amounts, strict=True)]
        self._ends = now + KEPT
        return self._ends

    def dry(self, each: Each, processes: int, chance: float, now: float) -> None:
        """Too little was lent for a call of that cost. `chance` in [0, 1) decides when to ask again."""
        paces = [cost * bucket.spacing for cost, bucket in zip(each, self._buckets, strict=True)]
        self.again = now + (0.5 + chance) * SPREAD * processes * max(paces, default=0.0)

    def expire(self) -> None:
        """Its time is over."""
        self.end(self._ends)

    def end(self, now: float) -> None:
        """What is left of it is given back."""
        left, self._left = self._left, [0.0] * len(self._buckets)
        if any(left):
            self._give_back(left, self.number, now)

    @property
    def idle(self) -> bool:
        """Is there nothing to give back, and nobody who asks?"""
        return self.asking is None and not any(self._left)
