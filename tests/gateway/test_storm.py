"""Thousands of callers who leave at every point leave nothing behind."""

import asyncio
import gc
from pathlib import Path

from outlast.testing import ok, stall

from .house import PATIENCE, chat

PATH = "/v1/chat/completions"
CALLERS = 6000
AT_ONCE = 60
FDS = Path("/proc/self/fd")
POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"


async def come_and_go(port, number):
    """One caller; where it leaves depends on its number."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = chat(stream=number % 2 == 0)
    request = POST % len(body) + body
    try:
        where = number % 6
        writer.write(request[: (20, len(request) // 2, len(request), len(request), len(request), len(request))[where]])
        await writer.drain()
        if where in {3, 4}:
            await reader.readuntil(b"\r\n\r\n")
        if where == 5:
            await reader.read(65536)
    finally:
        writer.transport.abort()


async def storm(port):
    """All of them, some at once."""
    doors = asyncio.Semaphore(AT_ONCE)

    async def one(number):
        async with doors:
            await come_and_go(port, number)

    await asyncio.gather(*(one(number) for number in range(CALLERS)))


def test_nothing_is_left_of_callers_who_leave(provider, open_house):
    """H14: no slot, permit, connection, task, descriptor or memory; and the next caller is served at once."""
    house = open_house(
        "[admission]\nslots = 40\n[bulkhead]\nslots = 20\n[breaker]\nenabled = false", providers=("alpha",)
    )
    provider.script("alpha", default=ok("one two three", between=0.002))
    assert house.chat().status == 200
    before = len(list(FDS.iterdir()))
    asyncio.run(storm(house.port))
    house.until(lambda: house.app.under_way == 0 and house.connections == 0)
    house.at_rest()
    assert house.chat().headers["outlast-attempts"] == "1"
    house.until(lambda: house.outlast.io.connections <= 20)
    tasks = asyncio.run_coroutine_threadsafe(counting(), house._loop).result(PATIENCE)
    assert tasks < 12
    gc.collect()
    assert len(list(FDS.iterdir())) < before + 60
    kinds = {ended.kind for ended in house.heard()}
    assert kinds <= {"ok", "cancelled", "rejected"}
    assert "cancelled" in kinds


async def counting():
    """Tasks of this loop."""
    return len(asyncio.all_tasks())


def test_nothing_is_left_of_streams_that_hang(provider, open_house):
    """The same where every provider stalls and the callers' leaving is all that ends it."""
    house = open_house("[bulkhead]\nslots = 300")
    provider.script("alpha", default=stall(after=1))

    async def hang(number):
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        body = chat(stream=True)
        writer.write(POST % len(body) + body)
        await reader.readuntil(b"This")
        writer.transport.abort()

    async def all_of_them():
        for _ in range(3):
            await asyncio.gather(*(hang(number) for number in range(100)))

    asyncio.run(all_of_them())
    ended = house.heard(300)
    assert {(one.kind, one.attempts) for one in ended} == {("cancelled", 1)}
    assert {seen.hung_up for seen in provider.wait(300, ended=True)} == {"caller"}
    house.at_rest()
