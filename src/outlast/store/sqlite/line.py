"""Commands that wait for a thread, and how their results come back to the loops that asked."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Condition
from typing import Any

from msgspec import Struct

LINGER = 0.05
"""Seconds for which a command that nobody waits for stays, in case others come to go with it."""
MOST = 10_000
"""Commands that may wait; more are refused."""
BATCH = 500
"""So many go at once."""


class Job(Struct, eq=False):
    """One command: what is done with a connection at a moment.

    `promised`: it is on the disk before anybody hears of it. `done` is None where nobody waits; `heard` is the key
    whose listeners are told, and None where there are none.
    """

    do: Callable[[Any, float], Any]
    promised: bool = False
    done: asyncio.Future[Any] | None = None
    heard: str | None = None


class Outcome(Struct, eq=False):
    """What has become of it."""

    job: Job
    result: Any = None
    error: Exception | None = None


class Line:
    """Jobs in their order. Jobs are put in on any thread, and taken out on one."""

    __slots__ = ("_closed", "_ended", "_filled", "_jobs")

    def __init__(self) -> None:
        self._jobs: deque[Job] = deque()
        self._filled = Condition()
        self._closed = False
        self._ended: asyncio.Future[None] | None = None

    def put(self, job: Job) -> bool:
        """Let it wait; False if too many do, or nobody takes any more."""
        with self._filled:
            if self._closed or len(self._jobs) >= MOST:
                return False
            self._jobs.append(job)
            if job.done is not None or len(self._jobs) == 1:
                self._filled.notify()
            return True

    def close(self, ended: asyncio.Future[None]) -> None:
        """No more come in; what waits is still taken, and then `ended` is told."""
        with self._filled:
            self._closed = True
            self._ended = ended
            self._filled.notify()

    def over(self) -> None:
        """Whoever took is done with all of it."""
        deliver([Outcome(Job(lambda _db, _now: None, done=self._ended))])

    def take(self, patience: float | None = None) -> list[Job] | None:
        """What waits, in its order; nothing after so many seconds; None when all is done and no more comes."""
        with self._filled:
            if not self._filled.wait_for(lambda: self._jobs or self._closed, patience):
                return []
            self._filled.wait_for(self._hurries, LINGER)
            if not self._jobs:
                return None
            return [self._jobs.popleft() for _ in range(min(BATCH, len(self._jobs)))]

    def _hurries(self) -> bool:
        return self._closed or len(self._jobs) >= BATCH or any(job.done is not None for job in self._jobs)


def deliver(outcomes: Iterable[Outcome]) -> None:
    """Tell those who wait, each on his own loop; one that is closed hears no more."""
    loops: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.job.done is not None:
            loops.setdefault(outcome.job.done.get_loop(), []).append(outcome)
    for loop, told in loops.items():
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_tell, told)


def _tell(outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        done = outcome.job.done
        if done is None or done.done():
            continue  # who asked has left
        if outcome.error is not None:
            done.set_exception(outcome.error)
        else:
            done.set_result(outcome.result)
