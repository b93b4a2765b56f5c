"""Where an engine works: one event loop of one process."""

from __future__ import annotations

import asyncio

from outlast.build import Outlast
from outlast.edge.io import AsyncIo
from outlast.edge.process import Process
from outlast.engine import Engine


class Home:
    """Keeps an engine to the one event loop and the one process that it works in.

    Args:
        outlast: the engine.

    Attributes:
        outlast: the engine; a fresh one after a fork.
    """

    __slots__ = ("_loop", "_pid", "outlast")

    def __init__(self, outlast: Outlast) -> None:
        self.outlast = outlast
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = Process.pid

    def engine(self) -> Engine:
        """The engine, for the loop that runs.

        Raises:
            RuntimeError: it works on another loop, which still lives.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop or Process.pid != self._pid:
            self._move(loop)
        return self.outlast.engine

    def _move(self, loop: asyncio.AbstractEventLoop) -> None:
        if Process.pid != self._pid:
            # A slot that was held in the parent would never be given back here: the child begins with fresh machines.
            self.outlast = self.outlast.renewed()
        elif self._loop is not None and not self._loop.is_closed():
            raise RuntimeError(
                "this client works on the event loop that used it first: make one for each loop, or use the blocking "
                "Client, which any thread may use"
            )
        self._loop, self._pid = loop, Process.pid
        if isinstance(self.outlast.io, AsyncIo):  # a scripted world has no threads
            self.outlast.start()
