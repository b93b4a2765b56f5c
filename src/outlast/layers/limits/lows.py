"""How low a limit's backlog has been since each of its charges: so much of a charge can still be refunded.

    backlog   ▁▃▃▂▂▅▅▄▃▃▆▆▅        what was charged and has not yet flowed off; 0: the bucket is full
                ▲    ▲   ▲         charges
                └────┴───┴── since each of them it was never lower than …

What was charged and not used comes back only as far as it would still be missing. Where the bucket was full in between,
the rest would have run over; whoever got it back all the same could spend it a second time, in one window with others.
"""

from __future__ import annotations

from bisect import bisect_left
from math import inf

MOST = 64
"""Lows kept; older ones count as their lowest, so that what is refunded errs on the side of the limit."""


class Lows:
    """Charges are numbered. Kept are only those lows that are lower than all later ones.

    Attributes:
        number: of the latest charge.
    """

    __slots__ = ("_backlogs", "_full", "_numbers", "number")

    def __init__(self) -> None:
        self._numbers: list[int] = []  # of the charge before each low, ascending
        self._backlogs: list[float] = []  # the lows, ascending
        self._full = -1  # the bucket has been full since that charge: of it and of those before nothing is left
        self.number = 0

    def __len__(self) -> int:
        return len(self._numbers)

    def charged(self, before: float) -> None:
        """A charge finds the backlog so high."""
        self.note(before)
        self.number += 1

    def note(self, backlog: float) -> None:
        """It has been so low since the latest charge."""
        numbers, backlogs = self._numbers, self._backlogs
        if backlog <= 0.0:
            self._full = self.number
            if numbers:
                numbers.clear()
                backlogs.clear()
            return
        while backlogs and backlogs[-1] >= backlog:
            backlogs.pop()
            numbers.pop()
        if numbers and numbers[-1] == self.number:
            return
        numbers.append(self.number)
        backlogs.append(backlog)
        if len(numbers) > MOST:
            del numbers[0]
            del backlogs[1]

    def since(self, number: int) -> float:
        """The lowest since that charge."""
        if number <= self._full:
            return 0.0
        at = bisect_left(self._numbers, number)
        return self._backlogs[at] if at < len(self._backlogs) else inf

    def lower(self, number: int, by: float) -> None:
        """All since that charge would have been lower by so much."""
        numbers, backlogs = self._numbers, self._backlogs
        at = bisect_left(numbers, number)
        for place in range(at, len(backlogs)):
            backlogs[place] -= by
        while 0 < at < len(backlogs) and backlogs[at - 1] >= backlogs[at]:
            at -= 1
            del backlogs[at], numbers[at]
