"""Files of results as the report reads them: figures by row, peer and metric, and what was told about the run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figures import FAILED, Figure
from bench.results import FOLDER

SHEETS = ("full", "inprocess")
"""Files that the report is made of: those of `make bench` and of `python -m bench.inprocess`."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file of results.

    Attributes:
        name: of the file.
        about: the machine, the versions, the command, the date.
        figures: all that was measured.
    """

    name: str
    about: dict[str, Any]
    figures: tuple[Figure, ...]

    def peers(self, rows: Iterable[str]) -> list[str]:
        """Who stands in these rows, in the order in which they were measured."""
        wanted = set(rows)
        return list(dict.fromkeys(figure.peer for figure in self.figures if figure.row in wanted))

    def figure(self, row: str, peer: str, metric: str) -> Figure | None:
        """That figure; the one that tells of a failure, if the peer failed in that row; None when it took no part."""
        for figure in self.figures:
            if (figure.row, figure.peer) == (row, peer) and figure.metric in {metric, FAILED}:
                return figure
        return None

    def median(self, row: str, peer: str, metric: str) -> float | None:
        """The middle of that figure's rounds, if there are any."""
        figure = self.figure(row, peer, metric)
        return None if figure is None else figure.median

    def has(self, row: str, metric: str) -> bool:
        """Is there any such figure, or a failure in its place?"""
        return any(figure.row == row and figure.metric in {metric, FAILED} for figure in self.figures)


def read(name: str, folder: Path = FOLDER) -> Sheet | None:
    """The sheet of that name, None when nothing was measured yet."""
    file = folder / f"{name}.json"
    if not file.exists():
        return None
    told = json.loads(file.read_text())
    return Sheet(name, told["about"], tuple(_figure(one) for one in told["results"]))


def _figure(told: dict[str, Any]) -> Figure:
    rounds = tuple(float(value) for value in told["rounds"])
    return Figure(told["row"], told["peer"], told["metric"], told["unit"], rounds, told["note"])
