"""A store that hangs, fails or comes back, in virtual time: nobody waits for it for long, and soon nobody at all."""

import asyncio

import pytest

from outlast.config import GuardConfig
from outlast.model.events import StoreAsked, StoreDown, StoreUp
from outlast.ports import Asked, Charge, StoreFailed
from outlast.store import Memory
from outlast.store.guard import Guard
from outlast.testing import ScriptedIo, run

from .conformance import Keeping, Store

ONE = Asked("key a", (Charge("rpm", 1.0, 60.0, 60.0, 10.0),))


class Sick(Memory):
    """Memory that is as a story wants it: `delay` seconds late, failing with `error`; it counts what it is asked."""

    __slots__ = ("checks", "delay", "done", "error")

    def __init__(self, delay=0.0, error=None):
        super().__init__(lambda: asyncio.get_running_loop().time())
        self.delay, self.error = delay, error
        self.checks = self.done = 0

    async def sicken(self):
        await asyncio.sleep(self.delay)
        if self.error is not None:
            raise self.error
        self.done += 1

    async def get(self, key):
        await self.sicken()
        return await super().get(key)

    async def claim(self, key, value, seconds):
        await self.sicken()
        return await super().claim(key, value, seconds)

    async def take(self, asked, max_wait):
        await self.sicken()
        return await super().take(asked, max_wait)

    async def lease(self, asked):
        await self.sicken()
        return await super().lease(asked)

    async def check(self):
        self.checks += 1
        await self.sicken()


def guarded(sick, **config):
    """The store behind its guard, and the world around them."""
    io = ScriptedIo(seed=3)
    return Guard(sick, io, GuardConfig(**config)), io


async def paid(doing):
    """Seconds that it took, and whether it failed."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        await doing
    except StoreFailed as failed:
        return round(loop.time() - began, 6), str(failed)
    return round(loop.time() - began, 6), ""


class TestPatient(Keeping):
    """A guarded store for bytes that is waited for differently keeps them as every store."""

    def make(self):
        self.time = 0.0
        return Guard(Memory(lambda: self.time), ScriptedIo(), GuardConfig()).patient(30.0)

    def run(self, coroutine):
        return asyncio.run(coroutine)

    def pass_(self, seconds):
        self.time += seconds


class TestGuarded(Store):
    """A guarded store is a store."""

    def make(self):
        self.time = 0.0
        self.runner = getattr(self, "runner", None) or asyncio.Runner()
        return Guard(Memory(lambda: self.time), ScriptedIo(), GuardConfig(patience=30.0))

    @pytest.fixture(autouse=True)
    def over(self):
        """The loop is closed at the end."""
        yield
        self.runner.close()

    def run(self, coroutine):
        return self.runner.run(coroutine)

    def pass_(self, seconds):
        self.time += seconds


def test_a_store_that_hangs_costs_three_requests_its_patience_and_the_others_nothing():
    """Whatever they ask."""

    async def story():
        guard, io = guarded(Sick(delay=9.0))
        told = [await paid(guard.get("x:a")) for _ in range(3)]
        told += [await paid(guard.claim("x:a", b"", 1.0)), await paid(guard.take([ONE], 0.0))]
        assert guard.down
        return told, io.sink.of(StoreDown)

    told, downs = run(story())
    assert [seconds for seconds, _ in told] == [0.025, 0.025, 0.025, 0.0, 0.0]
    assert told[0][1] == "the store did not answer within 0.025 s"
    assert told[4][1] == "the store is down: the store did not answer within 0.025 s"
    assert [event.reason for event in downs] == [told[0][1]]


def test_who_is_let_wait_longer_is():
    """The cache says how long it waits itself, on the same fuse."""

    async def story():
        guard, _ = guarded(Sick(delay=9.0))
        told = [await paid(guard.patient(0.05).get("x:a")) for _ in range(4)]
        return told, guard.down

    told, down = run(story())
    assert [seconds for seconds, _ in told] == [0.05, 0.05, 0.05, 0.0]
    assert down


def test_who_is_in_a_greater_hurry_than_the_guard_says_nothing_of_the_store():
    """A cache does not wait for a disk, and that is not the disk's fault; what fails counts, whoever asks."""

    async def story():
        sick = Sick(delay=0.3)
        guard, _ = guarded(sick, patience=1.0)
        hasty = guard.patient(0.05)
        told = [await paid(hasty.get("x:a")) for _ in range(10)]
        assert {seconds for seconds, _ in told} == {0.05}
        assert not guard.down
        sick.delay, sick.error = 0.0, StoreFailed("gone")
        for _ in range(3):
            await paid(hasty.get("x:a"))
        return guard.down

    assert run(story())


def test_one_good_answer_and_the_count_begins_anew():
    """Three in a row are meant."""

    async def story():
        sick = Sick()
        guard, io = guarded(sick)
        for error in (StoreFailed("x"), StoreFailed("x"), None, StoreFailed("x"), StoreFailed("x")):
            sick.error = error
            await paid(guard.get("x:a"))
        assert not guard.down
        assert [event.result for event in io.sink.of(StoreAsked)] == ["failed", "failed", "ok", "failed", "failed"]

    run(story())


def test_it_comes_back_by_itself():
    """A probe a second, half of it more or less, one at a time, and none of them is a request's."""

    async def story():
        sick = Sick(error=StoreFailed("redis: it cannot be reached, or has hung up"))
        guard, io = guarded(sick)
        for _ in range(3):
            await paid(guard.get("x:a"))
        done = sick.done
        await asyncio.sleep(10.0)
        probes = sick.checks
        assert 6 <= probes <= 20
        assert (guard.down, sick.done) == (True, done)
        sick.error = None
        await asyncio.sleep(1.6)
        assert not guard.down
        assert await paid(guard.get("x:a")) == (0.0, "")
        checks = sick.checks
        await asyncio.sleep(60.0)
        assert sick.checks == checks  # nobody looks after a store that works
        return io.sink.of(StoreDown), io.sink.of(StoreUp)

    downs, ups = run(story())
    assert (len(downs), len(ups)) == (1, 1)
    assert 10.0 <= ups[0].seconds <= 11.6


def test_a_probe_that_hangs_is_not_waited_for():
    """The next one comes; what hangs is left to itself."""

    async def story():
        sick = Sick(delay=3.0)
        guard, _ = guarded(sick)
        for _ in range(3):
            await paid(guard.get("x:a"))
        await asyncio.sleep(5.0)
        assert sick.checks >= 3
        sick.delay = 0.0
        await asyncio.sleep(2.0)
        assert not guard.down
        await asyncio.sleep(5.0)

    run(story())


def test_a_store_that_is_gone_at_the_start_costs_no_request_anything():
    """It is looked at before anybody asks."""

    async def story():
        guard, io = guarded(Sick(error=StoreFailed("redis: it cannot be reached, or has hung up")))
        guard.start()
        await asyncio.sleep(0.01)
        assert guard.down
        assert await paid(guard.get("x:a")) == (0.0, "the store is down: redis: it cannot be reached, or has hung up")
        return io.sink.of(StoreDown)

    assert len(run(story())) == 1


def test_a_store_that_is_slow_to_connect_at_the_start_is_not_down():
    """The first look takes longer than any other."""

    async def story():
        sick = Sick(delay=0.5)
        guard, _ = guarded(sick)
        guard.start()
        await asyncio.sleep(0.6)
        sick.delay = 0.0
        assert not guard.down
        assert await paid(guard.get("x:a")) == (0.0, "")

    run(story())


def test_what_is_not_waited_for_is_left_out_while_it_is_down():
    """Settlements would only wait."""

    async def story():
        sick = Sick()
        guard, _ = guarded(sick, failures=1)
        sick.error = StoreFailed("gone")
        await paid(guard.get("x:a"))
        guard.settle([ONE])
        guard.tighten(Asked("key a", (Charge("rpm", 0.0, 60.0, 60.0, 10.0),)))
        [decision] = await Memory.take(sick, [ONE], 0.0)
        return decision.left[0].remaining

    assert run(story()) == 9.0


def test_what_a_store_raises_is_told_by_its_kind_alone():
    """Its text may hold what a caller said."""

    async def story():
        guard, _ = guarded(Sick(error=ValueError("the caller's secret")))
        return (await paid(guard.get("x:a")))[1]

    assert run(story()).startswith("ValueError at tests.store.test_guard:")


def test_a_probe_that_was_lost_is_made_up_for():
    """The loop on which it was to come has ended: after a fork, or with one loop after the other."""
    sick = Sick(error=StoreFailed("gone"))
    guard, io = guarded(sick, failures=1)
    run(paid(guard.get("x:a")))
    sick.error = None

    async def later():
        io._beside = None
        await asyncio.sleep(30.0)
        assert (await paid(guard.get("x:a")))[1]
        await asyncio.sleep(0.1)
        return guard.down

    assert run(later()) is False
