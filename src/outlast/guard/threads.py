"""A plain function in a thread that can be left behind: the honest form of a timeout for what cannot be interrupted.

Whoever called it goes on when the time is up. The function goes on as well, in its thread: it keeps its slot until it
ends, so that what is left behind is bounded by `Slots`, and what it gives is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextvars import copy_context
from threading import Lock, Thread
from typing import Any, TypeVar

from outlast.guard.course import Course
from outlast.guard.plain import answered, through
from outlast.guard.turn import Turn
from outlast.guard.world import World
from outlast.ports import Waiter

T = TypeVar("T")


class Errand:
    """One call in a thread of its own, which no process waits for at its end."""

    __slots__ = ("_afterwards", "_lock", "error", "over", "result")

    def __init__(self, call: Callable[[], Any], waiter: Waiter, name: str) -> None:
        self._lock = Lock()
        self._afterwards: Callable[[], None] | None = None
        self.over = False
        self.result: Any = None
        self.error: BaseException | None = None
        context = copy_context()
        Thread(target=self._run, args=(context.run, call, waiter), name=name, daemon=True).start()

    def _run(self, run: Callable[[Callable[[], Any]], Any], call: Callable[[], Any], waiter: Waiter) -> None:
        try:
            self.result = run(call)
        except BaseException as error:  # noqa: BLE001  (it belongs to whoever waits)
            self.error = error
        with self._lock:
            self.over = True
            afterwards = self._afterwards
        waiter.wake()
        if afterwards is not None:
            afterwards()

    def leave(self, afterwards: Callable[[], None]) -> None:
        """Nobody waits any more: call that when it is over, or now if it is."""
        with self._lock:
            over = self.over
            self._afterwards = afterwards
        if over:
            afterwards()


def call(course: Course, io: World, function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
    """What the function gives, called through the guard in a thread."""
    return through(course, Turn[T](io, _attempt_of(course), function, args, kwargs))


def at_once(course: Course, io: World, function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
    """The same where a test brings the time: nobody waits, and whatever let too much time pass is late."""

    async def attempt(turn: Turn[T], due: float) -> T:
        failed: Exception | None = None
        try:
            answer = answered(turn)
        except Exception as error:  # noqa: BLE001  (it is raised, unless it came too late)
            failed = error
        try:
            if io.now() > due:
                raise course.out_of_time(turn, due)
            if failed is not None:
                raise failed
        finally:
            del failed  # an error that names the frame that names the error is freed by no count
        return answer

    return through(course, Turn[T](io, attempt, function, args, kwargs))


def _attempt_of(course: Course) -> Callable[[Turn[T], float], Coroutine[Any, Any, T]]:
    """What makes one attempt in a thread."""

    async def attempt(turn: Turn[T], due: float) -> T:
        io = turn.io
        waiter = io.waiter()
        errand = Errand(lambda: answered(turn), waiter, f"outlast {course.name}")
        try:
            await waiter.wait(due)
        except BaseException:
            _leave(course, turn, errand)
            raise
        if not errand.over:
            _leave(course, turn, errand)
            raise course.out_of_time(turn, due)
        if errand.error is not None:
            try:
                raise errand.error
            finally:
                errand.error = None  # an error that names the frame that names the error is freed by no count
        result: T = errand.result
        return result

    return attempt


def _leave(course: Course, turn: Turn[Any], errand: Errand) -> None:
    """What the call holds is settled now, all but its slot."""
    rest = course.desk.part(turn.held) if turn.held is not None else None
    if rest is not None:
        errand.leave(lambda: course.desk.settle(rest, "neutral", turn.io.now()))
