"""tenacity, as applications use it: three attempts, exponential waits with jitter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pybreaker
from tenacity import retry, stop_after_attempt, wait_random_exponential

from bench.inprocess.threads import threaded
from bench.inprocess.work import Counted, CountedAtOnce, Nothing, Work

RETRY = retry(stop=stop_after_attempt(3), wait=wait_random_exponential(max=8), reraise=True)


@asynccontextmanager
async def asynchronous(upstream: str) -> AsyncIterator[Work]:  # noqa: ARG001
    """A retry around the no-op coroutine."""
    nothing = Nothing()
    yield Counted(RETRY(nothing.answer), nothing)


@asynccontextmanager
async def blocking(upstream: str) -> AsyncIterator[Work]:  # noqa: ARG001
    """A retry around the no-op function."""
    nothing = Nothing()
    yield CountedAtOnce(RETRY(nothing.answer_at_once), nothing)


@asynccontextmanager
async def with_breaker(upstream: str) -> AsyncIterator[Work]:  # noqa: ARG001
    """A retry around a pybreaker circuit around the no-op function; pybreaker's coroutines would need tornado."""
    nothing = Nothing()
    circuit = pybreaker.CircuitBreaker(fail_max=5, reset_timeout=30)
    yield CountedAtOnce(RETRY(circuit(nothing.answer_at_once)), nothing)


def with_breaker_in_threads(upstream: str) -> AbstractAsyncContextManager[Work]:  # noqa: ARG001
    """The same in sixteen threads at once, all through one circuit."""
    circuit = pybreaker.CircuitBreaker(fail_max=5, reset_timeout=30)
    return threaded(lambda function: RETRY(circuit(function)))
