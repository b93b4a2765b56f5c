"""What is done beside the requests, in tasks that nobody waits for: so many at once, and none outlives its world."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from outlast.flow.faults import told
from outlast.model.events import Event, Fault

MOST = 4_000
"""Pieces of work at once; what comes on top of that is not done. Each request with an idempotency key is one."""


class Beside:
    """The work of one loop.

    Args:
        loop: where it is done.
        emit: hears of what it raises.
    """

    __slots__ = ("_emit", "_loop", "_tasks")

    def __init__(self, loop: asyncio.AbstractEventLoop, emit: Callable[[Event], None]) -> None:
        self._loop = loop
        self._emit = emit
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def works_on(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Is that where it is done?"""
        return loop is self._loop

    def begin(self, work: Coroutine[object, object, None]) -> asyncio.Task[None] | None:
        """Have it done; None where too much is under way already."""
        if len(self._tasks) >= MOST:
            work.close()
            return None
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._emit(Fault("work beside", told(error)))

    async def aclose(self) -> None:
        """End all of it, and return when it is over."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
