"""Coroutine functions in a guard, on whichever event loop they run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from math import inf
from typing import Any, TypeVar

from outlast.edge.looping import loop_io
from outlast.guard.course import Course
from outlast.guard.turn import Turn
from outlast.guard.world import World

T = TypeVar("T")


class Alarm:
    """Cancels a task when its moment comes, and knows its own cancellation from another's. Implements `Timed`."""

    __slots__ = ("_before", "_task", "due", "rang")

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task: asyncio.Task[Any] | None = task
        self._before = task.cancelling()
        self.due = inf
        self.rang = False

    def expire(self) -> None:
        """The moment has come."""
        self.rang = True
        if self._task is not None:
            self._task.cancel()

    def ours(self) -> bool:
        """Was the task cancelled by us alone? To be asked once, when what was waited for is over."""
        return self.rang and self._task is not None and self._task.uncancel() <= self._before

    def over(self) -> None:
        """It will not ring any more, and lets go of the task, which whoever watches it must not keep alive."""
        self.due = inf
        self._task = None


async def in_time(io: World, waited_for: Awaitable[T], due: float, late: Callable[[], Exception]) -> T:
    """What it gives, if it comes by then; else what `late` makes is raised.

    Three things must hold for that: our alarm rang, the coroutine ended in a cancellation, and nobody else wanted it
    cancelled. A value that came all the same is given.
    """
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a timeout needs an asyncio task to run in")
    alarm = Alarm(task)
    io.watch(alarm, due)
    try:
        answer = await waited_for
    except asyncio.CancelledError as cancelled:
        if alarm.ours():
            raise late() from cancelled
        raise
    except BaseException:
        alarm.ours()
        raise
    else:
        alarm.ours()
        return answer
    finally:
        alarm.over()


async def call(
    course: Course,
    given: World | None,
    function: Callable[..., Coroutine[Any, Any, T]],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> T:
    """What the coroutine function gives, called through the guard."""
    io = given or loop_io()

    async def attempt(turn: Turn[T], due: float) -> T:
        coroutine = function(*args, **kwargs)
        if due == inf:
            return await coroutine
        return await in_time(io, coroutine, due, lambda: course.out_of_time(turn, due))

    return await course.take(Turn(io, attempt, function, args, kwargs))
