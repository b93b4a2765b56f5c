"""The queue for code without an event loop."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

from outlast.edge.background import Background
from outlast.queue.desk import Desk
from outlast.queue.standing import Leftover
from outlast.queue.ticket import Ticket
from outlast.queue.work import Callback, called


class Queue(Desk):
    """A queue for code without an event loop; any number of threads may use one. `with` starts, drains and stops it.

    It lives on the process's background loop, as `Client` does. Coroutine functions run there and must not block;
    plain functions, callbacks among them, run in threads. When the block is left by an exception, what has not begun
    is given back and coroutines that run are cancelled.
    """

    def _home(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = Background().loop()
        return self._loop

    async def _calls_back(self, callback: Callback, ticket: Ticket[Any]) -> None:
        await called(callback, (ticket,), self._threads)

    def start(self) -> None:
        """Begin to work; again does nothing. Before that, work can be handed in and waits.

        Raises:
            RuntimeError: it has been stopped.
        """
        self._at_home(self._start)

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until all that was accepted is over, callbacks included. Newcomers are refused meanwhile.

        Args:
            timeout: seconds to wait at most; None for as long as it takes.

        Returns:
            Is it all over? If not, the work goes on.
        """
        return Background().run(self._drain(timeout))

    def stop(self, timeout: float | None = None) -> Leftover:
        """Refuse newcomers for good, give back what has not begun, and wait for what runs; again says the same.

        Args:
            timeout: seconds after which coroutines that still run are cancelled; None: they are waited for.

        Returns:
            What was given back, and what still runs: plain functions that outlast the timeout.
        """
        return Background().run(self._stop(timeout))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.drain()
        self.stop(None if kind is None else 0)
