"""What recipes leave behind: nothing, wherever they are cancelled, and nothing that a fork could break."""

import asyncio
import gc
import os
from contextlib import suppress
from threading import Event, Thread
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.guard.world import World

from outlast import CircuitBreaker, Exhausted, Recent, Rejected, degrade, first_of
from outlast.model.errors import Throttled
from outlast.testing import cancel_everywhere


def at_rest(guards):
    """Is all of it given back?"""

    def checked():
        return all(each.state().in_flight in {0, None} for each in guards)

    return checked


def laddered(io):
    """A primary that fails, a cache that is awaited, a weaker one."""

    class Cache(dict):
        async def get(self, key):
            await asyncio.sleep(0.1)

        async def set(self, key, value):
            await asyncio.sleep(0.1)

    async def fails(prompt):
        await asyncio.sleep(1)
        raise OSError

    async def answers(prompt):
        await asyncio.sleep(1)
        return prompt

    inner = first_of(fails, fails, answers, within=5, io=io)
    failing = first_of(fails, fails, io=io)
    ask = degrade(inner, stale=Cache(), io=io)
    ask_again = degrade(failing, stale=Cache(), weaker=answers, static="sorry", deadline=4, io=io)

    async def story():
        assert (await ask("hi")).value == "hi"
        assert (await ask_again("hi")).degraded

    return story(), at_rest([*inner.guards.values(), *failing.guards.values(), *ask.guards.values()])


def test_a_ladder_can_be_cancelled_at_every_moment():
    """Circuits and slots are as they were; the next way is not asked for who has left."""
    assert cancel_everywhere(laddered) >= 8


def blocked(io):
    """Blocks of a breaker, inside of each other."""
    breaker = CircuitBreaker(io=io)

    async def story():
        async with breaker:
            await asyncio.sleep(1)
            async with breaker:
                await asyncio.sleep(1)

    return story(), at_rest([breaker.guard])


def test_a_block_can_be_cancelled_at_every_moment():
    """It is neutral, and what it held comes back."""
    assert cancel_everywhere(blocked) == 2


class Own(Exception):
    """An exception of the application."""


@pytest.mark.parametrize("asks", ["first_of", "degrade", "a good answer"])
def test_errors_are_freed_without_the_collector(asks):
    """Whoever catches one and lets it go holds nothing of the call."""
    gone = []

    def remembered(error):
        gone.append(ref(error))
        return error

    def fails():
        raise remembered(Own())

    def fails_too():
        raise remembered(Own())

    ask = {
        "first_of": first_of(fails, fails_too),
        "degrade": degrade(fails, stale=Recent(), weaker=fails_too),
        "a good answer": degrade(fails, static="well"),
    }[asks]
    gc.disable()
    try:
        with suppress(Exhausted, Own):
            ask()
        assert gone
        assert [error() for error in gone] == [None] * len(gone)
    finally:
        gc.enable()


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_a_fork_leaves_no_lock_behind():
    """Another thread was just writing: in the child nobody waits for it."""
    inside, go_on = Event(), Event()

    class Slow(str):
        __slots__ = ()

        def __hash__(self):
            inside.set()
            go_on.wait(120)
            return 1

    recent = Recent()
    ask = first_of(len, len, max_latency=1)
    writes = Thread(target=recent.__setitem__, args=(Slow("a"), 1))
    writes.start()
    inside.wait(120)
    if not (child := os.fork()):
        recent["b"] = 2
        os._exit(0 if recent.get("b") == 2 and ask("four").value == 4 else 1)
    go_on.set()
    writes.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert recent.get("a") is None or recent.get("a") == 1
    assert ask("four").value == 4


ENDS = st.sampled_from(["well", OSError, TimeoutError, Throttled("no"), ValueError, "wait"])


@given(st.lists(st.lists(ENDS, min_size=3, max_size=3), min_size=1, max_size=30))
def test_whatever_happens_each_is_asked_once_and_in_order(calls):
    """The answer is that of the first that gave one; a mistake ends it; all that failed is told; nothing is held."""
    world = World("plain")
    asked = []
    script = {}

    def way(name):
        def one():
            asked.append(name)
            end = script[name]
            if end == "well":
                return name
            raise end

        one.__name__ = name
        return one

    names = ["a", "b", "c"]
    ask = first_of(*map(way, names), io=world.io)
    for ends in calls:
        if "wait" in ends:
            world.wait(7)
            continue
        script.update(zip(names, ends, strict=True))
        asked.clear()
        try:
            answer = ask()
        except ValueError:
            assert script[asked[-1]] is ValueError
        except Exhausted as error:
            told = [why.target for why in error.attempts]
            assert (told, asked != []) == (names, True)
        except Rejected:
            assert asked == []
        else:
            assert answer.value == answer.by == asked[-1]
            assert [why.target for why in answer.failures] == names[: names.index(answer.by)]
            assert all(why.kind == "rejected" or why.target in asked for why in answer.failures)
        assert asked == sorted(set(asked))
    assert [guard.state().in_flight for guard in ask.guards.values()] == [0, 0, 0]
    world.close()
