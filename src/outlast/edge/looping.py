"""The world of whichever event loop is running, for code that several loops and threads share."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from threading import get_ident, local

from outlast.edge.sweeper import Sweeper
from outlast.edge.waiting import Wait
from outlast.model.events import Event
from outlast.ports import Timed


class CrossingWait(Wait):
    """A place to wait on a loop, that any thread may wake."""

    __slots__ = ("_thread",)

    def __init__(self, loop: asyncio.AbstractEventLoop, sweeper: Sweeper) -> None:
        super().__init__(loop, sweeper)
        self._thread = get_ident()

    def wake(self) -> None:
        """Let the waiter go on; nothing happens when its loop is gone."""
        self._woken = True
        if self._thread == get_ident():
            self._go_on()
        else:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._go_on)


class LoopIo:
    """The system's clock and dice, and the sleeps and timers of one event loop."""

    __slots__ = ("_sweeper", "loop")

    now = staticmethod(time.monotonic)
    random = staticmethod(random.random)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._sweeper = Sweeper(time.monotonic, loop.call_later)

    def emit(self, event: Event) -> None:
        """Nobody listens here."""

    async def sleep(self, seconds: float) -> None:
        """Wait at least so long, by the monotonic clock."""
        await self.waiter().wait(self.now() + seconds)

    def watch(self, timed: Timed, due: float) -> None:
        """Arm, move or (with infinity) disarm the one deadline of `timed`."""
        self._sweeper.watch(timed, due)

    def waiter(self) -> CrossingWait:
        """A new place to wait."""
        return CrossingWait(self.loop, self._sweeper)


class _Here(local):
    """What each thread's loop has; a loop that has ended makes room for the next."""

    io: LoopIo | None = None


_HERE = _Here()


def loop_io() -> LoopIo:
    """The world of the loop that runs in this thread.

    Raises:
        RuntimeError: none does.
    """
    loop = asyncio.get_running_loop()
    io = _HERE.io
    if io is None or io.loop is not loop:
        io = _HERE.io = LoopIo(loop)
    return io
