"""A shared call, held in the hand: what can go wrong with it, and with the world."""

import asyncio

import pytest

from outlast.flow.stream import Stream
from outlast.flow.whole import OneBatch
from outlast.layers.coalesce import Coalesce, CoalesceConfig
from outlast.model.errors import Internal
from outlast.model.events import Fault
from outlast.model.messages import Batch, Chat, Message, Reply, Text, Usage
from outlast.testing import ScriptedIo, run

from .calls import a_call

ASKED = Chat((Message("user", (Text("hi"),)),))
ANSWER = Reply(model="m", finish="stop", usage=Usage(), read=tuple, cost=1.0)


class Busy(ScriptedIo):
    """A world in which too much is being done already."""

    def begin(self, work):
        work.close()


def a_whole_call(io):
    """A call that may be shared."""
    call = a_call(io)
    call.request.read = lambda _: ASKED
    return call


def shared(io, inner, callers=2):
    """What the callers get, and what is left under way."""
    layer = Coalesce(CoalesceConfig(enabled=True))
    handle = layer.layer()(inner)

    async def story():
        got = await asyncio.gather(*(handle(a_whole_call(io)) for _ in range(callers)), return_exceptions=True)
        return got, len(layer)

    return run(story())


def test_when_nothing_can_be_begun_each_asks_for_itself():
    """Nobody fails for it."""
    calls = []

    async def inner(call):
        calls.append(call)
        return ANSWER

    assert shared(Busy(), inner) == ([ANSWER] * 2, 0)
    assert len(calls) == 2


def test_a_fault_of_ours_is_told_and_everybody_hears_of_it():
    """As an internal error, each its own; the fault is told once, without its text."""
    io = ScriptedIo()

    async def inner(_call):
        raise ValueError("a secret")

    got, left = shared(io, inner)
    assert [type(error) for error in got] == [Internal] * 2
    assert got[0] is not got[1]
    assert left == 0
    (fault,) = io.sink.of(Fault)
    assert fault.where == "work beside"
    assert "secret" not in fault.error


def test_a_stream_is_no_whole_answer():
    """It is let go of; that is a fault of ours."""
    io, streams = ScriptedIo(), []

    async def inner(call):
        streams.append(Stream(OneBatch(ANSWER, "alpha/m"), Batch(b"", []), call.io))
        return streams[0]

    got, left = shared(io, inner)
    assert [type(error) for error in got] == [Internal] * 2
    assert left == 0
    with pytest.raises(Exception, match="whole answer"):
        run(streams[0].next())


def test_one_pays():
    """The others get it for nothing."""

    async def inner(_call):
        await asyncio.sleep(1.0)
        return ANSWER

    got, _ = shared(ScriptedIo(), inner, callers=3)
    assert sorted(reply.cost for reply in got) == [0.0, 0.0, 1.0]
