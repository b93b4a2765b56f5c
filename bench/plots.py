"""`python -m bench.plots FOLDER`: the pictures of the report, the same bytes from the same results.

Run with the Python of `requirements/bench.txt`, which has matplotlib. A plot without figures is not drawn.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from bench.figures import Figure
from bench.goals import OURS
from bench.report_contents import CONNECTIONS
from bench.report_sheets import SHEETS, Sheet, read

STYLE = {
    "svg.hashsalt": "outlast",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.8,
    "path.simplify": True,
}
COLOURS = {
    OURS: "#d1495b",
    "direct": "#9a9a9a",
    "nginx": "#5b8e7d",
    "tensorzero": "#edae49",
    "portkey": "#30638e",
    "litellm": "#6c4f77",
}
OTHER, OTHER_OURS = "#8fa3b0", "#e39aa4"
SOCKET = ", over a socket"
WIDTH = 7.2


class Bar(NamedTuple):
    """One bar: a name, its middle and its range."""

    name: str
    middle: float
    low: float
    high: float


def colour(name: str) -> str:
    """A peer's own colour; variants of ours are paler."""
    return COLOURS.get(name.removesuffix(SOCKET)) or (OTHER_OURS if OURS in name else OTHER)


def bars(figures: Sequence[tuple[str, Figure | None]]) -> list[Bar]:
    """Bars of those figures that have rounds."""
    return [
        Bar(name, figure.median, min(figure.rounds), max(figure.rounds))
        for name, figure in figures
        if figure is not None and figure.median is not None
    ]


def draw_bars(axes: Axes, drawn: Sequence[Bar], *, logarithmic: bool) -> None:
    """Bars that lie, the first on top, with their ranges and their values."""
    places = range(len(drawn))
    beyond = [[bar.middle - bar.low for bar in drawn], [bar.high - bar.middle for bar in drawn]]
    axes.barh(
        places,
        [bar.middle for bar in drawn],
        xerr=beyond,
        color=[colour(bar.name) for bar in drawn],
        height=0.68,
        error_kw={"elinewidth": 1.0, "ecolor": "#444444"},
    )
    if logarithmic:
        axes.set_xscale("log")
        axes.set_xlim(min(bar.low for bar in drawn) / 2, max(bar.high for bar in drawn) * 3)
    for place, bar in zip(places, drawn, strict=True):
        axes.annotate(f"{bar.middle:,.4g}", (bar.high, place), (5, 0), textcoords="offset points", va="center")
    axes.set_yticks(places, [bar.name for bar in drawn])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")


def requests(sheet: Sheet) -> Canvas | None:
    """Requests a second by connections."""
    rows = [(row, int(title)) for row, title in CONNECTIONS if sheet.has(row, "requests")]
    lines = {
        peer: [(at, middle) for row, at in rows if (middle := sheet.median(row, peer, "requests"))]
        for peer in sheet.peers(row for row, _ in rows)
    }
    if len(rows) < 2:
        return None
    canvas, axes = _canvas("requests a second, whole answers of 1 KB, one core", 3.6)
    for peer, points in lines.items():
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", markersize=4, label=peer, color=colour(peer))
    axes.set(xscale="log", yscale="log", xlabel="connections")
    axes.set_xticks([at for _, at in rows], [str(at) for _, at in rows])
    axes.minorticks_off()
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return canvas


def cpu(sheet: Sheet) -> Canvas | None:
    """CPU of a request through each peer; of a direct call, that of the upstream itself."""
    row = "whole-1kb-16"
    drawn = bars([(peer, sheet.figure(row, peer, "cpu")) for peer in sheet.peers([row])])
    return _bar_canvas("µs of CPU for each request, whole answers of 1 KB, 16 connections", drawn)


def latency(sheet: Sheet) -> Canvas | None:
    """Added latency at low load."""
    kinds = (("latency-whole", "whole answer"), ("latency-stream", "first word of a stream"))
    shown = [(row, title) for row, title in kinds if sheet.has(row, "added-p50")]
    drawn = {title: bars([(p, sheet.figure(row, p, "added-p50")) for p in sheet.peers([row])]) for row, title in shown}
    drawn = {title: found for title, found in drawn.items() if found}
    if not drawn:
        return None
    canvas = Canvas(figsize=(WIDTH, 0.9 + 0.3 * sum(map(len, drawn.values()))), layout="constrained")
    places = canvas.subplots(len(drawn), 1, squeeze=False)[:, 0]
    for axes, (title, found) in zip(places, drawn.items(), strict=True):
        draw_bars(axes, found, logarithmic=all(bar.low > 0 for bar in found))
        axes.set_title(f"ms added to a direct call, median: {title}", loc="left", fontsize=10)
    return canvas


def memory(sheet: Sheet) -> Canvas | None:
    """Memory of each open stream, with as many open as was measured at most."""
    row = next((row for row in ("open-5000", "open-1000") if sheet.has(row, "memory")), "")
    drawn = bars([(peer, sheet.figure(row, peer, "memory")) for peer in sheet.peers([row])])
    return _bar_canvas(f"KB of memory for each of {row.removeprefix('open-')} open streams", drawn)


def inprocess(sheet: Sheet) -> Canvas | None:
    """CPU of a call by library: without a network, and over a socket."""
    rows = (("libraries", ""), ("library-call-1", SOCKET))
    figures = [
        (f"{peer}{where}", sheet.figure(row, peer, "cpu"))
        for row, where in rows
        for peer in sheet.peers([row])
        if "bare" not in peer and "uvloop" not in peer
    ]
    return _bar_canvas("µs of CPU for each call in one process", bars(figures))


PLOTS: dict[str, Callable[[Sheet], Canvas | None]] = {
    "requests": requests,
    "cpu": cpu,
    "latency": latency,
    "memory": memory,
    "inprocess": inprocess,
}


def _canvas(title: str, height: float) -> tuple[Canvas, Axes]:
    canvas = Canvas(figsize=(WIDTH, height), layout="constrained")
    axes = canvas.subplots()
    axes.set_title(title, loc="left", fontsize=10)
    return canvas, axes


def _bar_canvas(title: str, drawn: Sequence[Bar]) -> Canvas | None:
    if not drawn:
        return None
    canvas, axes = _canvas(title, 0.7 + 0.29 * len(drawn))
    draw_bars(axes, drawn, logarithmic=True)
    return canvas


def main(folder: Path, sheets: Sequence[Sheet]) -> list[Path]:
    """Draw all for which there are figures; what was drawn before and has none now is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    with mpl.rc_context(STYLE):
        for name, plot in PLOTS.items():
            path = folder / f"performance-{name}.svg"
            path.unlink(missing_ok=True)
            canvas = next((made for sheet in sheets if (made := plot(sheet)) is not None), None)
            if canvas is not None:
                canvas.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
                drawn.append(path)
    return drawn


if __name__ == "__main__":
    main(Path(sys.argv[1]), [sheet for name in SHEETS if (sheet := read(name))])
