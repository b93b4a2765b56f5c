"""One event loop in a thread of its own, for callers that have none.

All of a process share it. After a fork the child makes a new one: a thread does not survive that.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar

from outlast.edge.loops import running_loop
from outlast.edge.process import Process

T = TypeVar("T")


class Background:
    """Runs coroutines on the process's background loop, from any thread."""

    _lock = threading.Lock()
    _loop: asyncio.AbstractEventLoop | None = None
    _pid = 0
    _abandoned: ClassVar[list[asyncio.AbstractEventLoop]] = []
    """Loops of a parent process: never touched, and never collected, which would complain that they are open."""

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What the coroutine gives. Interrupting the caller cancels it.

        Raises:
            RuntimeError: called on the background loop itself, which would wait for ever.
        """
        loop = self.loop()
        if running_loop() is loop:
            coroutine.close()
            raise RuntimeError("a blocking call on the background loop would never end: use AsyncClient there")
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    @classmethod
    def loop(cls) -> asyncio.AbstractEventLoop:
        """The process's background loop, which is started when it is first asked for."""
        with cls._lock:
            if cls._loop is None or cls._pid != Process.pid:
                if cls._loop is not None:
                    cls._abandoned.append(cls._loop)
                cls._loop = asyncio.new_event_loop()
                cls._pid = Process.pid
                threading.Thread(target=cls._loop.run_forever, name="outlast", daemon=True).start()
            return cls._loop


def _after_fork() -> None:
    """The lock may have been held by a thread that does not exist in the child."""
    Background._lock = threading.Lock()  # noqa: SLF001


os.register_at_fork(after_in_child=_after_fork)
