"""What was measured: values of several rounds become one figure with its median and its range."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric of one peer in one row.

    Attributes:
        row: what was done, such as `whole-1kb-16`.
        peer: who did it.
        metric: what was counted, such as `requests`.
        unit: of the values, such as `1/s`.
        rounds: one value for each round, in order.
        note: what a reader must know about it; of a peer that failed, why, and then there are no rounds.
    """

    row: str
    peer: str
    metric: str
    unit: str
    rounds: tuple[float, ...]
    note: str = ""

    @property
    def median(self) -> float | None:
        """The middle of the rounds; None when there are none."""
        return statistics.median(self.rounds) if self.rounds else None

    def told(self) -> dict[str, Any]:
        """The figure as it stands in a file of results."""
        return {
            "row": self.row,
            "peer": self.peer,
            "metric": self.metric,
            "unit": self.unit,
            "rounds": [_rounded(value) for value in self.rounds],
            "median": None if self.median is None else _rounded(self.median),
            "low": _rounded(min(self.rounds)) if self.rounds else None,
            "high": _rounded(max(self.rounds)) if self.rounds else None,
            "note": self.note,
        }


FAILED = "failed"
"""The metric of a peer that did not start or did not answer a row as it must."""


def failure(row: str, peer: str, why: str) -> Figure:
    """A figure that says loudly that there is none."""
    return Figure(row, peer, FAILED, "", (), why)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all values do not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, min(len(ranked), -int(-share * len(ranked) // 1)) - 1)]


def _rounded(value: float) -> float:
    """Five digits: more would be noise."""
    return float(f"{value:.5g}")
