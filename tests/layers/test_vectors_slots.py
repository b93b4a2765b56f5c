"""The conformance vectors of slots and of the limit that adapts, by their ids."""

import asyncio

import pytest

from outlast.flow.stream import End, Stream, ended_by
from outlast.lab.scripted_io import ScriptedWaiter
from outlast.layers.bulkhead import Adaptive, AdaptiveConfig, Bulkhead, BulkheadConfig, Full, Slots, SlotsConfig
from outlast.model.errors import Cancelled, Rejected
from outlast.model.messages import Batch, Chunk
from outlast.testing import run

from .calls import Ear, a_call


def test_ac_01_what_was_dropped_cuts_the_limit_by_its_factor():
    """30, a factor of 0.9: 27."""
    adaptive = Adaptive(AdaptiveConfig(cut=0.9), 30)
    adaptive.too_much(0.0)
    assert adaptive.limit == 27


def test_ac_02_a_success_does_not_raise_it_beyond_the_most():
    """21 of 21, 10 in flight: 21."""
    adaptive = Adaptive(AdaptiveConfig(), 21)
    assert not adaptive.succeeded(10, 0.0)
    assert adaptive.limit == 21


class Io(Ear):
    """A world with waiters that are never woken."""

    def waiter(self):
        """One of them."""
        return self

    def wake(self):
        """Nobody listens."""

    async def wait(self, due):
        """In vain."""
        return False


def test_ac_12_what_was_cancelled_or_ran_out_in_our_own_queue_is_no_sample():
    """Neither a drop nor a success: the limit stays, with room to grow and to be cut."""
    config = BulkheadConfig(slots=4)
    of = Bulkhead(config, "bulkhead", lambda call: call.target.name, adaptive=config.adaptive)
    call = a_call(Io())
    slots = of.of("alpha/m")
    slots.adaptive.limit = slots.capacity = 2
    for error in (Cancelled("gone"), asyncio.CancelledError()):
        of.admit(call, 0.0).settle(call, ended_by(error), 0.0)
    held = [of.admit(call, 0.0) for _ in range(2)]
    queued = of.admit(call, 0.0)
    with pytest.raises(Rejected) as ran_out:
        asyncio.run(_awaited(queued.wait(call)))
    queued.settle(call, ended_by(ran_out.value), 2.0)
    for permit in held:
        permit.settle(call, ended_by(Cancelled("gone")), 2.0)
    assert (slots.adaptive.limit, slots.used, slots.waiting) == (2, 0, 0)


async def _awaited(waiting):
    await waiting


def test_bh_02_a_waiter_that_was_cancelled_leaves_nothing_behind():
    """One slot, one place; the waiter goes, then the holder: both are free again."""

    async def story():
        slots = Slots(SlotsConfig(slots=1, queue=1))
        holder = slots.enter("a", 2, 0.0, 10.0, ScriptedWaiter)
        waiting = slots.enter("a", 2, 0.0, 10.0, ScriptedWaiter)
        assert (holder.granted, waiting.granted) == (True, False)
        assert isinstance(slots.enter("a", 2, 0.0, 10.0, ScriptedWaiter), Full)
        slots.leave(waiting, 0.1)
        slots.leave(holder, 0.2)
        assert (slots.used, slots.waiting) == (0, 0)
        assert slots.enter("a", 2, 0.3, 10.0, ScriptedWaiter).granted

    run(story())


class Words:
    """A source that never ends."""

    target, dialect = "alpha/m", ""

    async def next(self):
        """One more word."""
        return Batch(b"", [Chunk(text="word ")])

    def abort(self):
        """Nothing is held."""


class Loop(Ear):
    """A world whose loop is here."""

    def on_loop(self, callback):
        """At once."""
        callback()


@pytest.mark.parametrize("left", ["closed", "dropped"])
def test_bh_04_who_breaks_out_of_a_stream_gives_the_slot_back(left):
    """By closing the stream, or by forgetting it; not by the break alone, for he might read on."""
    of = Bulkhead(SlotsConfig(slots=1), "bulkhead", lambda call: call.target.name)
    slots = of.of("alpha/m")

    async def upstream(call):
        return Stream(Words(), Batch(b"", [Chunk(text="first ")]), call.io)

    async def story():
        stream = await of.layer()(upstream)(a_call(Loop(), stream=True))
        async for _ in stream:
            break
        assert slots.used == 1
        if left == "closed":
            await stream.aclose()
            assert slots.used == 0
        del stream
        assert slots.used == 0

    asyncio.run(story())


def test_a_whole_answer_holds_its_slot_no_longer_than_itself():
    """What the stream holds on to, a reply gives back at once."""
    of = Bulkhead(SlotsConfig(slots=1), "bulkhead", lambda call: call.target.name)
    call = a_call()
    of.admit(call, 0.0).settle(call, End("success"), 0.0)
    assert of.of("alpha/m").used == 0
