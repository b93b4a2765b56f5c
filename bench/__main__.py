"""`python -m bench`: this gateway beside its peers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from bench.peers import PEERS
from bench.results import FOLDER
from bench.rows import ROWS, Row
from bench.run import install, run
from bench.session import FULL, QUICK


def main(arguments: Sequence[str]) -> None:
    """Run what the arguments say."""
    asked = _parser().parse_args(arguments)
    peers = tuple(asked.peers.split(","))
    if unknown := set(peers) - set(PEERS):
        raise SystemExit(f"no such peer: {', '.join(sorted(unknown))}; there is {', '.join(PEERS)}")
    if asked.install:
        raise SystemExit(1 if install(peers) else 0)
    effort = QUICK if asked.quick else FULL
    changes = {
        name: getattr(asked, name)
        for name in ("rounds", "seconds", "samples", "starts", "opens")
        if getattr(asked, name)
    }
    name = asked.name or ("quick" if asked.quick else "full")
    run(asked.folder / f"{name}.json", peers, _rows(asked), replace(effort, **changes), arguments)


def _rows(asked: argparse.Namespace) -> list[Row]:
    if not asked.rows:
        return [row for row in ROWS if row.quick or not asked.quick]
    patterns = asked.rows.split(",")
    chosen = [row for row in ROWS if any(fnmatch(row.name, pattern) for pattern in patterns)]
    if not chosen:
        raise SystemExit(f"no such row: {asked.rows}; there is {', '.join(row.name for row in ROWS)}")
    return chosen


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="This gateway beside its peers.")
    parser.add_argument("--quick", action="store_true", help="fewer rows, short rounds: under three minutes")
    parser.add_argument("--peers", default=",".join(PEERS), help="who takes part (default: %(default)s)")
    parser.add_argument("--rows", default="", help="names or patterns, such as whole-1kb-16,burst-*")
    parser.add_argument("--rounds", type=int, help="of each row")
    parser.add_argument("--seconds", type=int, help="of each round of load")
    parser.add_argument("--samples", type=int, help="single requests in a round of latency")
    parser.add_argument("--starts", type=int, help="rounds of the row of starts")
    parser.add_argument("--opens", type=int, help="rounds of rows of open streams")
    parser.add_argument("--name", default="", help="of the file with the results (default: full or quick)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where that file is written (default: %(default)s)")
    parser.add_argument("--install", action="store_true", help="only install the peers")
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
