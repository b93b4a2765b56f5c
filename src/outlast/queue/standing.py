"""What there is to tell of a queue: how much is where, and what is left when it stops."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from msgspec import Struct

from outlast.model.caller import Priority
from outlast.queue.ticket import Ticket


class QueueState(Struct, frozen=True):
    """How much of all that was handed in is where. `submitted` is the sum of all others."""

    submitted: int
    waiting: dict[Priority, int]
    """By class."""
    running: int
    done: int
    failed: int
    """It raised, or ran out of its time."""
    cancelled: int
    rejected: int
    """Refused at once, or not begun in time."""
    given_back: int
    """Not begun when the queue stopped."""


class Leftover(Struct, frozen=True):
    """What a stopped queue has not finished."""

    given_back: tuple[Ticket[Any], ...] = ()
    """Never begun: `ticket.fn(*ticket.args)` is yours again."""
    running: tuple[Ticket[Any], ...] = ()
    """Still under way: plain functions, whose threads nobody can interrupt."""


class Alarm:
    """Calls when it is time. Implements `Timed`."""

    __slots__ = ("_ring", "due")

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self.due = inf

    def expire(self) -> None:
        """It is time."""
        self._ring()
