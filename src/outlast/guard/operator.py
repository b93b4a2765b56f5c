"""An operator's hand on a guard's circuits, whatever they think themselves."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from outlast.guard.desk import Desk
from outlast.layers.breaker import Override, State


class Operator:
    """Holds a guard's circuits open, lets everything pass, or only looks on. For all keys, also those to come."""

    __slots__ = ("_desk", "_now")

    def __init__(self, desk: Desk, now: Callable[[], float]) -> None:
        self._desk = desk
        self._now = now

    def force_open(self, seconds: float = inf) -> None:
        """Refuse every call, for so many seconds or until `release`."""
        self._rule("forced_open", self._now() + seconds)

    def disable(self) -> None:
        """Let every call pass; nothing opens."""
        self._rule("disabled")

    def observe(self) -> None:
        """Let every call pass, and go on counting."""
        self._rule("observe")

    def release(self) -> None:
        """As usual again, and closed."""
        self._rule(None)

    def state(self, key: str | None = None) -> State | Override | None:
        """What the circuit of that key is; None where there is no breaker."""
        breaker = self._desk.machines(key, self._now()).breaker
        return None if breaker is None else breaker.override or breaker.state

    def _rule(self, override: Override | None, until: float = inf) -> None:
        self._desk.operate(override, self._now(), until)
