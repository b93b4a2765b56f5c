"""A loop on which an hour passes in an instant: when nothing is ready, the clock jumps to the next timer.

ready callbacks? ── yes ──> run them; no time passes
      │ no
timers? ── yes ──> the clock *is* the moment of the first one
      │ no
  Deadlock: everybody waits for something that nobody will do
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections import deque
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Deadlock(RuntimeError):  # noqa: N818  (a deadlock is one)
    """Tasks wait, and there is no callback and no timer that could ever wake one of them."""


class CallbackFault(RuntimeError):  # noqa: N818  (as `outlast.model.events.Fault`)
    """An exception was raised where nobody awaits it: in a callback, or in a task that was dropped."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock starts at 0 and jumps. With a `seed` other than 0, tasks run in a shuffled order."""

    def __init__(self, seed: int = 0) -> None:
        self._now = 0.0
        self._dice = random.Random(seed) if seed else None  # noqa: S311  (order of tests, no secret)
        self.faults: list[dict[str, Any]] = []
        super().__init__(_Jumping(self))

    def time(self) -> float:
        """Virtual seconds."""
        return self._now

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keeps what nobody awaits, for `run` to raise."""
        self.faults.append(context)

    def jump(self, timeout: float | None) -> None:
        """What the loop does instead of waiting for `timeout` seconds; None means that it would wait for ever."""
        if timeout is None:
            raise Deadlock(f"nothing will ever happen again; waiting: {', '.join(self._waiting()) or 'no task'}")
        if timeout > 0:
            scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
            self._now = max(self._now, scheduled[0].when())
        elif self._dice is not None:
            self._shuffle(self._dice)

    def _shuffle(self, dice: random.Random) -> None:
        """Permute the task steps that are ready. Plain callbacks keep their places."""
        ready: deque[asyncio.Handle] = self._ready  # type: ignore[attr-defined]
        places = [place for place, handle in enumerate(ready) if _is_task_step(handle)]
        handles = [ready[place] for place in places]
        dice.shuffle(handles)
        for place, handle in zip(places, handles, strict=True):
            ready[place] = handle

    def _waiting(self) -> list[str]:
        return sorted(task.get_name() for task in asyncio.all_tasks(self) if not task.done())


class _Jumping(selectors.SelectSelector):
    """Sees real sockets, should there be any, but never waits for them."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready at this moment of virtual time."""
        found = super().select(0)
        if not found:
            self._loop.jump(timeout)
        return found


def run(main: Coroutine[Any, Any, T], *, seed: int = 0) -> T:
    """Runs a coroutine to its end in virtual time, and gives its result.

    Raises:
        Deadlock: nothing could ever have happened again.
        CallbackFault: something failed where nobody awaited it.
    """
    loop = VirtualLoop(seed)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        result = runner.run(main)
    if loop.faults:
        context = loop.faults[0]
        raise CallbackFault(str(context.get("message"))) from context.get("exception")
    return result


def _is_task_step(handle: asyncio.Handle) -> bool:
    callback = getattr(handle, "_callback", None)
    return isinstance(getattr(callback, "__self__", None), asyncio.Task)
