"""The deadline of whatever is being done just now, for everything below that can wait: a context variable.

    with within(now() + 2.0, now):
        time_left()        ≤ 2.0; clients, guards and queues inside take the smaller of this and their own

A deadline inside another one is the smaller of both. It goes where context variables go: into tasks that are made
here, into `asyncio.to_thread`, and not into threads that are started by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import NamedTuple


class Deadline(NamedTuple):
    """A moment, and the clock that it is a moment of."""

    at: float
    now: Callable[[], float]

    def left(self) -> float:
        """Seconds until then; 0 once it has passed."""
        return max(0.0, self.at - self.now())


_current: ContextVar[Deadline | None] = ContextVar("outlast_deadline", default=None)


def time_left() -> float | None:
    """Seconds that are left for what is being done here; 0 when the time is over, None when nobody set a deadline."""
    deadline = _current.get()
    return None if deadline is None else deadline.left()


def smaller(timeout: float | None) -> float | None:
    """The smaller of `timeout` and the time that is left, in seconds; None when neither is bounded."""
    left = time_left()
    if left is None or timeout is None:
        return timeout if left is None else left
    return min(timeout, left)


def enter(at: float, now: Callable[[], float]) -> Token[Deadline | None]:
    """From here on the deadline is `at`, by the clock `now`, or the one that held before if that is sooner.

    Returns:
        What `leave` takes; without that it holds until the end of the context, such as that of the task.
    """
    outer = _current.get()
    sooner = outer is not None and outer.left() < at - now()
    return _current.set(outer if sooner else Deadline(at, now))


def leave(token: Token[Deadline | None]) -> None:
    """Undo `enter`, in the same context."""
    _current.reset(token)


def forget() -> None:
    """No deadline holds from here on, for what outlives whoever asked for it."""
    _current.set(None)


@contextmanager
def within(at: float, now: Callable[[], float]) -> Generator[None, None, None]:
    """What is done inside has until `at`, by the clock `now`."""
    token = enter(at, now)
    try:
        yield
    finally:
        leave(token)
