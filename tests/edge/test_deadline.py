"""The deadline that travels in the context: who asks how much time is left, and what he is told."""

import asyncio
import contextvars
import threading

import pytest

from outlast.edge.deadline import enter, forget, leave, smaller, time_left, within


class Clock:
    """Shows what it is set to."""

    def __init__(self, at=100.0):
        self.at = at

    def __call__(self):
        return self.at


@pytest.fixture
def clock():
    return Clock()


def test_without_a_deadline_nothing_is_bounded():
    """No time is left or over; what is asked for is what one gets."""
    assert time_left() is None
    assert smaller(None) is None
    assert smaller(3.0) == 3.0


def test_time_runs_down_to_nothing(clock):
    """Left is what is left by the clock, and never less than nothing."""
    with within(110.0, clock):
        assert time_left() == 10.0
        clock.at = 104.0
        assert (time_left(), smaller(None), smaller(2.0), smaller(20.0)) == (6.0, 6.0, 2.0, 6.0)
        clock.at = 200.0
        assert (time_left(), smaller(5.0)) == (0.0, 0.0)
    assert time_left() is None


def test_the_smaller_of_two_holds(clock):
    """A deadline inside another one may shorten it, and never lengthens it; each leaves as it came."""
    with within(110.0, clock):
        with within(105.0, clock):
            assert time_left() == 5.0
        with within(150.0, clock):
            assert time_left() == 10.0
        assert time_left() == 10.0


def test_two_clocks_are_compared_by_what_is_left(clock):
    """A moment of one clock says nothing on another; seconds do."""
    other = Clock(5.0)
    with within(110.0, clock), within(8.0, other):
        assert time_left() == 3.0
        other.at = 6.0
        assert time_left() == 2.0


def test_it_ends_although_what_was_done_failed(clock):
    """An exception leaves no deadline behind."""
    with pytest.raises(LookupError), within(110.0, clock):
        raise LookupError
    assert time_left() is None


def test_what_outlives_the_caller_forgets(clock):
    """In its own context only."""
    with within(110.0, clock):
        context = contextvars.copy_context()
        context.run(forget)
        assert context.run(time_left) is None
        assert time_left() == 10.0


def test_tasks_and_to_thread_have_it_threads_do_not(clock):
    """It goes where context variables go."""
    seen = []

    async def story():
        token = enter(110.0, clock)
        await asyncio.create_task(asyncio.sleep(0))
        seen.append(await asyncio.to_thread(time_left))
        thread = threading.Thread(target=lambda: seen.append(time_left()))
        thread.start()
        thread.join()
        leave(token)
        seen.append(time_left())

    asyncio.run(story())
    assert seen == [10.0, None, None]
