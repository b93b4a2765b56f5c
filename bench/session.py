"""What one run of the bench has: an upstream, a folder, and how much is to be done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.figures import Figure, failure
from bench.peers import PEERS
from bench.peers.peer import PeerError
from bench.ports import reserved
from bench.processes import LOAD_CORE
from bench.rows import Row
from bench.running import Running, start
from bench.scenario import Place, Scenario
from bench.upstream import Upstream


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is done.

    Attributes:
        rounds: of each row.
        seconds: of one round of load.
        patience: seconds that a slow peer's round may have instead, so that enough is answered.
        samples: single requests of one round.
        starts: rounds of the row of starts.
        opens: rounds of rows of open streams, each with a new start.
        quick: whether slow peers sit out where they would take most of the time.
    """

    rounds: int
    seconds: int
    patience: int
    samples: int
    starts: int
    opens: int
    quick: bool = False


FULL = Effort(rounds=5, seconds=3, patience=20, samples=300, starts=3, opens=2)
QUICK = Effort(rounds=2, seconds=1, patience=4, samples=60, starts=1, opens=1, quick=True)


@dataclass(slots=True)
class Session:
    """One run.

    Attributes:
        folder: for configurations and logs.
        effort: how much is done.
        peers: names of those that take part.
        broken: peers that could not be installed, and why.
    """

    folder: Path
    effort: Effort
    peers: tuple[str, ...]
    broken: dict[str, str] = field(default_factory=dict)
    _upstream: Upstream | None = None

    @property
    def upstream(self) -> Upstream:
        """The one upstream, beside the load."""
        if self._upstream is None:
            self._upstream = Upstream(core=LOAD_CORE, folder=self.folder)
        return self._upstream

    def close(self) -> None:
        """End the upstream."""
        if self._upstream is not None:
            self._upstream.stop()

    def taking_part(self, row: Row) -> list[str]:
        """Names of the peers that a row is for."""
        out = row.too_slow if self.effort.quick else ()
        return [
            name for name in row.peers if name in self.peers and name not in out and PEERS[name].takes(row.scenario)
        ]

    @contextmanager
    def running(self, name: str, scenario: Scenario) -> Iterator[Running]:
        """A peer, ready, ended when the block is left.

        Raises:
            PeerError: it could not be installed, or does not start.
        """
        running = self.start(name, scenario)
        try:
            yield running
        finally:
            running.process.stop()

    def start(self, name: str, scenario: Scenario) -> Running:
        """A peer, ready. The caller has to stop it.

        Raises:
            PeerError: it could not be installed, or does not start.
        """
        if name in self.broken:
            raise PeerError(self.broken[name])
        with reserved() as port:
            return start(
                PEERS[name], Place(port, self.upstream.port, self.folder / f"{scenario.name}-{name}"), scenario
            )


def in_turn(names: Iterable[str], rounds: int) -> Iterator[str]:
    """ABCABC…: so that what disturbs the machine for a while disturbs all of them."""
    names = list(names)
    for _ in range(rounds):
        yield from names


def failures(row: Row, broken: dict[str, str]) -> list[Figure]:
    """A loud figure for each peer that did not make it."""
    return [failure(row.name, name, why) for name, why in broken.items()]
