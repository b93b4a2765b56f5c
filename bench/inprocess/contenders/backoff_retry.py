"""backoff: a retry and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import backoff

from bench.inprocess.work import Counted, Nothing, Work


@asynccontextmanager
async def asynchronous(upstream: str) -> AsyncIterator[Work]:  # noqa: ARG001
    """A retry around the no-op coroutine."""
    nothing = Nothing()
    yield Counted(backoff.on_exception(backoff.expo, OSError, max_tries=3)(nothing.answer), nothing)
