"""What we want to reach, as data, and whether the figures say that we have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.figures import Figure

OURS = "outlast"


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on one of our figures, or on its ratio to another figure.

    Attributes:
        row: of our figure.
        metric: of both figures.
        bound: what the value must reach.
        at_least: the value may be more; else it may be less.
        peer: whose figure ours is divided by; empty: ours is taken as it is.
        other_row: where that figure stands, if not in the same row.
        ours: which of our figures it is, in a row that has several.
    """

    row: str
    metric: str
    bound: float
    at_least: bool = False
    peer: str = ""
    other_row: str = ""
    ours: str = OURS

    def told(self) -> str:
        """The goal in words."""
        sign = ">=" if self.at_least else "<="
        against = f" x {self.peer}" if self.peer else ""
        where = f" at {self.other_row}" if self.other_row else ""
        which = "" if self.ours == OURS else f" of {self.ours}"
        return f"{self.row} {self.metric}{which} {sign} {self.bound:g}{against}{where}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a goal is met; None: a figure is missing."""

    goal: Goal
    value: float | None
    met: bool | None


GOALS = (
    *(
        Goal(row, "requests", bound, at_least=True, peer=peer)
        for row in ("whole-1kb-16", "whole-1kb-64")
        for peer, bound in (("litellm", 100.0), ("portkey", 10.0), ("tensorzero", 2.0))
    ),
    Goal("whole-1kb-16", "cpu", 4.0, peer="nginx"),
    Goal("whole-1kb-64", "cpu", 4.0, peer="nginx"),
    Goal("failover-16", "requests", 100.0, at_least=True, peer="litellm"),
    Goal("failover-16", "requests", 2.0, at_least=True, peer="tensorzero"),
    *(
        Goal("burst-16", "chunks", bound, at_least=True, peer=peer)
        for peer, bound in (("litellm", 80.0), ("portkey", 4.0), ("tensorzero", 2.0))
    ),
    Goal("latency-stream", "added-p50", 1.0, peer="tensorzero"),
    Goal("open-5000", "memory", 16.0),
    Goal("targets-1000", "cpu", 1.3, peer=OURS, other_row="targets-1"),
    Goal("start", "ready", 1.0),
    Goal("start", "idle", 60.0),
    Goal("start", "loaded", 60.0),
)


def judged(figures: Iterable[Figure], goals: Iterable[Goal] = GOALS) -> list[Verdict]:
    """A verdict for each goal, by medians."""
    medians = {(figure.row, figure.peer, figure.metric): figure.median for figure in figures}
    return [_judged(goal, medians) for goal in goals]


def _judged(goal: Goal, medians: dict[tuple[str, str, str], float | None]) -> Verdict:
    value = medians.get((goal.row, goal.ours, goal.metric))
    if goal.peer:
        other = medians.get((goal.other_row or goal.row, goal.peer, goal.metric))
        value = value / other if value is not None and other else None
    if value is None:
        return Verdict(goal, None, None)
    return Verdict(goal, value, value >= goal.bound if goal.at_least else value <= goal.bound)
