"""Nothing around the call: what the loop that counts costs by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.inprocess.work import Counted, Nothing, Work


@asynccontextmanager
async def coroutine(upstream: str) -> AsyncIterator[Work]:  # noqa: ARG001
    """The no-op coroutine alone."""
    nothing = Nothing()
    yield Counted(nothing.answer, nothing)
