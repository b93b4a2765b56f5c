"""Wakes whoever waits now: a name for a place to wait that is another one each time."""

from __future__ import annotations

from outlast.ports import Io, Waiter


class Bell:
    """One that somebody may wait for, and others ring."""

    __slots__ = ("_waiter",)

    def __init__(self) -> None:
        self._waiter: Waiter | None = None

    def heard_by(self, io: Io) -> Waiter:
        """A place to wait, which is woken by whoever rings from now on."""
        waiter = self._waiter = io.waiter()
        return waiter

    def ring(self) -> None:
        """Something is new."""
        if self._waiter is not None:
            self._waiter.wake()
