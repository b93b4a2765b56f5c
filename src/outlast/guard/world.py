"""What a guard asks of the world: less than the engine does, for it sends nothing itself."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from outlast.model.events import Event
from outlast.ports import Timed, Waiter


class World(Protocol):
    """The clock, the dice and places to wait. `outlast.testing.ScriptedIo` is one, for stories in virtual time."""

    def now(self) -> float:
        """Monotonic seconds; never goes back."""
        ...

    def random(self) -> float:
        """A number in [0, 1)."""
        ...

    def emit(self, event: Event) -> None:
        """Tell the sinks. Never raises, never waits."""
        ...

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Wait at least so long."""
        ...

    def watch(self, timed: Timed, due: float) -> None:
        """Arm, move or (with infinity) disarm the one deadline of `timed`."""
        ...

    def waiter(self) -> Waiter:
        """A new place to wait, that any thread may wake."""
        ...
