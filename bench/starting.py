"""The row of starts: how long until a peer is ready, and what it weighs before it has done anything."""

from __future__ import annotations

import time
from collections.abc import Iterable

from bench.figures import Figure
from bench.peers.peer import PeerError
from bench.rows import Row
from bench.running import Running
from bench.session import Session, failures, in_turn

SETTLE = 1.5
"""Seconds after which an idle peer is weighed."""


def measure(session: Session, row: Row) -> list[Figure]:
    """The figures of the row."""
    ready: dict[str, list[float]] = {}
    idle: dict[str, list[float]] = {}
    broken: dict[str, str] = {}
    for name in in_turn(session.taking_part(row), session.effort.starts):
        if name in broken:
            continue
        try:
            with session.running(name, row.scenario) as running:
                time.sleep(SETTLE)
                ready.setdefault(name, []).append(running.ready_after)
                idle.setdefault(name, []).append(running.resident() / 1e6)
        except PeerError as error:
            broken[name] = str(error)
    made = [Figure(row.name, name, "ready", "s", tuple(values)) for name, values in ready.items()]
    made += [Figure(row.name, name, "idle", "MB", tuple(values)) for name, values in idle.items()]
    return [figure for figure in made if figure.peer not in broken] + failures(row, broken)


def once(runnings: Iterable[Running]) -> list[Figure]:
    """The same of peers that were started for other rows: one round of it, for the quick mode."""
    made = []
    for running in runnings:
        made.append(Figure("start", running.peer.name, "ready", "s", (running.ready_after,)))
        made.append(Figure("start", running.peer.name, "idle", "MB", (running.resident() / 1e6,)))
    return made


def loaded(runnings: Iterable[Running]) -> list[Figure]:
    """What peers weigh after the rows of load."""
    return [Figure("start", running.peer.name, "loaded", "MB", (running.resident() / 1e6,)) for running in runnings]
