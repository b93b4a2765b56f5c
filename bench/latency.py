"""Rows of single requests at low load: how much later an answer, or the first word of a stream, comes than directly.

One request to each peer, the direct call among them, so that the difference is between neighbours in time; in another
order each time, so that no peer always finds the caches as the same other one has left them.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from bench.figures import Figure, percentile
from bench.peers.peer import PeerError
from bench.rows import Row
from bench.running import Running
from bench.session import Session, failures
from bench.wire import Wire

WARM_UP = 20
PAUSE = 0.001
"""Seconds between requests: low load."""
SHARES = {"p50": 0.5, "p99": 0.99}
DIRECT = "direct"

Round = dict[str, list[float]]
"""Peer → milliseconds of each request."""


def measure(session: Session, row: Row, runnings: Sequence[Running]) -> list[Figure]:
    """The figures of a row: milliseconds for each peer, and how many of them it added to a direct call."""
    broken: dict[str, str] = {}
    for running in runnings:
        try:
            running.check(row.model, row.chunks)
        except PeerError as error:
            broken[running.peer.name] = str(error)
    rounds = [_round(row, runnings, session.effort.samples, broken) for _ in range(session.effort.rounds)]
    sound = [running.peer.name for running in runnings if running.peer.name not in broken]
    return [figure for name in sound for figure in figures(row, name, rounds)] + failures(row, broken)


def figures(row: Row, name: str, rounds: Sequence[Round]) -> list[Figure]:
    """What all rounds gave for one peer."""
    made = []
    for metric, share in SHARES.items():
        taken = [percentile(one[name], share) for one in rounds]
        made.append(Figure(row.name, name, metric, "ms", tuple(taken)))
        if name != DIRECT and all(one.get(DIRECT) for one in rounds):
            added = [value - percentile(one[DIRECT], share) for value, one in zip(taken, rounds, strict=True)]
            made.append(Figure(row.name, name, f"added-{metric}", "ms", tuple(added)))
    return made


def _round(row: Row, runnings: Sequence[Running], samples: int, broken: dict[str, str]) -> Round:
    times: Round = {running.peer.name: [] for running in runnings}
    dice = random.Random(1)  # noqa: S311  (an order, not a secret)
    callers = []
    with ExitStack() as stack, _without_collector():
        for running in runnings:
            with _noted(running.peer.name, broken):
                wire = stack.enter_context(Wire(running.port))
                raw = running.request(row.model, stream=row.stream).raw(running.port)
                callers.append((running.peer.name, wire.first_word if row.stream else wire.whole, raw))
        for _ in range(WARM_UP + samples):
            for name, ask, raw in dice.sample(callers, len(callers)):
                if name not in broken:
                    with _noted(name, broken):
                        times[name].append(ask(raw) * 1000)
                time.sleep(PAUSE)
    return {name: taken[WARM_UP:] for name, taken in times.items()}


@contextmanager
def _noted(name: str, broken: dict[str, str]) -> Iterator[None]:
    """A peer that closes its connection or does not answer is out, and the others go on."""
    try:
        yield
    except OSError as error:
        broken[name] = f"no answer: {error}"


@contextmanager
def _without_collector() -> Iterator[None]:
    """No garbage of ours is collected while we time others."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
