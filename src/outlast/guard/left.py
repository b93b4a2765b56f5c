"""How much time is left, for whatever runs inside a guard: a function that cannot be interrupted can ask."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from math import inf

Clock = Callable[[], float]

DUE: ContextVar[tuple[float, Clock] | None] = ContextVar("outlast_due", default=None)
"""When time is up, and by which clock."""


def time_left() -> float | None:
    """Seconds that the guarded call at hand has left, 0 when its time is up; None when it has no limit.

    The least of all guards around it: use it as the timeout of whatever you call.
    """
    due = DUE.get()
    return None if due is None else max(0.0, due[0] - due[1]())


def outer_due(clock: Clock, now: float) -> float:
    """When the guards around us are out of time, by that clock; infinite when there are none."""
    due = DUE.get()
    if due is None:
        return inf
    moment, its = due
    return moment if its is clock else now + moment - its()


class limited:  # noqa: N801  (a context manager, as those of contextlib)
    """What runs in here has so many seconds, or less where a guard around it says so; infinite: no limit of its own."""

    __slots__ = ("_clock", "_seconds", "_token")

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds

    def __enter__(self) -> None:
        clock, seconds = self._clock, self._seconds
        self._token: Token[tuple[float, Clock] | None] | None = None
        if seconds < inf:
            now = clock()
            self._token = DUE.set((min(now + seconds, outer_due(clock, now)), clock))

    def __exit__(self, *raised: object) -> None:
        if self._token is not None:
            DUE.reset(self._token)
