"""Rows of load: as many requests as a peer answers over so many connections, and what each of them costs.

A peer whose core is not busy was not the slowest part: its requests a second are then only a lower bound, which is why
`busy` stands beside them. Chunks are counted by bytes, so that streams cut off by the end of a round count, too.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from bench.figures import Figure
from bench.peers.peer import PeerError
from bench.rows import Row
from bench.running import Running
from bench.session import Effort, Session, failures, in_turn
from bench.wire import Wire
from bench.wrk import Shot, shoot

ENOUGH = 20
"""Requests on each connection that a round should have, so that the unfinished ones at its end count for little."""
FEW = 5
"""With fewer, a note says so."""


def measure(session: Session, row: Row, runnings: Sequence[Running]) -> list[Figure]:
    """The figures of a row; a peer that answers wrongly gets one that says so."""
    contestants: dict[str, Contestant] = {}
    broken: dict[str, str] = {}
    for running in runnings:
        try:
            contestants[running.peer.name] = Contestant(session, row, running)
        except PeerError as error:
            broken[running.peer.name] = str(error)
    for name in in_turn(contestants, session.effort.rounds):
        if name in broken:
            continue
        try:
            contestants[name].go()
        except PeerError as error:
            broken[name] = str(error)
    made = [figure for contestant in contestants.values() for figure in contestant.figures()]
    return [figure for figure in made if figure.peer not in broken] + failures(row, broken)


class Contestant:
    """A peer in a row of load, checked and warmed up.

    Raises:
        PeerError: it does not answer as it must.
    """

    def __init__(self, session: Session, row: Row, running: Running) -> None:
        running.check(row.model, row.chunks)
        self._row = row
        self._running = running
        self._request = running.request(row.model, stream=row.stream)
        self._rounds: dict[tuple[str, str], list[float]] = defaultdict(list)
        self._failed = 0
        self._answered: list[int] = []
        self._stream_bytes = self._length() if row.chunks else 0
        warm = self._shoot(1)
        running.calm()
        self._seconds = seconds(row, warm.requests, session.effort)

    def go(self) -> None:
        """One round.

        Raises:
            PeerError: nothing was answered in it.
        """
        before = self._running.cpu()
        shot = self._shoot(self._seconds)
        cpu = self._running.cpu() - before
        self._running.calm()
        if shot.requests <= shot.failed:
            raise PeerError(f"nothing was answered in {self._seconds} s")
        self._answered.append(shot.requests)
        self._failed += shot.failed
        for told, value in values(self._row, shot, cpu, self._stream_bytes).items():
            self._rounds[told].append(value)

    def figures(self) -> list[Figure]:
        """What all rounds gave."""
        note = _note(self._failed, min(self._answered, default=0), self._row)
        name = self._running.peer.name
        return [
            Figure(self._row.name, name, metric, unit, tuple(values), note)
            for (metric, unit), values in self._rounds.items()
        ]

    def _shoot(self, seconds: int) -> Shot:
        running = self._running
        return shoot(running.port, self._request, self._row.connections, seconds, running.place.folder)

    def _length(self) -> int:
        """Bytes of one stream on the wire."""
        with Wire(self._running.port) as wire:
            wire.whole(self._request.raw(self._running.port))
            return len(wire.got)


def seconds(row: Row, warm: int, effort: Effort) -> int:
    """How long a round is for a peer that answered `warm` requests in a second: streams are counted by bytes anyway."""
    needed = 0 if row.chunks else math.ceil(ENOUGH * row.connections / max(warm, 1))
    return max(effort.seconds, min(needed, effort.patience))


def _note(failed: int, answered: int, row: Row) -> str:
    """What a reader of a row's figures must know about them."""
    notes = [f"{failed} requests failed"] if failed else []
    if not row.chunks and answered < FEW * row.connections:
        notes.append(f"only {answered} answered in a round")
    return ", ".join(notes)


def values(row: Row, shot: Shot, cpu: float, stream_bytes: int) -> dict[tuple[str, str], float]:
    """What one round says: metric and unit → value.

    Args:
        row: what was done.
        shot: what came back.
        cpu: seconds that the peer used.
        stream_bytes: of one stream on the wire; 0 for whole replies.
    """
    always = {("busy", "%"): 100 * cpu / shot.seconds, ("p50", "ms"): shot.p50, ("p99", "ms"): shot.p99}
    if stream_bytes:
        chunks = max(shot.bytes / stream_bytes * row.chunks, 1.0)
        return {("chunks", "1/s"): chunks / shot.seconds, ("chunk-cpu", "us/chunk"): cpu / chunks * 1e6} | always
    answered = shot.requests - shot.failed
    return {("requests", "1/s"): answered / shot.seconds, ("cpu", "us/request"): cpu / answered * 1e6} | always
