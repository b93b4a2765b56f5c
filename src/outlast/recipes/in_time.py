"""What keeps a function in its time: a coroutine is cancelled, a plain function left behind in its thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from outlast.guard.kinds import kind_of
from outlast.guard.policies import Breaker, Policy, Slots, Timeout

LEFT_BEHIND = 256
"""So many threads may be left behind and still run; then a call is refused, for they would have no end."""


def in_threads() -> Slots:
    """The bound on threads that are left behind: each keeps its slot until it ends."""
    return Slots(LEFT_BEHIND, queue=0)


def around(function: Callable[..., Any], within: float | None, breaker: Breaker | None = None) -> list[Policy]:
    """What goes around a function that has so many seconds; None: as many as it takes."""
    circuit: list[Policy] = [] if breaker is None else [breaker]
    if within is None:
        return circuit
    if kind_of(function) == "function":
        return [in_threads(), *circuit, Timeout(within, in_thread=True)]
    return [*circuit, Timeout(within)]
