"""What routing may know of a target without asking for a permit."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from outlast.model.target import Target


class Standing(Struct, frozen=True):
    """What may be expected of a target now: seconds until it is ready, and whether waiting is of use."""

    wait: float = 0.0
    waitable: bool = True
    open: bool = False
    """Is it the circuit that is open? Then an early probe may be had."""
    reason: str = ""


READY = Standing()

Peek = Callable[[Target, float], Standing]
