"""Coalescing, through the whole engine in virtual time: who shares a call, who pays for it, and who ends it."""

import asyncio
import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlast.engine import Asked
from outlast.model.errors import Failure, TimedOut
from outlast.model.events import AttemptEnded, CacheKept, Fault, Joined, RequestEnded
from outlast.model.messages import Reply
from outlast.testing import ok, silent, slow_headers, status

from .world import DEFAULT, World, caller, chat

ON = "[coalesce]\nenabled = true"
SLOW = slow_headers(5.0, ok("shared"))


@pytest.fixture
def shared(make):
    """Two targets; the first takes 5 s to answer."""
    world = make(more=ON)
    world.script("alpha/m", SLOW)
    return world


async def leaves(call, after):
    """A caller who is gone by then."""
    task = asyncio.ensure_future(call)
    await asyncio.sleep(after)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_the_same_requests_are_one_call(shared):
    """All get its answer; one of them is told what it cost, and the others whom they waited for."""
    replies = shared.crowd_alike(5)
    assert [reply.text for reply in replies] == ["shared"] * 5
    assert len({id(reply) for reply in replies}) == 5
    assert shared.sent() == 1
    assert [event.other for event in shared.events(Joined)] == ["1"] * 4
    assert len(shared.stack.coalesce) == 0


def test_it_costs_once(make):
    """In what is told of the requests, too."""
    price = "[providers.alpha.models.m]\nprice = {input = 1000.0, output = 1000.0}"
    world = make(more=f"{ON}\n{price}")
    world.script("alpha/m", SLOW)
    world.crowd_alike(3)
    costs = [event.cost for event in world.events(RequestEnded)]
    assert sum(cost > 0 for cost in costs) == 1
    assert sum(costs) == world.events(AttemptEnded)[0].cost


def test_not_unless_it_is_asked_for(make):
    """For all routes, or for one."""
    off = make()
    off.script("alpha/m", SLOW)
    off.crowd_alike(3)
    assert off.sent() == 3
    one = make(more=f"[routes.default]\ntargets = {json.dumps(DEFAULT)}\ncoalesce = true")
    one.script("alpha/m", SLOW)
    one.crowd_alike(3)
    assert one.sent() == 1
    not_here = make(more=f"{ON}\n[routes.default]\ntargets = {json.dumps(DEFAULT)}\ncoalesce = false")
    not_here.script("alpha/m", SLOW)
    not_here.crowd_alike(3)
    assert not_here.sent() == 3


def test_others_share_nothing(shared):
    """Another question, another caller, a stream: each has its own call."""

    async def story():
        asks = [
            shared.heard(caller=caller("ada")),
            shared.heard(caller=caller("bob")),
            shared.heard("ho", caller=caller("ada")),
            shared.heard(caller=caller("ada"), stream=True),
            shared.heard(caller=caller("ada"), stream=True),
        ]
        await asyncio.gather(*asks)

    shared.run(story())
    assert shared.sent() == 5


def test_what_came_before_is_not_shared(shared):
    """Only what is under way: this is no cache."""
    shared.ask()
    shared.ask()
    assert shared.sent() == 2


@pytest.mark.parametrize("fault", [400, 503])
def test_a_failure_is_everybodys(make, fault):
    """Each gets one of its own, with its own id."""
    world = make(more=ON)
    world.script_all(slow_headers(1.0, status(fault)))
    failures = world.crowd_alike(3)
    assert all(isinstance(failure, Failure) for failure in failures)
    assert len({id(failure) for failure in failures}) == 3
    assert [failure.call for failure in failures] == ["1", "2", "3"]
    assert len({failure.kind for failure in failures}) == 1


def test_who_leaves_takes_nothing_from_the_others(shared):
    """Not even the one who was first."""

    async def story():
        first = leaves(shared.heard(), 1.0)
        second = shared.heard()
        _, reply = await asyncio.gather(first, second)
        return reply

    assert shared.run(story()).text == "shared"
    assert shared.sent() == 1


def test_when_the_last_has_left_the_call_ends(shared):
    """Its connection is closed at once, and all it held comes back."""

    async def story():
        await asyncio.gather(leaves(shared.heard(), 1.0), leaves(shared.heard(), 2.0))
        await asyncio.sleep(0)

    shared.run(story())
    assert [event.kind for event in shared.events(AttemptEnded)] == ["cancelled"]
    assert shared.events(AttemptEnded)[0].seconds == pytest.approx(2.0)
    assert shared.held() == {}
    assert len(shared.stack.coalesce) == 0


def test_who_comes_after_the_last_has_left_gets_a_call_of_its_own(shared):
    """What is being cancelled is not joined."""

    async def story():
        await leaves(shared.heard(), 1.0)
        return await shared.heard()

    assert shared.run(story()).text == "shared"
    assert shared.sent() == 2


def test_each_has_its_own_deadline(make):
    """The hurried one leaves, the patient one waits, and who comes with more time than the call has asks anew."""
    world = make(("alpha/m",), more=ON)
    world.script("alpha/m", silent(), ok("second"))

    async def story():
        async def later():
            await asyncio.sleep(1.0)
            return await world.heard(timeout=60.0)

        return await asyncio.gather(world.heard(timeout=3.0), later())

    hurried, patient = world.run(story())
    assert hurried.kind == "timeout"
    assert patient.text == "second"


def test_a_hurried_one_leaves_in_time(make):
    """Whoever it waits with has more of it."""
    world = make(("alpha/m",), more=ON)
    world.script("alpha/m", SLOW)

    async def hurried():
        began = asyncio.get_running_loop().time()
        failure = await world.heard(timeout=2.0)
        return failure, asyncio.get_running_loop().time() - began

    async def story():
        return await asyncio.gather(world.heard(timeout=60.0), hurried())

    reply, (failure, seconds) = world.run(story())
    assert reply.text == "shared"
    assert failure.kind == "timeout"
    assert 2.0 <= seconds <= 2.1


FAILS = slow_headers(5.0, status(403))
THEN = slow_headers(3.0, ok("then"))


@pytest.mark.parametrize(("first", "second"), [(6.0, 20.0), (20.0, 2.0)])
def test_the_call_has_as_much_time_as_any_of_those_who_wait(make, first, second):
    """The next target is asked within the longest of their times, whoever came first; the other has left by then."""
    world = make(more=ON)
    world.script("alpha/m", FAILS)
    world.script("beta/m", THEN)

    async def story():
        return await asyncio.gather(world.heard(timeout=first), world.heard(timeout=second))

    hurried, patient = sorted(world.run(story()), key=lambda answer: isinstance(answer, Reply))
    assert (hurried.kind, patient.text) == ("timeout", "then")
    assert world.path() == ["alpha/m", "beta/m"]


def test_what_the_cache_had_is_told_to_those_who_waited_too(make):
    """And that they did; without a cache that nothing was there."""
    for cache, why, age in (("cache = {fresh = 1, stale_if_error = 99}", "stale", 5.0), ("", "miss", None)):
        world = make(more=f"{ON}\n[routes.default]\ntargets = {json.dumps(DEFAULT)}\n{cache}")
        world.ask()
        world.wait(5.0)
        world.script("alpha/m", SLOW)
        told = [Asked("a"), Asked("b")]

        async def story(world=world, told=told):
            await asyncio.gather(*(world.engine.answer(chat(), asked) for asked in told))

        world.run(story())
        assert (told[1].looked.why, told[1].looked.age, told[1].looked.shared) == (why, age, True)
        assert told[0].looked is None or not told[0].looked.shared


def test_with_a_cache_one_answer_is_kept_once(make):
    """The first one keeps it."""
    world = make(more=f"{ON}\n[cache]\nenabled = true")
    world.script("alpha/m", SLOW)
    world.crowd_alike(3)
    assert [event.reason for event in world.events(CacheKept)] == [""]
    assert world.ask().source == "cache"


def test_with_a_ladder_all_get_the_lesser_answer(make):
    """And are told that it is one, and why."""
    world = make(more=f'{ON}\n[routes.default]\ntargets = ["alpha/m"]\ndegrade = [{{static = "later"}}]')
    world.script("alpha/m", slow_headers(1.0, status(403)))
    assert [reply.source for reply in world.crowd_alike(3)] == ["static"] * 3
    assert {event.instead_of for event in world.events(RequestEnded)} == {"permission"}


STEPS = st.lists(
    st.tuples(
        st.floats(0.0, 10.0),
        st.sampled_from("ab"),
        st.sampled_from(["ada", "bob"]),
        st.one_of(st.none(), st.floats(0.1, 8.0)),
        st.floats(1.0, 20.0),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_whoever_comes_and_leaves_nothing_is_lost(steps):
    """Nobody gets another's answer, all are answered in time, and in the end nothing is held."""
    world = World(more=ON)
    world.script("alpha/m", slow_headers(3.0))
    try:

        async def one(at, text, who, patience, seconds):
            await asyncio.sleep(at)
            call = asyncio.ensure_future(world.heard(f"{text} {who}", caller=caller(who), timeout=seconds))
            if patience is not None:
                await asyncio.sleep(patience)
                call.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                answer = await call
                assert asyncio.get_running_loop().time() - at <= max(seconds, patience or 0.0) + 0.1
                right = isinstance(answer, TimedOut) if isinstance(answer, Failure) else answer.text.endswith(who)
                assert right

        async def story():
            await asyncio.gather(*(one(*step) for step in steps))

        world.run(story())
        assert world.sent() <= len(steps)
        assert len(world.stack.coalesce) == 0
        assert world.events(Fault) == []
    finally:
        left = world.close()
    assert left == {}
