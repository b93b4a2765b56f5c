"""What the terminal shows: each row as it is done, and at the end our goals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.figures import FAILED, Figure
from bench.goals import OURS, Verdict

WIDTH = 23


def row_lines(figures: Sequence[Figure]) -> list[str]:
    """A row: one line for each peer, median and range of each metric, and how ours compares."""
    metrics = list(dict.fromkeys((f.metric, f.unit) for f in figures if f.metric != FAILED))
    if not figures:
        return []
    lines = [f"{figures[0].row:<16}" + "".join(f"{f'{metric} {unit}':>{WIDTH}}" for metric, unit in metrics)]
    for peer in dict.fromkeys(figure.peer for figure in figures):
        own = {figure.metric: figure for figure in figures if figure.peer == peer}
        lines.append(f"  {peer:<14}" + _cells(own, [metric for metric, _ in metrics]) + _note(own))
    return lines + _ratio_lines(figures, metrics[0][0]) if metrics else lines


def _cells(own: dict[str, Figure], metrics: Iterable[str]) -> str:
    if FAILED in own:
        return f"  !!! FAILED: {own[FAILED].note}"
    return "".join(f"{_cell(own.get(metric)):>{WIDTH}}" for metric in metrics)


def _cell(figure: Figure | None) -> str:
    if figure is None or figure.median is None:
        return "-"
    return f"{_short(figure.median)} [{_short(min(figure.rounds))}-{_short(max(figure.rounds))}]"


def _note(own: dict[str, Figure]) -> str:
    notes = {figure.note for name, figure in own.items() if figure.note and name != FAILED}
    return "".join(f"  ({note})" for note in sorted(notes))


def _ratio_lines(figures: Sequence[Figure], metric: str) -> list[str]:
    medians = {figure.peer: figure.median for figure in figures if figure.metric == metric}
    ours = medians.pop(OURS, None)
    told = [f"{_short(ours / other)} x {peer}" for peer, other in medians.items() if ours is not None and other]
    return [f"  {OURS} {metric}: " + ", ".join(told)] if told else []


def goal_lines(verdicts: Iterable[Verdict]) -> list[str]:
    """The goals: reached or not, with the value; those without figures last."""
    known = [verdict for verdict in verdicts if verdict.met is not None]
    return [
        f"  {'reached' if verdict.met else 'MISSED ':<8} {verdict.goal.told():<52} {_short(verdict.value or 0.0)}"
        for verdict in known
    ]


def _short(value: float) -> str:
    """Three digits or so."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
