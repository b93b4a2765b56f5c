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

Clock = Callable[[], float]

DUE: ContextVar[tuple[float, Clock] | None] = ContextVar("outlast_due", default=None)
"""When time is up, and by which clock."""


def time_left() -> float | None:
    """Seconds that are left for what is being done here, 0 when its time is up; None when nobody set a deadline.

    The least of all deadlines around it, those of guards included: use it as the timeout of whatever you call.
    """
    due = DUE.get()
    return None if due is None else max(0.0, due[0] - due[1]())


def smaller(timeout: float | None) -> float | None:
    """The smaller of `timeout` and the time that is left, in seconds; None when neither is bounded."""
    left = time_left()
    if left is None or timeout is None:
        return timeout if left is None else left
    return min(timeout, left)


def enter(at: float, now: Clock) -> Token[tuple[float, Clock] | None]:
    """From here on the deadline is `at`, by the clock `now`, or the one that held before if that is sooner.

    Returns:
        What `leave` takes; without that it holds until the end of the context, such as that of the task.
    """
    outer, left = DUE.get(), time_left()
    sooner = left is not None and left < at - now()
    return DUE.set(outer if sooner else (at, now))


def leave(token: Token[tuple[float, Clock] | None]) -> None:
    """Undo `enter`, in the same context."""
    DUE.reset(token)


def forget() -> None:
    """No deadline holds from here on, for what outlives whoever asked for it."""
    DUE.set(None)


@contextmanager
def within(at: float, now: Clock) -> Generator[None, None, None]:
    """What is done inside has until `at`, by the clock `now`."""
    token = enter(at, now)
    try:
        yield
    finally:
        leave(token)
