"""`outlast.guard` around the no-op: one policy, the pairs that others have, and all of them; and the machines alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from bench.inprocess.threads import THREADS, threaded
from bench.inprocess.work import Counted, CountedAtOnce, Cycles, Nothing, Work
from outlast import Breaker, Guard, Limit, Retry, Slots, Timeout, guard
from outlast.layers.breaker import Breaker as Circuit
from outlast.layers.breaker import BreakerConfig
from outlast.layers.breaker import Permit as Leave
from outlast.layers.limits import Costs, LimitConfig, Limits

PLENTY = 6e9
"""A limit that is kept and never reached."""


@asynccontextmanager
async def _asynchronous(guarding: Guard) -> AsyncIterator[Work]:
    nothing = Nothing()
    yield Counted(guarding(nothing.answer), nothing)


@asynccontextmanager
async def _blocking(guarding: Guard) -> AsyncIterator[Work]:
    nothing = Nothing()
    yield CountedAtOnce(guarding(nothing.answer_at_once), nothing)


def retry(upstream: str) -> AbstractAsyncContextManager[Work]:  # noqa: ARG001
    """A retry around the coroutine."""
    return _asynchronous(guard(Retry(attempts=3)))


def retry_blocking(upstream: str) -> AbstractAsyncContextManager[Work]:  # noqa: ARG001
    """A retry around the function."""
    return _blocking(guard(Retry(attempts=3)))


def breaker(upstream: str) -> AbstractAsyncContextManager[Work]:  # noqa: ARG001
    """A breaker around the coroutine."""
    return _asynchronous(guard(Breaker()))


def retry_and_breaker(upstream: str) -> AbstractAsyncContextManager[Work]:  # noqa: ARG001
    """Both around the coroutine."""
    return _asynchronous(guard(Retry(attempts=3), Breaker()))


def retry_and_breaker_blocking(upstream: str) -> AbstractAsyncContextManager[Work]:  # noqa: ARG001
    """Both around the function."""
    return _blocking(guard(Retry(attempts=3), Breaker()))


def _every() -> Guard:
    return guard(Retry(attempts=3), Limit(rpm=PLENTY), Slots(THREADS), Breaker(), Timeout(10))


def every(upstream: str) -> AbstractAsyncContextManager[Work]:  # noqa: ARG001
    """Retry, limit, slots, breaker and timeout around the coroutine."""
    return _asynchronous(_every())


def every_blocking(upstream: str) -> AbstractAsyncContextManager[Work]:  # noqa: ARG001
    """The same around the function."""
    return _blocking(_every())


def in_threads(upstream: str) -> AbstractAsyncContextManager[Work]:  # noqa: ARG001
    """The same in sixteen threads at once, all through one guard."""
    return threaded(_every())


@asynccontextmanager
async def breaker_cycle(upstream: str) -> AsyncIterator[Work]:  # noqa: ARG001
    """The circuit alone: asked, told of the answer, told of the end."""
    circuit = Circuit(BreakerConfig())

    def cycle() -> None:
        leave = circuit.admit(1.0)
        if isinstance(leave, Leave):
            circuit.answered(leave, 1.0)
            circuit.settle(leave, "success", 1.0)

    yield Cycles(cycle)


@asynccontextmanager
async def limit_cycle(upstream: str) -> AsyncIterator[Work]:  # noqa: ARG001
    """The limit alone: charged, and told of the end."""
    limits = Limits.of(LimitConfig(rpm=PLENTY))
    costs = Costs()

    def cycle() -> None:
        limits.acquire(costs, 1.0)
        limits.settle(costs, costs, 1.0)

    yield Cycles(cycle)


@asynccontextmanager
async def limits_cycle(upstream: str) -> AsyncIterator[Work]:  # noqa: ARG001
    """Limits of requests and tokens at once: charged by an estimate, and settled with what was used of it."""
    limits = Limits.of(LimitConfig(rpm=PLENTY, tpm=PLENTY))
    charged, used = Costs(1.0, 1_200.0), Costs(1.0, 900.0)

    def cycle() -> None:
        limits.acquire(charged, 1.0)
        limits.settle(charged, used, 1.0)

    yield Cycles(cycle)
