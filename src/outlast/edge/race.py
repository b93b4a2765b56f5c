"""Several ways to one thing, under way at once: the only place that makes tasks for a call.

    enter ─▶ task ──┬── returns           it wins: the others are cancelled, and nobody waits for them
    enter ─▶ task ──┤── raises            the race is over if the error decides it, or if nobody else runs
                    └── comes too late    what it brings is handed to `late`

Whoever wins, the others have let go of everything before it is told: their clean-up takes one step, and the news waits
for one turn of the loop. Who waits here and is cancelled cancels all of them, and is cancelled when they are over.
"""

from __future__ import annotations

import asyncio
from asyncio import Task
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Generic, TypeVar

T = TypeVar("T")


class TaskRace(Generic[T]):
    """Implements `outlast.ports.Race` with a task for each runner.

    Args:
        loop: where they run.
        decides: does this error of one runner end the race for the others too?
        late: takes what comes when the race is over, to let go of it.
    """

    __slots__ = ("_by", "_context", "_decides", "_finish", "_late", "_loop", "_runners")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        decides: Callable[[BaseException], bool],
        late: Callable[[T], None],
    ) -> None:
        self._loop = loop
        self._decides = decides
        self._late = late
        self._context = copy_context()  # a runner may enter from a timer, whose context is somebody else's
        self._runners: set[Task[T]] = set()
        self._by: Task[T] | None = None
        self._finish: Finish | None = Finish(self._cancel, loop)

    def enter(self, runner: Coroutine[object, object, T]) -> None:
        """Start it."""
        if self._finish is None or self._by is not None:
            runner.close()
            return
        task = self._loop.create_task(runner, context=self._context.copy())
        self._runners.add(task)
        task.add_done_callback(self._ended)

    async def winner(self) -> T:
        """What the first brings that brings anything, or the error that decided."""
        finish = self._finish
        if finish is None:
            raise RuntimeError("a race has one winner: make a new one")
        try:
            await finish
        except BaseException:
            self._drop(self._by)
            raise
        else:
            return self._result()
        finally:
            self._finish = self._by = None
            self._stop()
            del finish  # an error that names the frame that names the error is freed by no count

    def _result(self) -> T:
        by, self._by = self._by, None
        try:
            if by is None:
                raise RuntimeError("nobody has won")
            return by.result()
        finally:
            del by  # as above

    def _ended(self, task: Task[T]) -> None:
        """A runner is over, one way or the other."""
        self._runners.discard(task)
        finish = self._finish
        if finish is None or self._by is not None or finish.leaving:
            self._drop(task)
            if finish is not None and finish.leaving and not self._runners:
                finish.leave()
            return
        error = None if task.cancelled() else task.exception()
        if error is None or not self._runners or self._decides(error):
            self._by = task
            self._stop()
            if self._runners:
                self._loop.call_soon(finish.tell)
            else:
                finish.tell()

    def _cancel(self) -> bool:
        """Cancel all that run; False when there are none."""
        self._stop()
        return bool(self._runners)

    def _stop(self) -> None:
        for runner in self._runners:
            runner.cancel()

    def _drop(self, task: Task[T] | None) -> None:
        """Nobody wants what it brings any more."""
        if task is not None and not task.cancelled() and task.exception() is None:
            self._late(task.result())


class Finish(asyncio.Future[None]):
    """Where the winner is waited for. To cancel it is to cancel every runner, and takes as long as they take.

    Attributes:
        leaving: it was cancelled, and runners are still on their way out.
    """

    def __init__(self, cancel_runners: Callable[[], bool], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._cancel_runners = cancel_runners
        self.leaving = False

    def tell(self) -> None:
        """The race is decided; to no avail for who is leaving."""
        if not self.done() and not self.leaving:
            self.set_result(None)

    def cancel(self, msg: object = None) -> bool:
        """Cancel the runners; it is cancelled itself when the last of them is over."""
        if self.done():
            return False
        if not self._cancel_runners():
            return super().cancel(msg)
        self.leaving = True
        return True

    def leave(self) -> None:
        """All are over."""
        super().cancel()
