"""Calls in many threads at once, all through the same policies.

What is measured is the CPU of all threads. That none waits for another is what the tests of `outlast.guard` show.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from bench.inprocess.work import Nothing, Work

THREADS = 16

Guarding = Callable[[Callable[[], str]], Callable[[], str]]
"""What puts the policies around a function."""


class InThreads:
    """Calls shared among threads, each of which counts its own where they arrive."""

    __slots__ = ("_calls", "_nothings", "_pool")

    def __init__(self, guarding: Guarding, pool: ThreadPoolExecutor) -> None:
        self._nothings = [Nothing() for _ in range(THREADS)]
        self._calls: Sequence[Callable[[], str]] = [guarding(nothing.answer_at_once) for nothing in self._nothings]
        self._pool = pool

    async def make(self, calls: int) -> int:
        """Make so many calls; how many arrived."""
        before = sum(nothing.done for nothing in self._nothings)
        share, rest = divmod(calls, THREADS)
        shares = [share + (number < rest) for number in range(THREADS)]
        list(self._pool.map(_make, self._calls, shares))
        return sum(nothing.done for nothing in self._nothings) - before


def _make(call: Callable[[], str], calls: int) -> None:
    for _ in range(calls):
        call()


@asynccontextmanager
async def threaded(guarding: Guarding) -> AsyncIterator[Work]:
    """Those policies around the no-op function, in so many threads."""
    with ThreadPoolExecutor(THREADS) as pool:
        yield InThreads(guarding, pool)
