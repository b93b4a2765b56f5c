"""A store for which a test's second is a hundred: what a test takes itself is then as good as nothing."""

from msgspec.structs import replace

from outlast.ports import Asked, Left, Stored

TIMES = 100.0


class Stretched:
    """Another store; every duration that it is told is longer, and every one that it tells shorter."""

    def __init__(self, store):
        self.inner = store

    def __getattr__(self, name):
        return getattr(self.inner, name)

    async def get(self, key):
        return _told(await self.inner.get(key))

    async def put(self, key, value, seconds):
        await self.inner.put(key, value, seconds * TIMES)

    async def claim(self, key, value, seconds):
        return _told(await self.inner.claim(key, value, seconds * TIMES))

    async def swap(self, key, was, value, seconds):
        return await self.inner.swap(key, was, value, seconds * TIMES)

    async def append(self, key, entries, seconds):
        return await self.inner.append(key, entries, seconds * TIMES)

    async def add(self, key, amounts, seconds):
        return await self.inner.add(key, amounts, seconds * TIMES)

    async def take(self, asked, max_wait):
        decisions = await self.inner.take([_slower(of) for of in asked], max_wait * TIMES)
        return [_decided(decision) for decision in decisions]

    def settle(self, asked):
        self.inner.settle([_slower(of) for of in asked])

    async def lease(self, asked):
        return await self.inner.lease(_slower(asked))

    def tighten(self, asked):
        self.inner.tighten(_slower(asked))


def _told(stored):
    return stored and Stored(stored.value, stored.left / TIMES)


def _slower(of):
    return Asked(of.scope, tuple(replace(charge, period=charge.period * TIMES) for charge in of.charges))


def _decided(decision):
    left = tuple(Left(each.remaining, each.reset / TIMES) for each in decision.left)
    return replace(decision, wait=decision.wait / TIMES, left=left)
