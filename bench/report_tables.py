"""Tables of the report in Markdown: peers downward, rows of the bench across, medians with their ranges.

| | 1 | 16 | 64 |                          a peer that failed says so, and why below the table
|---|---|---|---|                         a peer that took no part has a dash
| outlast | 9,120 (8,990 … 9,200) | …
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.figures import FAILED, Figure
from bench.goals import OURS
from bench.report_sheets import Sheet

NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: a row of the bench, one of its metrics, and what stands above it."""

    row: str
    metric: str
    title: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the page.

    Attributes:
        title: the line above it.
        columns: what it shows.
        against: the peer whose ratio to the others the last column shows, for the first column's figures; or nobody.
    """

    title: str
    columns: tuple[Column, ...]
    against: str = ""

    def lines(self, sheet: Sheet) -> list[str]:
        """The table in Markdown, and the reasons of those that failed; nothing without figures."""
        columns = [column for column in self.columns if sheet.has(column.row, column.metric)]
        if not columns:
            return []
        titles = [column.title for column in columns] + ([f"to {self.against}"] if self.against else [])
        lines = [self.title, "", heading(["", *titles])]
        peers = [
            peer
            for peer in sheet.peers(column.row for column in columns)
            if any(sheet.figure(column.row, peer, column.metric) for column in columns)
        ]
        lines += [line([_name(peer), *self._cells(sheet, peer, columns)]) for peer in peers]
        return [*lines, *_reasons(sheet, peers, columns), ""]

    def _cells(self, sheet: Sheet, peer: str, columns: Sequence[Column]) -> list[str]:
        cells = [cell(sheet.figure(column.row, peer, column.metric)) for column in columns]
        if self.against:
            first = columns[0]
            own = sheet.median(first.row, peer, first.metric)
            cells.append(ratio(own, sheet.median(first.row, self.against, first.metric)))
        return cells


def heading(titles: Sequence[str]) -> str:
    """The first two lines of a table; all but the first column are numbers."""
    return line(titles) + "\n|---" + "|---:" * (len(titles) - 1) + "|"


def line(cells: Sequence[str]) -> str:
    """One line of a table."""
    return "| " + " | ".join(cells) + " |"


def cell(figure: Figure | None) -> str:
    """Median and range."""
    if figure is None:
        return NOTHING
    if figure.metric == FAILED or figure.median is None:
        return "✗ failed"
    low, high = min(figure.rounds), max(figure.rounds)
    return short(figure.median) + (f" ({short(low)} … {short(high)})" if len(figure.rounds) > 1 else "")


def ratio(value: float | None, other: float | None) -> str:
    """How many times the other, if both are known."""
    return f"{short(value / other)} x" if value is not None and other else NOTHING


def short(value: float) -> str:
    """Three digits or so, thousands apart."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _name(peer: str) -> str:
    return f"**{peer}**" if peer == OURS else peer


def _reasons(sheet: Sheet, peers: Sequence[str], columns: Sequence[Column]) -> list[str]:
    """Why somebody failed, and what else a reader must know; each said once."""
    said: dict[str, None] = {}
    for peer in peers:
        for column in columns:
            figure = sheet.figure(column.row, peer, column.metric)
            if figure is not None and figure.metric == FAILED:
                said[f"✗ {peer}, {column.title}: {plain(figure.note)}"] = None
            elif figure is not None and "failed" in figure.note:
                said[f"{peer}, {column.title}: {plain(figure.note)}"] = None
    return ["", *(f"- {reason}" for reason in said)] if said else []


def plain(words: str, most: int = 160) -> str:
    """A program's last words as they may stand in a page."""
    safe = "".join(letter if letter not in "|<>[]`*_" else " " for letter in " ".join(words.split()))
    return safe if len(safe) <= most else safe[:most] + " …"
