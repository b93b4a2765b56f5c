"""An event as a flat record with a name, and back: what a log holds of it, and what a story is made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import get_args

import msgspec
from msgspec import Struct

from outlast.model.events import Event

LONGEST = 256
"""Characters of one value; names that callers choose can be longer."""
SAYS_NOTHING: tuple[object, ...] = (None, "", ())


class Unknown(Struct, frozen=True):
    """An event that this version does not know, such as one of a later version's log."""

    name: str
    call: str
    fields: dict[str, object]


def name_of(event: Struct) -> str:
    """How a kind of event is called in a log: `retry_scheduled`."""
    return event.name if isinstance(event, Unknown) else _snake(type(event).__name__)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


KINDS: dict[str, type[Struct]] = {_snake(kind.__name__): kind for kind in get_args(Event)}
"""The kinds of events by their names."""


def fields_of(event: Struct) -> dict[str, object]:
    """What an event says: numbers rounded to a millionth, long words cut, without its call and what says nothing."""
    if isinstance(event, Unknown):
        return event.fields
    names = event.__struct_fields__
    needed = names[: len(names) - len(event.__struct_defaults__)]
    said = ((name, getattr(event, name)) for name in names if name != "call")
    return {name: _plain(value) for name, value in said if name in needed or value not in SAYS_NOTHING}


def _plain(value: object) -> object:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, str):
        return value[:LONGEST]
    return msgspec.to_builtins(value)


def event_of(name: str, call: str, fields: Mapping[str, object]) -> Struct:
    """The event that a record was made of; `Unknown` when this version has no such event, or it has other fields."""
    kind = KINDS.get(name)
    if kind is not None:
        try:
            return msgspec.convert({**fields, "call": call}, kind)
        except msgspec.ValidationError:
            pass
    return Unknown(name, call, dict(fields))
