"""The official SDK over a socket: by itself, and with our engine as its transport."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from openai import AsyncOpenAI

import outlast
from bench.inprocess.contenders.configured import configuration
from bench.inprocess.work import Answered, Work


@asynccontextmanager
async def alone(upstream: str, *, at_once: int = 1) -> AsyncIterator[Work]:
    """The SDK as it comes, with its own two retries."""
    async with AsyncOpenAI(base_url=f"{upstream}/v1", api_key="sk-of-the-bench") as client:
        yield _asking(client, "kb-1", at_once)


@asynccontextmanager
async def over_outlast(upstream: str, *, at_once: int = 1) -> AsyncIterator[Work]:
    """The SDK over `outlast.transport`."""
    transport = outlast.transport(configuration(upstream))
    async with AsyncOpenAI(api_key="-", http_client=transport.async_http_client) as client:
        yield _asking(client, "default", at_once)


def _asking(client: AsyncOpenAI, model: str, at_once: int) -> Answered:
    async def call() -> str:
        answer = await client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "What does the tide do?"}], temperature=0.2
        )
        return answer.choices[0].message.content or ""

    return Answered(call, at_once)
