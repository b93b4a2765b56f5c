"""The conformance vectors of timers, by their ids: played against providers, through the whole engine."""

import asyncio

import pytest

from outlast.model.errors import TimedOut
from outlast.testing import ScriptedIo, ok, silent

from .world import World

WORDS = " ".join(["word"] * 33)


def alone(more="", **how):
    """One target, which is asked once."""
    return World(["alpha/m"], "[retry]\nenabled = false\n" + more, **how)


@pytest.mark.parametrize("stream", [False, True])
def test_to_01_our_timer_is_told_as_ours_and_cancels_nobody(stream):
    """What it ends is the waiting for bytes: the caller hears of a timeout, and its task was never cancelled."""
    world = alone("[timers]\nfirst_content = 3.0\nwhole = 3.0")
    world.script("alpha/m", silent())

    async def story():
        with pytest.raises(TimedOut) as late:
            await world.answer(stream=stream)
        assert asyncio.current_task().cancelling() == 0
        return late.value

    failure = world.run(story())
    assert (failure.kind, failure.status, world.now) == ("timeout", 504, 3.0)
    assert world.io.sent[0].over in {"aborted", "failed"}
    assert world.close() == {}


def test_to_01_a_cancellation_at_the_moment_of_the_timer_stays_one():
    """Who leaves when the timer fires has left: a timeout must not swallow that."""
    world = alone("[timers]\nwhole = 3.0")
    world.script("alpha/m", silent())

    async def story():
        task = asyncio.ensure_future(world.answer())
        asyncio.get_running_loop().call_at(3.0, task.cancel)
        await asyncio.sleep(4.0)
        return task

    task = world.run(story())
    assert task.cancelled()
    assert world.close() == {}


class LateValues(ScriptedIo):
    """A network whose reads look at the clock only when there is nothing to give."""

    async def send(self, target, outgoing, connect_due, due):
        """The head is in after the limit, and so is all the rest."""
        return await super().send(target, outgoing, connect_due + 60.0, due + 60.0)


def test_to_03_a_value_that_is_there_when_the_timer_has_fired_is_the_answer():
    """It came at 4 s, a second too late; nobody throws it away."""
    world = alone("[timers]\nwhole = 3.0", io=LateValues())
    world.script("alpha/m", ok("late but whole", first=4.0))
    assert world.ask().text == "late but whole"
    assert world.now == 4.0
    assert world.close() == {}


@pytest.mark.parametrize("stream", [False, True])
def test_to_04_a_limit_of_an_attempt_beyond_the_deadline_means_nothing(stream):
    """The attempt has ten seconds and more, the request three: it ends after three, once."""
    world = alone()
    world.script("alpha/m", silent())
    failure = world.fail(stream=stream, timeout=3.0)
    assert (failure.kind, world.now, world.sent()) == ("timeout", 3.0, 1)
    assert world.close() == {}


def test_to_06_what_keeps_coming_within_the_stall_limit_completes():
    """A word every 1.9 s for a minute, with a limit of 2 s between them."""
    world = alone("[timers]\nstall = 2.0")
    world.script("alpha/m", ok(WORDS, between=1.9))
    part = world.hear(stream=True)
    assert (part.text, part.finish, part.error) == (WORDS, "stop", None)
    assert world.now == pytest.approx(32 * 1.9)
    assert world.close() == {}
