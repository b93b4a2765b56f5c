"""A shared call, held in the hand: what can go wrong with it, and with the world."""

import asyncio

import pytest
from msgspec.structs import replace

from outlast.flow.stream import Stream
from outlast.flow.whole import OneBatch
from outlast.layers.coalesce import Coalesce, CoalesceConfig
from outlast.model.errors import Internal
from outlast.model.events import Fault
from outlast.model.freshness import wishes_of
from outlast.model.messages import Batch, Chat, Message, Needs, Reply, Text, Usage
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


async def answers(_call):
    """After a while."""
    await asyncio.sleep(1.0)
    return replace(ANSWER)


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ({}, {}),
        ({"behind": True}, {}),
        ({"wishes": wishes_of("no-cache")}, {}),
        ({"wishes": wishes_of("no-store")}, {}),
        ({}, {"accepts": lambda value: ()}),
        ({}, {"needs": Needs(state=True)}),
        ({}, {"operation": "count"}),
    ],
)
def test_who_needs_a_call_of_its_own_has_one(more, asked):
    """It wants a new answer, or one that only it can judge, or goes on with a conversation; or nobody waits for it."""
    layer, calls = Coalesce(CoalesceConfig(enabled=True)), []

    async def inner(call):
        calls.append(call)
        return await answers(call)

    async def story():
        both = [replace(a_whole_call(ScriptedIo()), **more) for _ in range(2)]
        for call in both:
            for name, value in asked.items():
                setattr(call.request, name, value)
        await asyncio.gather(*map(layer.layer()(inner), both))

    run(story())
    assert len(calls) == (2 if more or asked else 1)


def test_what_a_shared_call_notes_on_its_request_is_no_callers():
    """Whoever asks anew asks what it asked."""
    io = ScriptedIo()
    call = a_whole_call(io)

    async def inner(view):
        view.request.needs, view.request.body = Needs(tools=True), b"changed"
        return await answers(view)

    run(Coalesce(CoalesceConfig(enabled=True)).layer()(inner)(call))
    assert (call.request.needs, call.request.body) == (Needs(), b"")


class Done:
    """Work that is over already."""

    cancelled = 0

    def cancel(self):
        self.cancelled += 1


class Eager(ScriptedIo):
    """A world that does at once what is begun, as far as that is possible."""

    done = Done()

    def begin(self, work):
        with pytest.raises(StopIteration):
            work.send(None)
        return self.done


def test_an_answer_that_is_there_at_once_is_not_waited_for():
    """And what is over is not cancelled."""
    io = Eager()

    async def inner(_call):
        return replace(ANSWER)

    async def story():
        began = asyncio.get_running_loop().time()
        layer = Coalesce(CoalesceConfig(enabled=True))
        reply = await layer.layer()(inner)(a_whole_call(io))
        return reply, asyncio.get_running_loop().time() - began, len(layer)

    reply, seconds, left = run(story())
    assert (reply.model, seconds, left, io.done.cancelled) == ("m", 0.0, 0, 0)


def test_what_the_last_has_just_left_is_not_joined():
    """Who comes in that very moment has a call of its own."""
    io, calls = ScriptedIo(), []

    async def inner(call):
        calls.append(call)
        return await answers(call)

    async def story():
        handle = Coalesce(CoalesceConfig(enabled=True)).layer()(inner)
        first = asyncio.ensure_future(handle(a_whole_call(io)))
        await asyncio.sleep(0.5)
        first.cancel()
        second = asyncio.ensure_future(handle(a_whole_call(io)))
        return await asyncio.gather(first, second, return_exceptions=True)

    gone, reply = run(story())
    assert isinstance(gone, asyncio.CancelledError)
    assert reply.model == "m"
    assert len(calls) == 2


def test_one_pays():
    """The others get it for nothing."""

    async def inner(_call):
        await asyncio.sleep(1.0)
        return ANSWER

    got, _ = shared(ScriptedIo(), inner, callers=3)
    assert sorted(reply.cost for reply in got) == [0.0, 0.0, 1.0]
