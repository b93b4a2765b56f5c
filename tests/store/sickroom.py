"""A guarded store on a server that is ill-treated, on a real loop; and an ear that waits for what is told."""

import asyncio
import contextlib

from outlast.config import GuardConfig
from outlast.edge.io import AsyncIo
from outlast.model.events import StoreDown, StoreUp
from outlast.ports import Asked, Charge, StoreFailed
from outlast.store.guard import Guard
from outlast.store.redis import RedisStore

LONG = 60.0
"""Longer than anything takes."""


class Ear:
    """Hears of every event, and lets a test wait for one."""

    def __init__(self):
        self.events = []
        self._news = asyncio.Event()

    def __call__(self, event):
        self.events.append(event)
        self._news.set()

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    async def wait(self, kind, count=1):
        async with asyncio.timeout(LONG):
            while len(self.of(kind)) < count:
                self._news.clear()
                await self._news.wait()
        return self.of(kind)


class Ward:
    """A store at that address behind its guard; `patience` is long but where the server is meant to be silent."""

    def __init__(self, url, *, patience=LONG, timeout=LONG, **config):
        self.ear = Ear()
        self.io = AsyncIo([self.ear])
        self.inner = RedisStore.from_url(url, prefix="ward", timeout=timeout, emit=self.io.emit)
        self.store = Guard(self.inner, self.io, GuardConfig(patience=patience, probe=0.1, **config))

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.store.aclose()
        await self.io.aclose()

    async def fails(self):
        """Why a request gets nothing from the store."""
        try:
            await self.store.claim("x:y", b"mine", 100.0)
        except StoreFailed as failed:
            return str(failed)
        return ""

    async def goes_down(self):
        """The guard notices, after three requests; the next one is refused without asking."""
        told = [await self.fails() for _ in range(3)]
        assert all(told), told
        assert self.store.down
        assert (await self.fails()).startswith("the store is down: ")
        assert [event.reason for event in self.ear.of(StoreDown)] == [told[-1]]
        return told[-1]

    async def comes_back(self):
        """By itself, without a request; then everything is as ever."""
        await self.ear.wait(StoreUp)
        await self.works()

    async def works(self):
        """Bytes, logs, sums, limits: of each something."""
        await self.store.put("x:a", b"one", 100.0)
        assert (await self.store.get("x:a")).value == b"one"
        await self.store.append("x:b", [b"one"], 100.0)
        assert (await self.store.read("x:b"))[-1] == b"one"
        assert (await self.store.add("x:c", {"n": 1}, 100.0))["n"] >= 1
        [decision] = await self.store.take([asked()], 1e6)
        assert decision.granted


def asked(cost=1.0, *, scope="key a", name="rpm", amount=100.0, period=1_000.0, burst=10.0):
    """A limit from which, but for its burst, one in ten seconds may be taken."""
    return Asked(scope, (Charge(name, cost, amount, period, burst),))


async def until(condition):
    """When it is so; the server is asked again and again."""
    async with asyncio.timeout(LONG):
        while not condition():  # noqa: ASYNC110  (another process tells of no event)
            await asyncio.sleep(0.01)


async def gone(task):
    """The caller leaves."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
