"""The store in Redis keeps the promises of every store that several processes share, on a real server."""

import asyncio
import itertools

import pytest

from outlast.store.redis import RedisStore

from .conformance import Shared
from .stretched import TIMES, Stretched

EARLIER = """#!lua flags=allow-cross-slot-keys
for _, key in ipairs(redis.call('KEYS', '*')) do
  local left = redis.call('PTTL', key)
  if string.find(key, ':t:{', 1, true) then
    local tat = tonumber(redis.call('GET', key)) - ARGV[1] * 1000
    redis.call('SET', key, string.format('%.17g', tat), 'PX', math.max(1, math.floor(left - ARGV[1])))
  elseif left > 0 then
    redis.call('PEXPIRE', key, math.floor(left - ARGV[1]))
  end
end
"""
"""Milliseconds by which all that is kept is made older."""


class TestRedis(Shared):
    """As every store. Time is let pass by making older what is kept; a second of a test is a hundred there."""

    numbers = itertools.count()

    @pytest.fixture(autouse=True)
    def on(self, redis_server):
        """A loop and a clean database."""
        self.server = redis_server
        self.client = redis_server.client()
        self.client.flushdb()
        self.stores = []
        with asyncio.Runner() as self.runner:
            yield
            self.close()
        self.client.close()

    def close(self):
        for store in self.stores:
            self.runner.run(store.aclose())
        self.stores = []

    def make(self):
        self.close()
        self.client.flushdb()
        return self.open(f"test{next(self.numbers)}")

    def other(self, store):
        return self.open(store._names._start.partition(":")[0])

    def open(self, prefix):
        store = Stretched(RedisStore.from_url(self.server.url, prefix=prefix, timeout=60.0))
        self.stores.append(store)
        return store

    def run(self, coroutine):
        return self.runner.run(coroutine)

    def pass_(self, seconds):
        for store in self.stores:
            self.runner.run(store.check())  # what waits to be sent belongs to the time before
        self.client.eval(EARLIER, 0, str(seconds * TIMES * 1000))
