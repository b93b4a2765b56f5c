"""A world without an event loop: whoever waits blocks its own thread, and any thread may wake it.

Its coroutines never suspend, so that code written once with `await` can be driven to its end by one `send(None)`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Coroutine
from math import inf
from threading import TIMEOUT_MAX, Event
from typing import Any, TypeVar

from outlast.model import events
from outlast.ports import Timed

T = TypeVar("T")


def driven(coroutine: Coroutine[Any, Any, T]) -> T:
    """What the coroutine gives, which must not suspend.

    Raises:
        RuntimeError: it did, for it waits for something that only an event loop can bring.
    """
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError("without an event loop nothing can be awaited: this io is for coroutines only")


class BlockingWait:
    """A place for one thread to wait. Implements `Waiter`."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = Event()

    def wake(self) -> None:
        """Let the waiter go on."""
        self._event.set()

    async def wait(self, due: float) -> bool:
        """True when woken, False when `due` came first. Blocks the thread."""
        if due == inf:
            return self._event.wait()
        return self._event.wait(min(max(0.0, due - time.monotonic()), TIMEOUT_MAX))


class BlockingIo:
    """The system's clock and dice, and sleeps that block. One is enough for all threads."""

    __slots__ = ()

    now = staticmethod(time.monotonic)
    random = staticmethod(random.random)

    def emit(self, event: events.Event) -> None:
        """Nobody listens here."""

    async def sleep(self, seconds: float) -> None:
        """Block the thread at least so long."""
        time.sleep(seconds)  # noqa: ASYNC251  (that is what it is for)

    def watch(self, timed: Timed, due: float) -> None:
        """Nothing: what blocks a thread cannot be interrupted."""

    def waiter(self) -> BlockingWait:
        """A new place to wait."""
        return BlockingWait()
