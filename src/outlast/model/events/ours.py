"""What goes wrong with ourselves."""

from __future__ import annotations

from msgspec import Struct


class Fault(Struct, frozen=True):
    """Something of our own went wrong, in `call` if that is known; `error` is what and where, never what it said."""

    where: str
    error: str
    call: str = ""


class LoopBlocked(Struct, frozen=True):
    """The event loop did nothing for at least `seconds`: whatever runs on it must not block, ours or the caller's."""

    seconds: float


Ours = Fault | LoopBlocked
