"""Models that are bad at JSON: they answer with the instance of a schema that is asked for, and spoil it.

fences      ```json … ```                      talks    words before and behind it
types       numbers where texts belong, …      cut      half of it, and says that it is done
never       other words                        learns   wrong types, until it is told what is wrong
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Literal, cast

from outlast.lab.answer import Asked, Json, last_text, plain
from outlast.lab.instance import instance
from outlast.lab.script import Behaviour, ok
from outlast.lab.steps import Step
from outlast.lab.wanted_json import schema_in

Manner = Literal["fences", "talks", "types", "cut", "never", "learns"]


def bad_json(manner: Manner = "fences", *, between: float = 0.0) -> Behaviour:
    """An answer in JSON, spoilt in that `manner`; `between` seconds pass between its pieces."""

    def play(asked: Asked) -> Iterator[Step]:
        yield from ok(_said(asked, manner), between=between).play(asked)

    return Behaviour(f"bad-json-{manner}", play)


def _said(asked: Asked, manner: Manner) -> str:
    read = plain(asked)
    schema = schema_in(read.body, read.vendor)
    value = instance(schema) if schema is not None else {}
    if manner == "learns" and "<report>" in last_text(read):
        return json.dumps(value)
    return _MANNERS[manner](value)


def _mistyped(value: object) -> object:
    """The same, with each leaf of another type."""
    if isinstance(value, dict) and value:
        return {key: _mistyped(inner) for key, inner in cast("Json", value).items()}
    if isinstance(value, list) and value:
        return [_mistyped(inner) for inner in value]
    return 7 if isinstance(value, (str, dict, list)) else "seven"


_MANNERS: dict[Manner, Callable[[object], str]] = {
    "fences": lambda value: f"```json\n{json.dumps(value, indent=2)}\n```",
    "talks": lambda value: f"Sure! With {{all}} that you asked for: {json.dumps(value)} Anything else?",
    "types": lambda value: json.dumps(_mistyped(value)),
    "cut": lambda value: json.dumps(value)[: len(json.dumps(value)) // 2],
    "never": lambda _: "I would rather talk about the weather.",
    "learns": lambda value: json.dumps(_mistyped(value)),
}
