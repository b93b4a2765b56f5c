"""The demo for a log: one line for each thing that happens, and one every five seconds. Plain text, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from outlast.demo.board import Board
from outlast.demo.news import Line
from outlast.demo.summary import percent


class Log:
    """A view that writes lines.

    Args:
        write: takes one line, without its end.
    """

    every = 5.0

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._begun = False

    def heard(self, line: Line) -> None:
        """Write it down."""
        self._write(f"{line.at:5.1f} s  {line.text}")

    def close(self, lines: Iterable[str]) -> None:
        """Write the end of it."""
        for line in ("", *lines):
            self._write(line)

    def look(self, board: Board) -> None:
        """One line that says how many of the requests that are over were answered, in each way."""
        if self._begun:
            self._stand(board)
            return
        self._begun = True
        plan = board.plan
        ways = ", ".join(one.way.title for one in board.callers)
        self._write(f"{plan.seconds:g} s of traffic, {plan.rate:g} requests/s, seed {plan.seed}, three times: {ways}")

    def _stand(self, board: Board) -> None:
        answered = ", ".join(f"{one.way.title} {percent(one.tally.share)}" for one in board.callers)
        tally = board.callers[0].tally
        flow = f"{board.flow():.1f} requests/s, {tally.under_way} in flight, {board.news.moved} failovers"
        self._write(f"{board.elapsed():5.1f} s  answered: {answered}; outlast: {flow}")
