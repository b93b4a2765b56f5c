"""The run: install, then row after row, each told as soon as it is done."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path

from bench import latency, opening, starting, throughput, upstream, wrk
from bench.about import about
from bench.figures import Figure
from bench.goals import judged
from bench.peers import PEERS
from bench.peers.environment import NotInstalledError
from bench.peers.peer import PeerError
from bench.processes import LOAD_CORE, lift_limits
from bench.results import write
from bench.rows import Row
from bench.running import Running
from bench.scenario import PLAIN
from bench.session import Effort, Session, failures
from bench.table import goal_lines, row_lines


def run(
    file: Path, peers: tuple[str, ...], rows: Sequence[Row], effort: Effort, command: Sequence[str]
) -> list[Figure]:
    """All figures; they stand in the file, too."""
    broken = install(peers)
    began = time.monotonic()
    upstream.compiled()
    if any(row.load for row in rows) and (why := wrk.lacking()):
        raise SystemExit(why)
    lift_limits()
    os.sched_setaffinity(0, {LOAD_CORE})
    told = about((peer for peer in peers if peer not in broken), command)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="outlast-bench-") as folder:
        Path(folder).chmod(0o755)
        session = Session(Path(folder), effort, peers, broken)
        try:
            for made in _rows(session, rows):
                figures += made
                write(file.stem, told, figures, file.parent)
                say(*row_lines(made), f"  [{time.monotonic() - began:.0f} s]", "")
        finally:
            session.close()
    say("goals", *goal_lines(judged(figures)), "", f"{file}: {time.monotonic() - began:.0f} s")
    return figures


def install(peers: Sequence[str]) -> dict[str, str]:
    """Install the peers; those that cannot be, and why."""
    broken = {}
    for name in peers:
        began = time.monotonic()
        try:
            why = PEERS[name].lacking()
            if not why:
                PEERS[name].install()
        except NotInstalledError as error:
            why = str(error)
        if why:
            broken[name] = f"not installed: {why}"
            say(f"!!! {name} is NOT INSTALLED: {why}")
        else:
            say(f"{name} {PEERS[name].version()} is installed ({time.monotonic() - began:.1f} s)")
    return broken


def _rows(session: Session, rows: Sequence[Row]) -> Iterator[list[Figure]]:
    for (_, alone), group in groupby(rows, key=lambda row: (row.scenario.name, bool(row.start or row.open))):
        same = list(group)
        if alone:
            yield from (starting.measure(session, row) if row.start else opening.measure(session, row) for row in same)
        else:
            yield from _together(session, same)


def _together(session: Session, rows: Sequence[Row]) -> Iterator[list[Figure]]:
    """Rows of one scenario: the peers are started once for all of them."""
    names = dict.fromkeys(name for row in rows for name in session.taking_part(row))
    broken: dict[str, str] = {}
    with ExitStack() as stack:
        runnings: dict[str, Running] = {}
        for name in names:
            try:
                runnings[name] = stack.enter_context(session.running(name, rows[0].scenario))
            except PeerError as error:
                broken[name] = str(error)
                say(f"!!! {name} did NOT START: {error}")
        for running in runnings.values():
            running.calm()
        plain = rows[0].scenario is PLAIN
        if plain and session.effort.quick:
            yield starting.once(runnings.values())
        for row in rows:
            taking = session.taking_part(row)
            measure = latency.measure if row.latency else throughput.measure
            made = measure(session, row, [runnings[name] for name in taking if name in runnings])
            yield made + failures(row, {name: broken[name] for name in taking if name in broken})
        if plain and any(row.load for row in rows):
            yield starting.loaded(runnings.values())


def say(*lines: str) -> None:
    """Tell the terminal at once."""
    print("\n".join(lines), flush=True)
