"""Processes that tell one another that they are there, at most once a second."""

import asyncio

import pytest

from outlast.layers.limits import Peers
from outlast.model.events import LimitsApart, LimitsTogether
from outlast.ports import Stored, StoreFailed
from outlast.testing import ScriptedIo, run


class Sums:
    """What a store is asked of sums and claims, in the words of its port."""

    def __init__(self):
        self.claims, self.adds = [], []
        self.found = None
        self.down = False
        self.sums = {}

    async def claim(self, key, value, seconds):
        self._look()
        self.claims.append((key, value, seconds))
        return self.found

    async def add(self, key, amounts, seconds):
        self._look()
        self.adds.append((key, dict(amounts), seconds))
        for name, amount in amounts.items():
            self.sums[name] = self.sums.get(name, 0) + amount
        return dict(self.sums)

    def _look(self):
        if self.down:
            raise StoreFailed("it is down")


def told(story, least=1):
    """The world and the store after a story of a process."""
    io, store = ScriptedIo(seed=3), Sums()
    peers = Peers(store, least)

    async def whole():
        await story(io, store, peers)
        await asyncio.sleep(0)

    run(whole())
    return io, store, peers


async def met(io, peers, times=1):
    """It has heard of the store so often in one moment, and had the time to say so."""
    for _ in range(times):
        peers.met(io)
    for _ in range(5):
        await asyncio.sleep(0)


def test_it_is_said_once_a_second_at_most():
    """Under one name of its own, by one more each time, and kept for a minute."""

    async def story(io, _store, peers):
        await met(io, peers, 10)
        await asyncio.sleep(0.9)
        await met(io, peers, 10)
        await asyncio.sleep(0.1)
        await met(io, peers, 10)

    _, store, _ = told(story)
    ((key, value, seconds),) = store.claims
    assert (key, seconds) == ("processes:round", 600.0)
    name = value.decode()
    assert len(name) == 13
    assert store.adds == [(f"processes:{name}", {name: 1}, 60.0)] * 2


def test_nothing_is_said_where_nobody_does_it():
    """The world has too much to do; the next time it may have not."""

    async def story(io, store, peers):
        begin, io.begin = io.begin, refused
        await met(io, peers)
        io.begin = begin
        await met(io, peers)
        assert len(store.adds) == 1

    told(story)


def refused(work):
    """Too much is being done already."""
    work.close()


def test_who_comes_later_joins_the_round_that_was_begun():
    """And begins a new one when that is over, not before."""

    async def story(io, store, peers):
        store.found = Stored(b"theirs", 10.0)
        await met(io, peers)
        await asyncio.sleep(9.0)
        await met(io, peers)
        assert len(store.claims) == 1
        await asyncio.sleep(1.0)
        store.found = None
        await met(io, peers)
        assert len(store.claims) == 2
        await asyncio.sleep(599.0)
        await met(io, peers)
        assert len(store.claims) == 2
        await asyncio.sleep(1.0)
        await met(io, peers)
        assert len(store.claims) == 3
        keys = [key for key, _, _ in store.adds]
        assert keys[:2] == ["processes:theirs"] * 2
        assert keys[2] == keys[3] == f"processes:{store.claims[1][1].decode()}"

    told(story)


@pytest.mark.parametrize(("least", "known"), [(1, 3), (2, 3), (5, 5)])
def test_so_many_are_reckoned_with_at_least(least, known):
    """More, where more have been heard of."""

    async def story(io, store, peers):
        assert peers.processes == least
        store.sums = {"a": 1, "b": 1}
        await met(io, peers)

    _, _, peers = told(story, least)
    assert peers.processes == known


def test_a_store_that_is_gone_is_said_nothing_and_asked_again_a_second_later():
    """As many are known as before."""

    async def story(io, store, peers):
        store.sums = {"a": 1}
        await met(io, peers)
        store.down = True
        await asyncio.sleep(1.0)
        await met(io, peers)
        assert peers.processes == 2
        store.down = False
        await met(io, peers)
        assert len(store.adds) == 1
        await asyncio.sleep(1.0)
        await met(io, peers)
        assert len(store.adds) == 2

    told(story)


def test_what_is_lost_and_found_is_told_once():
    """With how many were known, and how long it took."""

    async def story(io, _store, peers):
        for _ in range(3):
            peers.lost(io)
        await asyncio.sleep(2.5)
        await met(io, peers, 3)
        await asyncio.sleep(1.0)
        peers.lost(io)

    io, _, _ = told(story, 4)
    assert io.sink.of(LimitsApart) == [LimitsApart(4), LimitsApart(4)]
    assert io.sink.of(LimitsTogether) == [LimitsTogether(2.5)]
