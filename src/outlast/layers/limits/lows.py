"""How low a limit's backlog has been since each of its charges: so much of a charge can still be refunded.

    backlog   ▁▃▃▂▂▅▅▄▃▃▆▆▅        what was charged and has not yet flowed off; 0: the bucket is full
                ▲    ▲   ▲         charges
                └────┴───┴── since each of them it was never lower than …

What was charged and not used comes back only as far as it would still be missing. Where the bucket was full in between,
the rest would have run over; whoever got it back all the same could spend it a second time, in one window with others.

A backlog only falls between two charges, so that it is enough to look when it is about to rise.
"""

from __future__ import annotations

from bisect import bisect_left
from math import inf

MOST = 128
"""Lows kept. With one more the older half counts as its lowest: what is refunded errs on the side of the limit."""


class Lows:
    """Kept are only those lows that are lower than all later ones, each by the number of the charge before it.

    The first of them is nothing at all: when the bucket was last full.
    """

    __slots__ = ("_backlogs", "_numbers")

    def __init__(self) -> None:
        self._numbers = [-1]  # ascending
        self._backlogs = [0.0]  # ascending too

    def __len__(self) -> int:
        return len(self._numbers)

    def note(self, number: int, backlog: float) -> None:
        """After that charge, the latest, it has become so low, and now it rises."""
        numbers, backlogs = self._numbers, self._backlogs
        if backlog <= 0.0:
            numbers[0] = number
            if len(numbers) > 1:
                del numbers[1:], backlogs[1:]
            return
        while backlogs[-1] >= backlog:
            del numbers[-1], backlogs[-1]
        if numbers[-1] != number:
            numbers.append(number)
            backlogs.append(backlog)
            if len(numbers) > MOST:
                del numbers[1 : MOST // 2], backlogs[2 : MOST // 2 + 1]

    def since(self, number: int) -> float:
        """The lowest noted since that charge."""
        at = bisect_left(self._numbers, number)
        return self._backlogs[at] if at < len(self._backlogs) else inf

    def lower(self, number: int, by: float) -> float:
        """That charge was too high by so much, and so are all lows since: lower them as far as they go. By how much?"""
        numbers = self._numbers
        return by if numbers[-1] < number else self._lower(bisect_left(numbers, number), by)

    def _lower(self, at: int, by: float) -> float:
        numbers, backlogs = self._numbers, self._backlogs
        by = min(by, backlogs[at])
        backlogs[at:] = [backlog - by for backlog in backlogs[at:]]
        while at and backlogs[at - 1] >= backlogs[at]:
            at -= 1
            del backlogs[at], numbers[at]
        return by
