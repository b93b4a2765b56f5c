"""Every await of the engine cancelled once, every call of the world failed once: afterwards every gate is empty.

The stories of callers who leave, and those in which gates of all kinds are under way at the same time.
"""

import asyncio
import contextlib
import sys

import pytest

from outlast.model.errors import Connect, Failure, Transient
from outlast.ports import Exchange, Io, Race, Waiter
from outlast.testing import (
    CallbackFault,
    bad_json,
    cancel_everywhere,
    cut,
    fail_everywhere,
    ok,
    run,
    silent,
    stall,
    status,
    throttled,
)

from . import test_leaving
from .broken_io import Broken, BrokenIo
from .test_leaving import all_of, at_rest, queued, streamed
from .world import TEXT, World, caller


async def again_and_again(world):
    """One after the other, so that each meets what the one before has left: circuits, pauses, limits."""
    for _ in range(4):
        with contextlib.suppress(Failure):
            await world.answer()


async def later(world):
    """Two failures, and calls of two kinds when the circuit may be tested."""
    for _ in range(2):
        with contextlib.suppress(Failure):
            await world.answer()
    await asyncio.sleep(12.0)
    await all_of([world.answer(), streamed(world), world.answer()])


async def of_all_classes(world):
    """Five classes at once, two of each."""
    await all_of(world.answer(caller=caller(f"c{rank}", rank)) for rank in range(5) for _ in range(2))


async def of_one_key(world):
    """Three calls of a caller with limits."""
    await all_of(world.answer(caller=caller("app")) for _ in range(3))


async def in_json(world):
    """A whole answer and a stream that must match a schema."""
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    await all_of([world.answer(response_format=wanted), streamed(world, response_format=wanted)])


async def kept(world):
    """A new answer, one that was kept, one that is renewed behind the caller's back, and one when nobody answers."""
    for pause in (0.0, 1.0, 70.0, 200.0):
        await asyncio.sleep(pause)
        with contextlib.suppress(Failure):
            await world.answer()
    await streamed(world)


async def alike(world):
    """The same call three times at once."""
    await all_of(world.answer() for _ in range(3))


NO_RETRY = "[retry]\nenabled = false\n"
OPEN = NO_RETRY + "[breaker]\nfailures = 1\n"
SLOTS = "[bulkhead]\nslots = 1\nqueue = 3\nwait = 30\n"
CACHE = """
cache = {fresh = 60, stale_while_revalidate = 60, stale_if_error = 600}
"""
LADDER = """
degrade = ["stale", "weaker", "simplify", {static = "later"}]
weaker = "beta/m"
"""
CACHED = "[cache]\nenabled = true\n"
ALONE = '[routes.default]\ntargets = ["alpha/m"]\n'
IN_WORDS = "[providers.alpha.models.m]\nschema = false\n[providers.beta.models.m]\nschema = false\n"
PACED = "[providers.alpha.limits]\nrpm = 6\ntpm = 100_000\n"
KEY = """
[keys.app]
key = "k-0123456789012345678901234567890123456789"
[keys.app.limits]
rpm = 12
tpm = 100_000
concurrent = 2
"""

MORE = {
    "an early probe": (again_and_again, {"alpha/m": [500, ok()], "beta/m": [500, ok()]}, OPEN),
    "an early probe that fails": (again_and_again, {"alpha/m": [500], "beta/m": [500]}, OPEN),
    "half-open circuits": (later, {"alpha/m": [500, 500, ok(TEXT, between=0.5)], "beta/m": [500]}, OPEN),
    "half-open circuits that open again": (later, {"alpha/m": [500, 500, cut(2), 500], "beta/m": [500]}, OPEN),
    "a limit that is waited for": (queued, {}, ALONE + PACED),
    "a limit that is waited for in front of a queue": (queued, {"alpha/m": [ok(first=30.0)]}, ALONE + PACED + SLOTS),
    "a pause that is met behind a queue": (queued, {"alpha/m": [throttled(2), ok()]}, ALONE + SLOTS),
    "a key that is refused behind a queue": (queued, {"alpha/m": [401], "beta/m": [402]}, SLOTS),
    "retries under way, and a queue behind them": (
        queued,
        {"alpha/m": [529, 500, "A1-refused", ok(first=1.0)], "beta/m": [503]},
        SLOTS,
    ),
    "slots that become fewer under a queue": (
        of_all_classes,
        {"alpha/m": [status(529), ok(first=1.0)], "beta/m": [status(529), ok(first=1.0)]},
        "[bulkhead]\nslots = 2\nqueue = 4\nwait = 30\n",
    ),
    "the queue of the gateway": (of_all_classes, {"alpha/m": [ok(first=1.0)]}, "[admission]\nslots = 1\nqueue = 4\n"),
    "answers that are asked for again": (
        in_json,
        {"alpha/m": [bad_json("learns", between=0.1), cut(2), bad_json("learns", between=0.1)], "beta/m": [stall(2)]},
        IN_WORDS,
    ),
    "a stream whose parts are wanted": (
        in_json,
        {"alpha/m": [bad_json("fences", between=0.1), cut(2)], "beta/m": [bad_json("types", between=0.1)]},
        IN_WORDS + '[routes.default]\ntargets = ["alpha/m", "beta/m"]\nstream_partial = true\n',
    ),
    "answers that are kept": (kept, {"alpha/m": [ok(), ok(), 403]}, ALONE + CACHE),
    "a ladder": (kept, {"alpha/m": [ok(), 403], "beta/m": [ok(), 403]}, ALONE + CACHE + LADDER),
    "a shared call": (alike, {"alpha/m": [503, ok(first=1.0)]}, "[coalesce]\nenabled = true\n"),
    "a shared call that fails": (alike, {"alpha/m": [403], "beta/m": [403]}, "[coalesce]\nenabled = true\n" + CACHED),
    "a caller's limits": (of_one_key, {"alpha/m": [503], "beta/m": [ok(first=1.0)]}, KEY),
    "a stream that stalls": (streamed, {"alpha/m": [cut(0), silent()], "beta/m": [silent()]}, "[timers]\nstall = 1.0"),
}
"""name: (what callers do, what providers do, configuration)"""


def told(scenario, stories=MORE):
    """A story for the drivers: a fresh world, and the check that it is at rest."""
    tell, script, more = stories[scenario]

    def story(io):
        world = World(io=io, more=more)
        for target, behaviours in script.items():
            world.script(target, *behaviours)
        return tell(world), lambda: at_rest(world)

    return story


@pytest.mark.parametrize("scenario", MORE)
def test_cancelled_anywhere_nothing_is_lost(scenario):
    """Whichever suspension a caller is cancelled at, all slots, permits, limits, probes and retries come back."""
    assert cancel_everywhere(told(scenario)) >= 1


@pytest.mark.parametrize("failure", [Connect, Transient])
@pytest.mark.parametrize("scenario", MORE)
def test_failing_anywhere_nothing_is_lost(scenario, failure):
    """Whichever network call fails, the same."""
    assert fail_everywhere(told(scenario), lambda: failure("made to fail")) >= 2


ALL = {**test_leaving.STORIES, **MORE}


async def with_one_broken(coroutine):
    """The story, in whichever way it ends."""
    with contextlib.suppress(asyncio.CancelledError, Failure, Broken):
        await asyncio.create_task(coroutine, name="story")
    for _ in range(20):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


def broken_calls(scenario):
    """What was broken, one call after the other; afterwards nothing may be held."""
    broke = set()
    for k in range(1, 5_000):
        io = BrokenIo(k)
        coroutine, check = told(scenario, ALL)(io)
        try:
            run(with_one_broken(coroutine))
        except CallbackFault as fault:  # the world may fail where a timer asks it, and nobody awaits that
            if not isinstance(fault.__cause__, Broken):
                raise
        io.heal()
        try:
            check()
        except AssertionError as error:
            error.add_note(f"call {k} was broken: {io.broke}")
            raise
        if io.broke is None:
            return broke
        broke.add(io.broke)
    raise AssertionError("the story does not end")


@pytest.mark.parametrize("scenario", ALL)
def test_whatever_the_world_breaks_nothing_is_lost(scenario):
    """Dice, alarms, sleeps, waits, reads, ears: each call of the port fails once, with a fault that nobody foresaw."""
    assert {"emit", "send"} <= broken_calls(scenario)


def test_the_stories_ask_for_everything_there_is():
    """Every method of the port but the clock's is counted, and some story asks for it: so the tests are not blind."""
    port = {name for part in (Io, Exchange, Waiter, Race) for name in vars(part) if not name.startswith("_")}
    stories = (
        "answers that are kept",
        "a queue of streams",
        "waiting for a throttled target",
        "a broken stream",
        "a hedge that wins",
    )
    asked = set().union(*map(broken_calls, stories))
    assert asked >= port - {"now", "status", "on_loop", "winner"}
    assert vars(BrokenIo).keys() >= {name for name in vars(Io) if not name.startswith("_")} - {"now"}


def test_a_stream_that_is_dropped_lets_go_although_the_loop_fails(monkeypatch):
    """Its fault is told where Python tells such, and nothing is held."""
    told_of = []
    monkeypatch.setattr(sys, "unraisablehook", lambda fault: told_of.append(fault.exc_value))

    async def dropped(world):
        async for _ in await world.answer(stream=True):
            break

    class Loopless(BrokenIo):
        def on_loop(self, callback):
            callback()
            raise Broken("on_loop")

    world = World(io=Loopless(0))
    run(dropped(world))
    at_rest(world)
    assert [type(fault) for fault in told_of] == [Broken]
