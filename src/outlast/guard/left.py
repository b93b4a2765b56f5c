"""How much time is left, for whatever runs inside a guard: a function that cannot be interrupted can ask."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
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
