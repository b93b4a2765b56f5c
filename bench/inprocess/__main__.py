"""`python -m bench.inprocess`: measure, show, and write a file of `bench/results`."""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.about import about
from bench.figures import Figure
from bench.inprocess import environment, record
from bench.inprocess.contest import CONTEST
from bench.inprocess.driver import measured
from bench.inprocess.footprint import imports, modules
from bench.inprocess.held import held
from bench.processes import LOAD_CORE, SERVER_CORE
from bench.results import write
from bench.upstream import Upstream

ROWS = tuple(dict.fromkeys(contender.row for contender in CONTEST.values()))
EVERYTHING = (*ROWS, "import", "allocation")


def main() -> None:
    """Run what the command line asks for."""
    asked = _asked()
    python = environment.installed(_tell)
    figures: list[Figure] = []
    for row in ROWS:
        if row in asked.only:
            figures += calls(python, row, asked)
    if "import" in asked.only:
        figures += record.of_imports(imports(python, rounds=asked.rounds, told=_tell))
        runs = [modules(python) for _ in range(asked.rounds)]
        figures += record.of_parts(runs) + record.of_modules(runs)
    if "allocation" in asked.only:
        figures += record.of_memory([held(python) for _ in range(3)])
    show(figures)
    command = shlex.join(["python", "-m", "bench.inprocess", *sys.argv[1:]])
    told = about((), ()) | {"command": command, "versions": environment.versions(python)}
    _tell(f"written: {write(asked.name, told, figures)}")


def calls(python: Path, row: str, asked: argparse.Namespace) -> list[Figure]:
    """The figures of one row's contenders."""
    contenders = [contender for contender in CONTEST.values() if contender.row == row]
    with tempfile.TemporaryDirectory() as folder:
        upstream = Upstream(core=LOAD_CORE, folder=Path(folder))
        try:
            rounds = measured(
                contenders,
                python=python,
                upstream=f"http://127.0.0.1:{upstream.port}",
                core=SERVER_CORE,
                rounds=asked.rounds,
                seconds=asked.seconds,
                told=_tell,
            )
        finally:
            upstream.stop()
    return record.of_calls(contenders, rounds)


def show(figures: Sequence[Figure]) -> None:
    """One line for each figure."""
    for figure in figures:
        value = figure.note if figure.median is None else f"{figure.median:10.2f} {figure.unit}"
        spread = f"{min(figure.rounds):.2f} … {max(figure.rounds):.2f}" if figure.rounds else ""
        print(f"{figure.row:16} {figure.peer:40} {figure.metric:28} {value:>16}   {spread}")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.inprocess", description="What a call costs in one process.")
    parser.add_argument("--quick", action="store_true", help="few short rounds: to see that all runs, not to cite")
    parser.add_argument("--rounds", type=int, help="rounds of each contender (21; quick: 3)")
    parser.add_argument("--seconds", type=float, help="CPU of one round, about (0.2; quick: 0.03)")
    parser.add_argument("--only", nargs="+", choices=EVERYTHING, default=EVERYTHING)
    parser.add_argument("--name", help="of the file in bench/results (inprocess; of a part or quickly: try)")
    asked = parser.parse_args()
    asked.rounds = asked.rounds or (3 if asked.quick else 21)
    asked.seconds = asked.seconds or (0.03 if asked.quick else 0.2)
    asked.name = asked.name or ("try" if asked.quick or asked.only != EVERYTHING else "inprocess")
    return asked


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
