"""Callers who leave: whatever moment they choose, everything is back and nothing more is sent."""

import asyncio
import gc

import pytest

from outlast.build import Outlast
from outlast.config import parse
from outlast.edge.io import AsyncIo
from outlast.engine import Asked
from outlast.flow.call import Call
from outlast.flow.stream import Ending, Stream
from outlast.layers.attempt import Upstream
from outlast.model.errors import Cancelled, Connect, Failure, Internal, Transient
from outlast.model.events import AttemptEnded, Fault
from outlast.testing import (
    ScriptedExchange,
    cancel_everywhere,
    cut,
    fail_everywhere,
    ok,
    silent,
    throttled,
)

from .world import TEXT, World, chat, read, toml_of


async def left(coroutine, after):
    """The caller waits for `after` seconds and leaves."""
    task = asyncio.ensure_future(coroutine)
    await asyncio.sleep(after)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("stream", [False, True])
def test_leaving_before_the_first_token(world, stream):
    """The upstream call is closed at once, nothing is tried again, and nobody is blamed."""
    world.script("alpha/m", silent())
    world.run(left(world.answer(stream=stream), 2.0))
    world.wait(60)
    assert world.path() == ["alpha/m"]
    assert world.io.sent[0].over_at == 2.0
    assert world.held() == {}
    assert (world.breaker()._window.total, world.last().kind, world.last().status) == (0, "cancelled", 499)


def test_leaving_in_the_middle_of_a_stream(world):
    """What was delivered is counted, the connection closed, and the target keeps its success."""
    world.script("alpha/m", ok(TEXT, between=1.0))

    async def story():
        stream = await world.answer(stream=True)
        for _ in range(3):
            await anext(stream)
        await stream.aclose()

    world.run(story())
    assert world.held() == {}
    assert world.io.sent[0].over == "aborted"
    assert world.last().usage.output > 0
    assert (world.last().kind, world.breaker()._window.failed) == ("cancelled", 0)


def test_leaving_during_a_backoff(world):
    """Who leaves during a backoff sleep causes no further call, and gives the retry back."""
    world.script("alpha/m", 529)
    world.run(left(world.answer(), 0.01))
    world.wait(60)
    assert world.sent() == 1
    assert world.held() == {}


def test_leaving_while_a_pause_is_waited_for(make):
    """The same for the end of a pause."""
    world = make(["alpha/m"])
    world.script("alpha/m", throttled(5), ok())
    world.run(left(world.answer(), 2.0))
    world.wait(60)
    assert world.sent() == 1


def test_leaving_the_queue(make):
    """Who leaves the queue for a slot is not served, and the one behind him is."""
    world = make(["alpha/m"], "[bulkhead]\nslots = 1\nwait = 30")
    world.script("alpha/m", ok(first=5.0))

    async def story():
        first = asyncio.ensure_future(world.answer("first"))
        await asyncio.sleep(0)
        await asyncio.gather(left(world.answer("gone"), 1.0), world.answer("third"), first)

    world.run(story())
    said = [sent.json["messages"][0]["content"] for sent in world.io.sent]
    assert said == ["first", "third"]
    assert world.now == 10.0


def test_breaking_out_of_a_loop_releases_at_the_close(world):
    """Who breaks out of `async for` inside `async with` holds nothing afterwards."""

    async def story():
        async with await world.answer(stream=True) as stream:
            async for _ in stream:
                break
        assert world.held() == {}
        with pytest.raises(Cancelled):
            await stream.next()

    world.run(story())


def test_a_dropped_stream_releases_everything(world):
    """Who forgets a stream half-read holds nothing, without any help of the cyclic collector."""

    async def story():
        async for _ in await world.answer(stream=True):
            break
        assert world.held() == {}

    gc.disable()
    try:
        world.run(story())
    finally:
        gc.enable()
    assert world.io.sent[0].over == "aborted"
    assert world.last().kind == "cancelled"


HEAVY = (Stream, Ending, Upstream, Call, ScriptedExchange)


def heavy():
    """The streams, calls and exchanges that exist, be they garbage or not."""
    return [thing for thing in gc.get_objects() if isinstance(thing, HEAVY)]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("more", ["", "[hedge]\nenabled = true\nleast_samples = 1\nextra = 1.0\n"])
@pytest.mark.parametrize(
    "fault",
    [503, 400, 401, "A1-refused", "B2-context-length", "B26-retry-after-1", "B34-retry-after-day",
     "C4-billed-then-silent",
     "D2-truncated-json", "E19-role-then-silence", "E31-fin-after-4", "E33-garbled-after-4", "E20-stall-after-4"],
)  # fmt: skip
def test_a_failing_request_leaves_no_cycles(make, fault, stream, more):
    """What a failed call held is freed by counting references, and waits for no collector."""
    world = make(more=more)
    world.script("alpha/m", ok(), ok(), silent() if more else fault)
    world.script("beta/m", fault)
    world.hear()
    world.hear(stream=stream)
    world.hear(stream=stream)  # whatever is made once for each target is made
    world.wait(1000)
    gc.collect()
    gc.disable()
    try:
        before = len(heavy())
        world.hear(stream=stream)
        world.wait(1000)  # until the loop has forgotten the timers
        assert [type(thing).__name__ for thing in heavy()[before:]] == []
    finally:
        gc.enable()


def test_a_read_to_the_end_leaves_no_cycles(world):
    """A whole stream is freed by counting references."""
    gc.collect()
    gc.disable()
    try:
        before = len(heavy())
        world.hear(stream=True)
        world.wait(1000)  # until the loop has forgotten the timers
        assert len(heavy()) == before
    finally:
        gc.enable()


def test_a_fault_of_our_own_is_an_internal_error(world, monkeypatch):
    """An error that nobody foresaw is told as 500, with nothing of its words in the events, and nothing is held."""

    def broken(*_):
        raise KeyError("a prompt")

    monkeypatch.setattr(type(world.stack._attempts), "_whole", broken)
    failure = world.fail()
    assert isinstance(failure, Internal)
    assert isinstance(failure.__cause__, KeyError)
    (fault,) = world.events(Fault)
    assert fault.error.startswith("KeyError at ")
    assert "prompt" not in fault.error
    assert world.held() == {}


def test_an_unknown_model_is_told_and_not_named(world):
    """Nothing is sent for a model that nobody knows; the request is told, without the caller's word for a route."""
    failure = world.fail(model="no-such-model")
    assert (failure.kind, failure.status, failure.code, world.sent()) == ("caller", 404, "model_not_found", 0)
    assert (world.last().kind, world.last().route, world.last().attempts) == ("caller", "", 0)


def test_a_sink_that_raises_spoils_no_answer():
    """An ear that fails is counted; the answer comes, and the other ears hear everything."""
    heard = []

    def broken(event):
        raise RuntimeError("the disk is full")

    async def story():
        house = Outlast(parse(toml_of(["alpha/m"], "[retry]\nenabled = false")), io=AsyncIo([broken, heard.append]))
        with pytest.raises(Connect):
            await house.engine.answer(chat(), Asked(id="1"))
        await house.aclose()

    asyncio.run(story())
    kinds = [type(event).__name__ for event in heard]
    assert kinds.count("AttemptEnded") == kinds.count("RequestEnded") == 1


# -- everywhere --------------------------------------------------------------------------------------------------------


async def whole(world):
    await world.answer()


async def streamed(world, **fields):
    await read(await world.answer(stream=True, **fields))


async def all_of(coroutines):
    """All of them to their ends, then the first failure."""
    for result in await asyncio.gather(*coroutines, return_exceptions=True):
        if isinstance(result, Failure):
            raise result


async def queued(world):
    await all_of(world.answer() for _ in range(3))


async def streams_queued(world):
    await all_of(streamed(world) for _ in range(3))


async def hedged(world, **how):
    await world.heard()
    await world.answer(**how)


async def hedged_stream(world):
    await world.heard(stream=True)
    await read(await world.answer(stream=True))


async def hedges_queued(world):
    await world.heard()
    await all_of(world.answer() for _ in range(2))


HEDGED = "[hedge]\nenabled = true\nleast_samples = 1\nextra = 1.0\nfull = 1.0\n"
NARROW = "[bulkhead]\nslots = 1\nwait = 30"
LIMITED = """
[providers.alpha.limits]
rpm = 6
tpm = 100_000
concurrent = 5
"""
STORIES = {
    "a whole answer": (whole, {}, ""),
    "a stream": (streamed, {"alpha/m": [ok(TEXT, between=1.0)]}, ""),
    "failover": (whole, {"alpha/m": [503]}, ""),
    "failover of a stream": (streamed, {"alpha/m": ["E19-role-then-silence"]}, ""),
    "reconnecting": (whole, {"alpha/m": ["A1-refused", ok()]}, ""),
    "waiting for a throttled target": (whole, {"alpha/m": [throttled(2), ok()]}, ""),
    "coming back to a throttled target": (whole, {"alpha/m": [throttled(5), ok()], "beta/m": [402]}, ""),
    "a broken stream": (streamed, {"alpha/m": [cut(3)]}, ""),
    "a queue for slots": (queued, {"alpha/m": [ok(first=1.0)], "beta/m": [ok(first=1.0)]}, NARROW),
    "a queue of streams": (streams_queued, {"alpha/m": [ok(TEXT, between=1.0)]}, NARROW),
    "a hedge that wins": (hedged, {"alpha/m": [ok(), ok(first=9.0)], "beta/m": [ok(first=1.0)]}, HEDGED),
    "a hedge that loses": (hedged, {"alpha/m": [ok(), ok(first=2.0)], "beta/m": [ok(first=3.0)]}, HEDGED),
    "a hedge that is as fast": (hedged, {"alpha/m": [ok(), ok(first=2.001)], "beta/m": [ok(first=2.0)]}, HEDGED),
    "a hedged stream": (hedged_stream, {"alpha/m": [ok(), silent()], "beta/m": [ok(TEXT, between=1.0)]}, HEDGED),
    "a hedge after which both fail": (hedged, {"alpha/m": [ok(), 529], "beta/m": [502]}, HEDGED),
    "a hedge that queues": (hedges_queued, {"alpha/m": [ok(), silent()], "beta/m": [ok(first=1.0)]}, HEDGED + NARROW),
    "a limit of the provider": (queued, {"beta/m": [401]}, LIMITED),
}


def told(scenario):
    """A story for the drivers: a fresh world, and the check that it is at rest."""
    tell, script, more = STORIES[scenario]

    def story(io):
        world = World(io=io, more=more)
        for target, behaviours in script.items():
            world.script(target, *behaviours)

        return tell(world), lambda: at_rest(world)

    return story


def at_rest(world):
    """Nothing is held, and every budget has what it had."""
    held = world.held()
    world._runner.close()
    assert held == {}


@pytest.mark.parametrize("scenario", STORIES)
def test_cancelled_anywhere_nothing_is_lost(scenario):
    """Whichever suspension a caller is cancelled at, all slots, permits, limits and retries come back."""
    assert cancel_everywhere(told(scenario)) >= 1


@pytest.mark.parametrize("failure", [Connect, Transient])
@pytest.mark.parametrize("scenario", STORIES)
def test_failing_anywhere_nothing_is_lost(scenario, failure):
    """Whichever network call fails, the same."""
    assert fail_everywhere(told(scenario), lambda: failure("made to fail")) >= 2


def test_what_fails_anywhere_is_told_once(make):
    """Every upstream call has one event, and every request one."""
    world = make()
    world.script("alpha/m", 503, ok(), cut(2), silent())
    for stream in (False, True, True, False):
        world.hear(stream=stream)
    assert len(world.events(AttemptEnded)) == world.sent()
    assert isinstance(world.fail(model="x"), Failure)
