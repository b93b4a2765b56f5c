"""What the callers of one way received, counted while it comes in."""

from __future__ import annotations

from collections import Counter

from outlast.demo.receipt import Outcome


class Tally:
    """Counts of one way.

    Attributes:
        asked: requests that callers have begun.
        outcomes: how those that are over have ended.
        failed_over: answers that came from another provider than the first choice.
        first, whole: seconds to the first words of a stream and to the end of an answer, of those that were answered.
    """

    __slots__ = ("asked", "failed_over", "first", "outcomes", "whole")

    def __init__(self) -> None:
        self.asked = 0
        self.outcomes: Counter[Outcome] = Counter()
        self.failed_over = 0
        self.first: list[float] = []
        self.whole: list[float] = []

    @property
    def over(self) -> int:
        """Requests that have ended, one way or another."""
        return self.outcomes.total()

    @property
    def under_way(self) -> int:
        """Requests whose callers still wait or read."""
        return self.asked - self.over

    @property
    def answered(self) -> int:
        """Requests that have a whole answer."""
        return self.outcomes["answered"]

    @property
    def share(self) -> float | None:
        """Answered of those that are over; None while there are none."""
        return self.answered / self.over if self.over else None
