"""The summary for people: lines of at most 80 columns, the same on a terminal and in a log."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from outlast.demo.summary import Summary
from outlast.demo.ways import FIRST, PATIENCE

WIDTH = 80


def closing(summary: Summary) -> Iterator[str]:
    """The figures side by side, and what must be known to read them."""
    plan = summary.plan
    early = ", ended early" if summary.interrupted else ""
    yield f"{plan.seconds:g} s of traffic, {plan.rate:g} requests/s, seed {plan.seed}: the same in three ways{early}"
    yield ""
    yield from _columns(list(summary.rows()))
    yield ""
    yield from _notes(summary)


def _columns(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        yield "   ".join((row[0].ljust(widths[0]), *cells))


def _notes(summary: Summary) -> Iterator[str]:
    homes = " and ".join(f"{provider} ({dialect})" for dialect, provider in FIRST.items())
    yield from _wrapped(
        f"Each way has its own copies of the four providers. Straight and SDK callers ask the one that they are "
        f"written for, {homes}; outlast asks that one first. Every caller waits {PATIENCE:g} s at most."
    )
    yield from _wrapped(f"Shorter than outlast's defaults, to fit the run: {', '.join(summary.shortened)}.")
    if summary.held:
        yield f"{summary.held} slots or permits are still held: that is a fault of outlast."


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_on_hyphens=False)
