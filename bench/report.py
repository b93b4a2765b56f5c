"""`python -m bench.report`: what stands in `bench/results` becomes the tables and plots of `docs/performance.md`.

results/full.json ─────┐               <!-- bench:goals -->      the page's own words stay as they are;
results/inprocess.json ┴─▶ blocks ──▶    what is between           no number in it comes from anywhere else
<!-- /bench:goals -->
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bench import report_contents as contents
from bench import report_goals, report_layers
from bench.inprocess.environment import ROOT, installed
from bench.report_sheets import SHEETS, Sheet, read
from bench.report_tables import Table, heading, line

PAGE = ROOT / "docs" / "performance.md"
PLOTS = ROOT / "docs" / "img"
BLOCK = re.compile(r"(<!-- bench:(\w+) -->\n)(.*?)(<!-- /bench:\2 -->)", re.DOTALL)
UNMEASURED = "Not measured yet."


def main() -> None:
    """Draw the plots and fill the page."""
    subprocess.run([str(installed(_tell)), "-m", "bench.plots", str(PLOTS)], cwd=ROOT, check=True)
    PAGE.write_text(filled(PAGE.read_text(), [sheet for name in SHEETS if (sheet := read(name))]))
    _tell(f"written: {PAGE.relative_to(ROOT)}")


def filled(page: str, sheets: Sequence[Sheet], plots: Path = PLOTS) -> str:
    """The page with every block made anew."""
    blocks = made(sheets, plots)

    def block(match: re.Match[str]) -> str:
        return f"{match[1]}\n{blocks[match[2]]}\n{match[4]}"

    return BLOCK.sub(block, page)


def made(sheets: Sequence[Sheet], plots: Path) -> dict[str, str]:
    """The text of each block; where nothing was measured, it says so."""
    lines = {
        "setting": setting(sheets),
        "goals": report_goals.lines(sheets),
        "gateway": _plots(contents.GATEWAY_PLOTS, plots) + _tables(sheets, contents.GATEWAY),
        "inprocess": [
            *_plots(contents.INPROCESS_PLOTS, plots),
            *_tables(sheets, [contents.LIBRARIES, contents.IN_THREADS, contents.MACHINES]),
            *_layers(sheets),
            *_tables(sheets, contents.CALLS),
        ],
        "footprint": _tables(sheets, [*contents.FOOTPRINT, contents.MEMORY]),
    }
    return {name: "\n".join(text or [UNMEASURED, ""]) for name, text in lines.items()}


def setting(sheets: Sequence[Sheet]) -> list[str]:
    """The machine, the versions and the commands."""
    lines = []
    for sheet in sheets:
        about = sheet.about
        versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items() if version)
        lines += [
            heading([f"`{about['command']}`", ""]).replace("---:", "---"),
            line(["when", about["date"]]),
            line(["processor", f"{about['cpu']}, {about['cores']} cores, {about['memory'] / 2**30:.0f} GB"]),
            line(["kernel", f"{about['kernel']}, {about['machine']}"]),
            line(["versions", f"{versions}; Python {about['python']}"]),
            "",
        ]
    return lines


def _tables(sheets: Iterable[Sheet], tables: Iterable[Table]) -> list[str]:
    return [text for table in tables for sheet in sheets for text in table.lines(sheet)]


def _layers(sheets: Iterable[Sheet]) -> list[str]:
    return [text for sheet in sheets for text in report_layers.lines(sheet)]


def _plots(names: Mapping[str, str], plots: Path) -> list[str]:
    """The pictures that have been drawn."""
    return [
        text
        for name, words in names.items()
        if (plots / f"performance-{name}.svg").exists()
        for text in (f"![{words}](img/performance-{name}.svg)", "")
    ]


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
