"""Plain functions in a guard: no event loop, no thread; waits block the caller's own thread."""

from __future__ import annotations

from collections.abc import Callable
from types import CoroutineType
from typing import Any, TypeVar

from outlast.edge.blocking import driven
from outlast.guard.course import Course
from outlast.guard.turn import Turn
from outlast.guard.world import World
from outlast.model.errors import Caller

T = TypeVar("T")


class Stopped(Caller):
    """The function raised StopIteration, which cannot leave a coroutine; `stop` is it."""

    def __init__(self, stop: StopIteration) -> None:
        super().__init__("it has no more items")
        self.stop = stop


def call(course: Course, io: World, function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
    """What the function gives, called through the guard."""
    return through(course, Turn[T](io, attempt, function, args, kwargs))


def through(course: Course, turn: Turn[T]) -> T:
    """What a call gives that never suspends."""
    try:
        return driven(course.take(turn))
    except Stopped as stopped:
        stop = stopped.stop
    try:
        raise stop
    finally:
        del stop  # an error that names the frame that names the error is freed by no count


async def attempt(turn: Turn[T], due: float) -> T:  # noqa: ARG001  (it cannot be interrupted, but it can ask)
    """One attempt."""
    return answered(turn)


def answered(turn: Turn[T]) -> T:
    """What the function gives."""
    try:
        answer: T = turn.function(*turn.args, **turn.kwargs)
    except StopIteration as stop:
        raise Stopped(stop) from None
    if isinstance(answer, CoroutineType):
        answer.close()
        raise TypeError(
            f"{turn.function!r} is a plain function that gave a coroutine, of which nothing has run: guard a coroutine "
            "function (async def) instead, or pass it to guard.call with its arguments"
        )
    return answer
