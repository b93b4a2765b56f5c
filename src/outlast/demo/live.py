"""The demo on a terminal: providers, circuits, the three ways side by side, and the last news, on 80 by 24 or more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live as RichLive
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from outlast.demo.board import Board, Row
from outlast.demo.news import Line
from outlast.demo.summary import percent
from outlast.demo.ways import Caller

COLOURS = {"bad": "red", "good": "green", "plain": ""}
STYLES = {"": "bold", "answered": "bold green", "cut, shown as whole": "red"}
"""Of lines of the summary, by their names."""
GOOD, BAD = "•", "✗"
FIXED = 17
"""Lines of the screen that are not news."""
WIDE = 110
"""Columns from which there is room for a bar."""


class Live:
    """A view that draws. Enter it, and the screen is its own until it is left.

    Args:
        console: where to draw; stdout unless given.
    """

    every = 0.125

    def __init__(self, console: Console | None = None) -> None:
        self._console = console = console or Console()
        self._live = RichLive(console=console, screen=True, auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def heard(self, line: Line) -> None:
        """Nothing at once: the next look shows it."""

    def close(self, lines: Iterable[str]) -> None:
        """Show the end of it, once the screen has been left."""
        for line in ("", *lines):
            name = line.partition("  ")[0]
            self._console.print(Text(line, STYLES.get(name, "")), soft_wrap=True)

    def look(self, board: Board) -> None:
        """Draw it anew."""
        width, height = self._console.size
        self._live.update(picture(board, width, height), refresh=True)


def picture(board: Board, width: int, height: int) -> RenderableType:
    """All of the screen."""
    room = max(1, height - FIXED)
    return Group(
        _title(board),
        Text(),
        _providers(board, width),
        Text(),
        _ways(board, width),
        _flow(board),
        Text(),
        Text(" WHAT HAPPENS", "bold"),
        *_news(board, room),
    )


def _title(board: Board) -> RenderableType:
    plan = board.plan
    done = min(board.elapsed(), plan.seconds)
    line = Table.grid(padding=(0, 1), expand=True)
    line.add_column(no_wrap=True)
    line.add_column(ratio=1)
    line.add_column(no_wrap=True)
    told = f"{done:4.1f} of {plan.seconds:g} s · {plan.rate:g} requests/s · seed {plan.seed} · ctrl-c ends "
    line.add_row(Text(" outlast demo", "bold"), ProgressBar(plan.seconds, done), Text(told, "dim"))
    return line


def _table(*columns: tuple[str, int]) -> Table:
    """A table with columns of these widths; 0 is a wide one that takes what is left."""
    table = Table(box=box.SIMPLE_HEAD, expand=True, padding=(0, 1, 0, 0), show_edge=False, header_style="bold")
    for name, width in columns:
        table.add_column(name, no_wrap=True, width=width or None, ratio=None if width else 1)
    return table


def _providers(board: Board, width: int) -> RenderableType:
    wide = width >= WIDE
    speaks = [("speaks", 9)] if wide else []
    table = _table((" PROVIDER", 9), *speaks, ("just now", 0), ("circuit", 12), ("last tries", 10), ("first", 6))
    table.columns[-1].justify = "right"
    for row in board.rows():
        name, *rest = _provider(row)
        table.add_row(name, *([Text(row.dialect, "dim")] if wide else []), *rest)
    return table


def _provider(row: Row) -> Iterator[RenderableType]:
    yield Text(f" {row.name}", "bold")
    yield Text(row.words, "red" if row.troubled else "green")
    yield Text(row.circuit, COLOURS[row.tone])
    yield Text.assemble(*((GOOD, "green") if well else (BAD, "red") for well in row.ends))
    yield Text("-" if row.first is None else f"{row.first:.2f} s")


def _ways(board: Board, width: int) -> RenderableType:
    wide = width >= WIDE
    words = (("answered", 8), ("failed", 6), ("cut, shown as whole", 19), ("waiting", 7))
    table = _table((" THE SAME TRAFFIC", 0 if not wide else 18), ("asked", 5), *words, *([("", 0)] if wide else []))
    for column in table.columns[1:6]:
        column.justify = "right"
    for caller in board.callers:
        table.add_row(*_way(caller), *([_bar(caller)] if wide else []))
    return table


def _way(caller: Caller) -> Iterator[RenderableType]:
    tally = caller.tally
    ours = caller.way.key == "outlast"
    truncated = tally.outcomes["truncated"]
    failed = tally.over - tally.answered - truncated
    yield Text(f" {caller.way.title}", "bold" if ours else "")
    yield str(tally.asked)
    yield Text(percent(tally.share), "bold green" if ours else "bold")
    yield Text(str(failed), "red" if failed else "")
    yield Text(str(truncated), "bold red" if truncated else "")
    yield str(tally.under_way)


def _bar(caller: Caller) -> RenderableType:
    colour = "green" if caller.way.key == "outlast" else "yellow"
    return ProgressBar(1.0, caller.tally.share or 0.0, complete_style=colour, finished_style=colour)


def _flow(board: Board) -> RenderableType:
    tally = board.callers[0].tally
    flow = f"{board.flow():.1f} requests/s · {tally.under_way} in flight · {board.news.moved} failovers"
    return Text(f" outlast now: {flow}", "dim", no_wrap=True)


def _news(board: Board, room: int) -> Iterator[RenderableType]:
    for line in list(board.news.lines)[-room:]:
        yield Text(f" {line.at:5.1f} s  {line.text}", COLOURS[line.tone], no_wrap=True, overflow="ellipsis")
