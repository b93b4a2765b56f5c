"""Several processes on one loop in virtual time, which share a store.

fleet = make_fleet(8, limited(rpm=6_000))
fleet.store.ails = before(0.5)              # every second command fails before it is done
"""

import asyncio
import random

from outlast.ports import StoreFailed
from outlast.store import Memory
from outlast.testing import ScriptedIo, VirtualLoop

from .world import World

BUDGET = 0.025
"""Seconds after which a store that does not answer has failed, as the store's guard sees to."""


class Shared(Memory):
    """A store of several processes. What ails it is a function from a command's name to what goes wrong with it."""

    __slots__ = ("ails", "asked")

    shared = True

    def __init__(self, now):
        super().__init__(now)
        self.ails = lambda _name: None
        self.asked = []

    async def _do(self, name, doing):
        self.asked.append(name)
        match self.ails(name):
            case None:
                return await doing
            case "before":
                doing.close()
            case "after":
                await doing
            case "hangs":
                doing.close()
                await asyncio.sleep(BUDGET)
            case float(seconds):
                try:
                    await asyncio.sleep(seconds)
                except asyncio.CancelledError:
                    await doing
                    raise
                return await doing
        raise StoreFailed(f"{name} was made to fail")

    async def take(self, asked, max_wait):
        return await self._do("take", super().take(asked, max_wait))

    async def lease(self, asked):
        return await self._do("lease", super().lease(asked))

    async def add(self, key, amounts, seconds):
        return await self._do("add", super().add(key, amounts, seconds))

    async def claim(self, key, value, seconds):
        return await self._do("claim", super().claim(key, value, seconds))

    def count(self, name):
        """How often that was asked for."""
        return self.asked.count(name)


class Fleet:
    """So many worlds, each a process of its own, over one store."""

    def __init__(self, size, more="", targets=("alpha/m",), *, seed=0, **how):
        self.runner = asyncio.Runner(loop_factory=lambda: VirtualLoop(seed))
        self.store = Shared(lambda: self.now)
        self.worlds = [
            World(targets, more, io=ScriptedIo(seed * 100 + number), store=self.store, runner=self.runner, **how)
            for number in range(size)
        ]
        self.dice = random.Random(seed)

    @property
    def now(self):
        """Virtual seconds, the same for all."""
        return self.runner.get_loop().time()

    def run(self, coroutine):
        """Run something on the loop of them all."""
        return self.runner.run(coroutine)

    def wait(self, seconds):
        """Let virtual time pass."""
        self.run(asyncio.sleep(seconds))

    def meet(self, *, times=2, **how):
        """Let every process say that it is there, and hear of the others."""
        for _ in range(times):
            for world in self.worlds:
                world.ask(**how)
            self.wait(2.5)

    async def load(self, rate, seconds, shares, **how):
        """Requests by chance, so many a second in all, of which each process gets its share."""
        loop = asyncio.get_running_loop()
        ends, asking = loop.time() + seconds, []
        while loop.time() < ends:
            await asyncio.sleep(self.dice.expovariate(rate))
            (world,) = self.dice.choices(self.worlds, shares)
            asking.append(loop.create_task(world.heard("hi", **how)))
        return await asyncio.gather(*asking)

    def times(self):
        """When upstream calls went out, of all processes together."""
        return sorted(time for world in self.worlds for time in world.times())

    def forget(self):
        """Begin a new chapter."""
        self.store.asked.clear()
        for world in self.worlds:
            world.forget()

    def close(self):
        """Close the loop; gives what is held, is under way, or went wrong where nobody awaited it."""
        loop = self.runner.get_loop()
        left = {
            f"{number}: {what}": count
            for number, world in enumerate(self.worlds)
            for what, count in world.held().items()
        }
        left |= {f"task {task}": 1 for task in asyncio.all_tasks(loop)}
        left |= {f"fault {fault}": 1 for fault in loop.faults}
        self.runner.close()
        return left


def worst_window(times, seconds=1.0):
    """The most of them in any window of that length."""
    worst = start = 0
    for end, time in enumerate(times):
        while times[start] < time - seconds:
            start += 1
        worst = max(worst, end - start + 1)
    return worst
