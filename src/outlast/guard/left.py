"""How much time is left, for whatever runs inside a guard: a function that cannot be interrupted can ask."""

from __future__ import annotations

from math import inf

from outlast.edge.deadline import DUE, Clock, enter, leave

__all__ = ["DUE", "Clock", "limited", "outer_due"]


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
        self._token = enter(clock() + seconds, clock) if seconds < inf else None

    def __exit__(self, *raised: object) -> None:
        if self._token is not None:
            leave(self._token)
