"""A behaviour from a word, a number or JSON: what a model name, a command line or the control endpoint gives.

503                         status(503)                "cut-4-rst"             cut(4, "rst")
"ok"                        ok()                       "stream-cut-4"          cut(4)   ("stream-" is only for reading)
"E31-fin-after-4"           a named fault              {"ok": {"first": 2}}    ok(first=2)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import get_type_hints

import msgspec

from outlast.lab import script
from outlast.lab.faults import FAULTS
from outlast.lab.script import Behaviour

Spec = Behaviour | int | str | Mapping[str, Mapping[str, object]]

CONSTRUCTORS: dict[str, Callable[..., Behaviour]] = {
    "ok": script.ok,
    "stream": script.ok,
    "status": script.status,
    "throttled": script.throttled,
    "reset": script.reset,
    "hang-up": script.hang_up,
    "silent": script.silent,
    "unreachable": script.unreachable,
    "stall": script.stall,
    "cut": script.cut,
    "ended": script.ended,
    "garbled": script.garbled,
    "torn": script.torn,
    "error-event": script.error_event,
    "pings": script.pings,
    "drip": script.drip,
    "slow-headers": script.slow_headers,
    "empty": script.empty,
    "html": script.html,
    "truncated-json": script.truncated_json,
    "not-http": script.not_http,
    "done-only": script.done_only,
    "no-done": script.no_done,
    "endless": script.endless,
}

_FAULTS = {name.lower(): fault for name, fault in FAULTS.items()}


def behaviour(spec: Spec) -> Behaviour:
    """The behaviour that is meant. Raises `ValueError` with what there is when it is not known."""
    if isinstance(spec, Behaviour):
        return spec
    if isinstance(spec, int):
        return script.status(spec)
    found = _by_word(spec) if isinstance(spec, str) else _by_fields(spec)
    if found is None:
        raise ValueError(f"unknown behaviour; there are: {', '.join([*CONSTRUCTORS, *FAULTS])}")
    return found


def by_model(model: str) -> Behaviour | None:
    """What a model named "sim-…" asks for; None for every other name."""
    prefix, _, word = model.rpartition("/")[2].partition("-")
    return _by_word(word) if prefix == "sim" else None


def _by_word(word: str) -> Behaviour | None:
    plain = word.lower().removeprefix("stream-")
    if plain in _FAULTS:
        return _FAULTS[plain]
    for name, make in CONSTRUCTORS.items():
        if plain == name or plain.startswith(f"{name}-"):
            return _made(make, [text for text in plain[len(name) + 1 :].split("-") if text], {})
    return None


def _by_fields(spec: Mapping[str, Mapping[str, object]]) -> Behaviour | None:
    (name, fields), *more = spec.items()
    make = CONSTRUCTORS.get(name)
    return None if make is None or more else _made(make, [], fields)


def _made(make: Callable[..., Behaviour], values: list[str], fields: Mapping[str, object]) -> Behaviour | None:
    """Calls a constructor if what is given fits it."""
    hints = get_type_hints(make)
    try:
        given = inspect.signature(make).bind(*values, **fields).arguments
        return make(**{name: msgspec.convert(value, hints[name], strict=False) for name, value in given.items()})
    except (TypeError, msgspec.ValidationError):
        return None
