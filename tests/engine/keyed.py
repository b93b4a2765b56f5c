"""Worlds that share a store, as processes do; and what can be wrong with that store, or with one of them."""

import asyncio
import contextlib

from outlast.ports import StoreFailed
from outlast.store import Memory

from .world import World


class Common(Memory):
    """A store that several processes see, and hear of."""

    shared = True


class Deaf(Common):
    """One that brings no news of what other processes do."""

    notifies = False


class Wire:
    """What one process has of a store: it may be cut, for all or for some of what is asked, before or after it is done.

    `asked` counts; `fails` says of each whether it fails: "" not, "before" it is carried out, "after".
    """

    def __init__(self, store, fails=lambda what, number: ""):
        self.store = store
        self.fails = fails
        self.asked = []

    @property
    def shared(self):
        return self.store.shared

    @property
    def notifies(self):
        return self.store.notifies

    def cut(self):
        """Nothing gets through."""
        self.fails = lambda what, number: "before"

    def mend(self):
        """Everything does."""
        self.fails = lambda what, number: ""

    def listen(self, key, wake):
        return self.store.listen(key, wake)

    def __getattr__(self, what):
        async def ask(*args):
            self.asked.append(what)
            how = self.fails(what, len(self.asked))
            if how == "before":
                raise StoreFailed("the wire is cut")
            done = await getattr(self.store, what)(*args)
            if how == "after":
                raise StoreFailed("the wire was cut while it answered")
            return done

        return ask


def now():
    """The loop's time."""
    return asyncio.get_running_loop().time()


def processes(make, number=2, more="", store=None, **options):
    """So many worlds on one loop, each with its own wire to one store."""
    store = Common(now) if store is None else store
    worlds = []
    for _ in range(number):
        runner = worlds[0]._runner if worlds else None
        wire = Wire(store)
        worlds.append(make(more=more, store=wire, runner=runner, **options))
        worlds[-1].wire = wire
    return worlds


async def dies(world):
    """A process is killed: what it did is over, and it says nothing more to anybody."""
    world.wire.cut()
    await world.io._beside.aclose()
    world.wire.mend()


async def leaves(call, after):
    """A caller who is gone by then."""
    task = asyncio.ensure_future(call)
    await asyncio.sleep(after)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def later(seconds, call):
    """A call that is made then."""
    await asyncio.sleep(seconds)
    return await call


__all__ = ["Common", "Deaf", "Wire", "World", "dies", "later", "leaves", "now", "processes"]
