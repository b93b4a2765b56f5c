"""Our library over a socket: `AsyncClient.chat`, and the engine under the official SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import outlast
from bench.inprocess.contenders.configured import configuration
from bench.inprocess.work import Answered, Work


@asynccontextmanager
async def chat(upstream: str, *, at_once: int = 1) -> AsyncIterator[Work]:
    """Whole answers through every layer."""
    async with outlast.AsyncClient(configuration(upstream)) as client:
        await client.priced()  # beforehand, as in any process that lives for a while

        async def call() -> str:
            return (await client.chat("What does the tide do?", temperature=0.2)).text

        yield Answered(call, at_once)
