"""stamina: tenacity with good defaults."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import stamina

from bench.inprocess.work import Counted, Nothing, Work


@asynccontextmanager
async def asynchronous(upstream: str) -> AsyncIterator[Work]:  # noqa: ARG001
    """A retry around the no-op coroutine."""
    nothing = Nothing()
    yield Counted(stamina.retry(on=OSError, attempts=3)(nothing.answer), nothing)
