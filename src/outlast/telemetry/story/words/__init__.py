"""Each fact of a story in words, with the numbers that it was decided by."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from outlast.telemetry.record import fields_of, name_of
from outlast.telemetry.story.units import number
from outlast.telemetry.story.words import answers, choosing, ended, health, kept, ours, repeating, room

TELLERS: dict[type, Callable[..., str]] = {
    **ended.TELLERS,
    **answers.TELLERS,
    **repeating.TELLERS,
    **choosing.TELLERS,
    **health.TELLERS,
    **room.TELLERS,
    **kept.TELLERS,
    **ours.TELLERS,
}


def words_of(event: Struct) -> str:
    """What happened. A kind of event that has no words of its own is told by its name and its fields."""
    teller = TELLERS.get(type(event))
    return teller(event) if teller is not None else _by_name(event)


def _by_name(event: Struct) -> str:
    fields = ", ".join(f"{name} {_short(value)}" for name, value in fields_of(event).items())
    return f"{name_of(event).replace('_', ' ')}: {fields}"


def _short(value: object) -> str:
    return number(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)
