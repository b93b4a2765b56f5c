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
from operator import itemgetter

MOST = 64
"""Lows kept; older ones count as their lowest, so that what is refunded errs on the side of the limit."""


class Lows:
    """Charges are numbered. Kept are only those lows that are lower than all later ones.

    Attributes:
        number: of the latest charge.
    """

    __slots__ = ("_kept", "number")

    def __init__(self) -> None:
        self._kept: list[list[float]] = []  # [number of the charge before it, backlog], both ascending
        self.number = 0

    def charged(self, before: float) -> None:
        """A charge finds the backlog so high."""
        self.note(before)
        self.number += 1

    def note(self, backlog: float) -> None:
        """It has been so low since the latest charge."""
        kept = self._kept
        while kept and kept[-1][1] >= backlog:
            kept.pop()
        if kept and kept[-1][0] == self.number:
            return
        kept.append([self.number, backlog])
        if len(kept) > MOST:
            kept[1][1] = kept[0][1]
            del kept[0]

    def since(self, number: int) -> float:
        """The lowest since that charge."""
        at = bisect_left(self._kept, number, key=itemgetter(0))
        return self._kept[at][1] if at < len(self._kept) else inf

    def lower(self, number: int, by: float) -> None:
        """All since that charge would have been lower by so much."""
        kept = self._kept
        at = bisect_left(kept, number, key=itemgetter(0))
        for low in kept[at:]:
            low[1] -= by
        while 0 < at < len(kept) and kept[at - 1][1] >= kept[at][1]:
            at -= 1
            del kept[at]
