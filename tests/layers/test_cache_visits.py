"""The cache as a layer, held in the hand: whom it asks behind the caller's back, and what it lets be."""

import asyncio

import msgspec
import pytest

from outlast.dialects import DIALECTS
from outlast.layers.cache import Cache, CacheConfig
from outlast.model.caller import PRIORITIES
from outlast.model.messages import Needs, Reply, Text, Usage
from outlast.ports import Stored
from outlast.testing import run

from .calls import Ear
from .test_cache_edges import call


class World(Ear):
    """A world that does at once what is begun beside the requests, and a store that keeps everything for so long."""

    def __init__(self, left=None):
        super().__init__(now=100.0)
        self.left = left
        self.kept = {}
        self.begun = []

    def begin(self, work):
        self.begun.append(work)
        return asyncio.ensure_future(work)

    async def get(self, key):
        return self.kept.get(key)

    async def put(self, key, value, seconds):
        self.kept[key] = Stored(value, seconds if self.left is None else self.left)


def asked(world, *calls):
    """The calls that the cache has let through, after these were made one after the other."""
    config = CacheConfig(enabled=True, fresh=60.0, stale_while_revalidate=60.0, renewal=7.0)
    through = []

    async def inner(call):
        through.append(call)
        return Reply(model="m", finish="stop", usage=Usage(), read=lambda: (Text("x"),), target="alpha/m")

    async def story():
        handle = Cache(config, store=world, dialects=DIALECTS, outranked=lambda *_: False).layer()(inner)
        for each in calls:
            await handle(each)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    run(story())
    return through


def test_a_renewal_is_a_call_of_its_own():
    """In the class batch, with a time of its own, whatever the caller's was; it belongs to nobody."""
    world = World(left=30.0)
    first, second = (call(b"{}", io=world) for _ in range(2))
    own, renewal = asked(world, first, second)
    assert own is first
    assert PRIORITIES[renewal.priority] == "batch"
    assert (renewal.deadline, renewal.behind, renewal.id) == (107.0, True, "r~")
    assert renewal.story is not second.story
    assert renewal.request is not second.request


@pytest.mark.parametrize("operation", ["count", "raw"])
def test_what_cannot_be_compared_is_let_through(operation):
    """A count is not an answer, and what nobody reads could be anything."""
    world = World()
    asked(world, *[call(b"{}", io=world, operation=operation) for _ in range(2)])
    assert (world.kept, world.events) == ({}, [])


def test_what_an_account_keeps_is_not_kept_here():
    """Such a request goes on with a conversation: the same words are another question the next time."""
    world = World()
    calls = [call(b"{}", io=world, needs=Needs(state=True)) for _ in range(2)]
    assert asked(world, *calls) == calls
    assert (world.kept, world.events) == ({}, [])


def test_an_open_stream_needs_no_spare_answer():
    """Once there is an answer nothing that was kept is held for the call."""
    world = World()
    one = call(b"{}", io=world)
    asked(world, one)
    assert one.spare is None
    assert msgspec.structs.asdict(one.story.looked)["kept"]
