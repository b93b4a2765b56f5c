"""The queue for code with an event loop."""

from __future__ import annotations

import asyncio
import inspect
from types import TracebackType
from typing import Any, Self

from outlast.edge.loops import running_loop
from outlast.queue.desk import Desk
from outlast.queue.standing import Leftover
from outlast.queue.ticket import Ticket
from outlast.queue.work import Callback


class AsyncQueue(Desk):
    """A queue on the event loop that uses it first. `async with` starts it, and drains and stops it at the end.

    Coroutine functions and callbacks run on that loop, plain functions in threads.

    When the block is left by an exception, what has not begun is given back and what runs is cancelled.
    """

    def _home(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = running_loop()
        if self._loop is None:
            raise RuntimeError("use an AsyncQueue from a coroutine first; without a loop use Queue")
        if not self._loop.is_running():
            raise RuntimeError(f"the event loop of the queue {self.name} does not run, so nothing is done in it")
        return self._loop

    async def _calls_back(self, callback: Callback, ticket: Ticket[Any]) -> None:
        answer = callback(ticket)
        if inspect.isawaitable(answer):
            await answer

    def start(self) -> None:
        """Begin to work; again does nothing. Before that, work can be handed in and waits.

        Raises:
            RuntimeError: it has been stopped.
        """
        self._at_home(self._start)

    async def drain(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109  (it is bounded, not cancelled)
        """Wait until all that was accepted is over, callbacks included. Newcomers are refused meanwhile.

        Args:
            timeout: seconds to wait at most; None for as long as it takes.

        Returns:
            Is it all over? If not, the work goes on.
        """
        return await self._drain(timeout)

    async def stop(self, timeout: float | None = None) -> Leftover:  # noqa: ASYNC109  (as above)
        """Refuse newcomers for good, give back what has not begun, and wait for what runs; again says the same.

        Args:
            timeout: seconds after which coroutines that still run are cancelled; None: they are waited for.

        Returns:
            What was given back, and what still runs: plain functions that outlast the timeout.
        """
        return await self._stop(timeout)

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            await self.drain()
        await self.stop(None if kind is None else 0)
