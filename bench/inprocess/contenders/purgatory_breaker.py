"""purgatory: a circuit breaker for coroutines, alone and under a tenacity retry."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from purgatory import AsyncCircuitBreakerFactory

from bench.inprocess.contenders.tenacity_retry import RETRY
from bench.inprocess.work import Counted, Nothing, Work


@asynccontextmanager
async def alone(upstream: str) -> AsyncIterator[Work]:  # noqa: ARG001
    """A circuit around the no-op coroutine."""
    nothing = Nothing()
    yield Counted(AsyncCircuitBreakerFactory()("nothing")(nothing.answer), nothing)


@asynccontextmanager
async def with_retry(upstream: str) -> AsyncIterator[Work]:  # noqa: ARG001
    """A tenacity retry around a circuit around the no-op coroutine."""
    nothing = Nothing()
    yield Counted(RETRY(AsyncCircuitBreakerFactory()("nothing")(nothing.answer)), nothing)
