"""What a call holds in memory, counted by Python's own tracer.

    peak        one call after another: how far above where it began does memory go, and what is left afterwards
    under way   many calls that wait for their answer: bytes and blocks that each of them holds

Tracing slows a call down many times, so nothing is timed here. It runs in a process of its own, like a worker.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc

import msgspec

from bench.inprocess.contenders.configured import configuration
from bench.inprocess.held import Held
from bench.inprocess.noop import NoopExchange, NoopIo
from outlast.client import AsyncClient
from outlast.model.target import Target
from outlast.ports import Outgoing

UNDER_WAY = 500


class WaitingIo(NoopIo):
    """An upstream that answers when the gate is opened."""

    __slots__ = ("gate",)

    def __init__(self, gate: asyncio.Event) -> None:
        super().__init__()
        self.gate = gate

    async def send(self, target: Target, outgoing: Outgoing, connect_due: float, due: float) -> NoopExchange:
        """The answer, when the gate is open."""
        await self.gate.wait()
        return await super().send(target, outgoing, connect_due, due)


async def traced() -> Held:
    """Trace calls of `AsyncClient.chat`."""
    gate = asyncio.Event()
    io = WaitingIo(gate)
    many = configuration("http://127.0.0.1:1", slots=UNDER_WAY)
    async with AsyncClient(many, io=io) as client:
        gate.set()
        for _ in range(1000):  # windows of samples are full by then
            await _ask(client)
        tracemalloc.start()
        peak, left = await _one_by_one(client)
        gate.clear()
        held_bytes, held_blocks = await _at_once(client, gate)
        tracemalloc.stop()
    return Held(peak, left, held_bytes, held_blocks)


async def _ask(client: AsyncClient) -> None:
    await client.chat("What does the tide do?", temperature=0.2)


async def _one_by_one(client: AsyncClient, calls: int = 200) -> tuple[float, float]:
    await _ask(client)
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    peak = 0
    for _ in range(calls):
        start = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        await _ask(client)
        peak = max(peak, tracemalloc.get_traced_memory()[1] - start)
    gc.collect()
    return float(peak), (tracemalloc.get_traced_memory()[0] - before) / calls


async def _at_once(client: AsyncClient, gate: asyncio.Event) -> tuple[float, float]:
    gc.collect()
    before, blocks = tracemalloc.get_traced_memory()[0], sys.getallocatedblocks()
    tasks = [asyncio.create_task(_ask(client)) for _ in range(UNDER_WAY)]
    for _ in range(10):
        await asyncio.sleep(0)
    bytes_held = tracemalloc.get_traced_memory()[0] - before
    blocks_held = sys.getallocatedblocks() - blocks
    gate.set()
    await asyncio.gather(*tasks)
    return bytes_held / UNDER_WAY, blocks_held / UNDER_WAY


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(traced())))
