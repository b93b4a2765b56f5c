"""Timeouts that mean what they say, and the mistakes that timeout managers make."""

import asyncio
from threading import Event

import pytest
from tests.guard.world import Takes

from outlast import Exhausted, Rejected, backoff, time_left, timeouts
from outlast.guard import OutOfTime


def test_a_timeout_is_entered(loop):
    """What takes longer is cut, and a TimeoutError is raised."""
    ask = timeouts(each=0.05, io=loop.io)(loop.dependency(Takes(0.3)))
    error = loop.fails(ask)
    assert (type(error), isinstance(error, TimeoutError), loop.now()) == (OutOfTime, True, 0.05)


def test_zero_is_no_default():
    """It is refused, and nothing at all as well."""
    for wrong in ({"total": 0}, {"each": 0}, {"each": -1}):
        with pytest.raises(ValueError, match="a number of seconds above 0"):
            timeouts(**wrong)
    with pytest.raises(TypeError, match="give it total=, each=, or both"):
        timeouts()


def test_the_total_bounds_attempts_and_waits(loop):
    """Three attempts of ten seconds do not make thirty where there are twelve."""
    ask = timeouts(total=12, each=10, attempts=3, io=loop.io)(loop.dependency(Takes(100)))
    assert isinstance(loop.fails(ask), Exhausted | TimeoutError)
    assert loop.now() <= 12


def test_an_attempt_longer_than_the_total_is_the_total(loop):
    """The smaller of both holds."""
    loop.fails(timeouts(total=2, each=10, io=loop.io)(loop.dependency(Takes(100))))
    assert loop.now() == 2


def test_the_time_left_is_known_inside(world):
    """Also to a plain function, which nobody can interrupt; of several guards, the least."""
    left = []

    def plain():
        left.append(time_left())

    async def coroutine():
        left.append(time_left())

    inner = timeouts(each=10, io=world.io)(plain if world.face == "plain" else coroutine)
    world.call(timeouts(total=3, io=world.io)(inner))
    assert left == [3.0]
    assert time_left() is None


def test_a_plain_function_is_not_tried_again_after_its_time(blocking):
    """It ran its course, but nothing begins after the end."""
    ask = timeouts(total=5, each=2, attempts=10, io=blocking.io)(blocking.dependency(Takes(4, OSError)))
    blocking.fails(ask)
    assert len(blocking.script.calls) <= 2


def test_a_plain_function_in_a_thread_is_left_behind():
    """Whoever called it goes on."""
    go_on = Event()
    ask = timeouts(each=0.01, in_thread=True)(lambda: go_on.wait(120))
    with pytest.raises(TimeoutError):
        ask()
    go_on.set()


def test_threads_that_are_left_behind_are_bounded(monkeypatch):
    """What hangs for ever would have threads without end."""
    monkeypatch.setattr("outlast.recipes.in_time.LEFT_BEHIND", 2)
    go_on = Event()
    ask = timeouts(each=0.01, in_thread=True)(lambda: go_on.wait(120))
    ends = []
    for _ in range(4):
        with pytest.raises((TimeoutError, Rejected)) as raised:
            ask()
        ends.append(raised.type)
    go_on.set()
    assert ends == [OutOfTime, OutOfTime, Rejected, Rejected]


def test_a_stream_has_a_timer_for_each_item(loop):
    """For its first, and for each that follows; never while the consumer is busy."""

    @timeouts(each=5, stall=2, io=loop.io)
    async def items(*gaps):
        for gap in gaps:
            await asyncio.sleep(gap)
            yield gap

    async def read(*gaps):
        seen = []
        try:
            async for item in items(*gaps):
                seen.append(item)
                await asyncio.sleep(100)
        except TimeoutError:
            seen.append("late")
        return seen

    assert loop.run(read(4, 1, 1)) == [4, 1, 1]
    assert loop.run(read(6, 1)) == ["late"]
    assert loop.run(read(1, 3)) == [1, "late"]


def test_a_value_that_came_is_given(loop):
    """A coroutine that finishes while it is being cancelled has an answer."""

    async def stubborn():
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            return "well"

    assert loop.run(timeouts(each=1, io=loop.io)(stubborn)()) == "well"


def test_somebody_elses_cancellation_is_no_timeout(loop):
    """It goes through as one."""
    ask = timeouts(each=10, io=loop.io)(loop.dependency(Takes(100)))

    async def story():
        task = asyncio.create_task(ask())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.sleep(1)
        return task.cancelled()

    assert loop.run(story()) is True


def test_a_timeout_is_worth_another_attempt(loop):
    """Where attempts are allowed."""
    ask = timeouts(total=30, each=5, attempts=2, io=loop.io)(loop.dependency(Takes(100), "well"))
    assert loop.call(ask) == "well"


def test_within_a_backoff_each_attempt_has_its_timer(loop):
    """The familiar pair."""
    ask = backoff(attempts=3, base=1, io=loop.io)(timeouts(each=2, io=loop.io)(loop.dependency(Takes(100))))
    assert type(loop.fails(ask)) is Exhausted
    assert len(loop.script.calls) == 3


@pytest.mark.parametrize(
    ("wrong", "mend"),
    [
        ({"connect": 3}, "a guard sees calls and not sockets"),
        ({"timeout": 3}, "say which"),
        ({"each": None, "total": 1, "stall": 2}, "give that too"),
        ({"colour": 1}, "no parameter 'colour'"),
    ],
)
def test_a_name_that_would_be_a_lie_is_refused(wrong, mend):
    """It says why, and what to use."""
    with pytest.raises(TypeError, match=mend):
        timeouts(**wrong)
