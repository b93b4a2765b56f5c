"""Places to wait: until a moment has come, or until somebody says go."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future
from math import inf

from outlast.edge.sweeper import Sweeper


class Wait:
    """A place to wait until `wake`, or until the deadline. Implements `Waiter` and `Timed`."""

    __slots__ = ("_future", "_loop", "_sweeper", "_woken", "due")

    def __init__(self, loop: AbstractEventLoop, sweeper: Sweeper) -> None:
        self._loop = loop
        self._sweeper = sweeper
        self._future: Future[None] | None = None
        self._woken = False
        self.due = inf

    def wake(self) -> None:
        """Let the waiter go on; once is enough, more does no harm."""
        self._woken = True
        self._go_on()

    def expire(self) -> None:
        """Let the waiter go on without having been woken."""
        self._go_on()

    async def wait(self, due: float) -> bool:
        """True when woken (before or now), False when `due` came first."""
        if not self._woken:
            future = self._future = self._loop.create_future()
            self._sweeper.watch(self, due)
            try:
                await future
            finally:
                self._future = None
                self.due = inf
        return self._woken

    def _go_on(self) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_result(None)
