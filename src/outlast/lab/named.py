"""A behaviour from a word, a number or JSON: what a model name, a command line or the control endpoint gives.

503                         status(503)                "cut-4-rst"             cut(4, "rst")
"ok"                        ok()                       "stream-cut-4"          cut(4)   ("stream-" is only for reading)
"E31-fin-after-4"           a named fault              {"ok": {"first": 2}}    ok(first=2)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import get_type_hints

import msgspec

from outlast.lab import script
from outlast.lab.bad_json import bad_json
from outlast.lab.faults import FAULTS
from outlast.lab.script import Behaviour

Word = str | int | dict[str, dict[str, object]]
"""A behaviour as a file or JSON says it."""
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
    "bad-json": bad_json,
}

_FAULTS = {name.lower(): fault for name, fault in FAULTS.items()}


def behaviour(spec: Spec, known: Iterable[str] = ()) -> Behaviour:
    """The behaviour that is meant.

    Args:
        spec: the behaviour itself, a status, a word, or a constructor's name with its fields.
        known: words that would also do where this one stands, for the message.

    Raises:
        ValueError: it is not known; one line says what was wrong and how to mend it.
    """
    if isinstance(spec, Behaviour):
        return spec
    if isinstance(spec, int):
        return script.status(spec)
    found = _by_word(spec) if isinstance(spec, str) else _by_fields(spec)
    if found is None:
        raise ValueError(_unknown(spec, known))
    return found


def by_model(model: str) -> Behaviour | None:
    """What a model named "sim-…" asks for; None for every other name."""
    prefix, _, word = model.rpartition("/")[2].partition("-")
    return _by_word(word) if prefix == "sim" else None


def _unknown(spec: str | Mapping[str, Mapping[str, object]], known: Iterable[str]) -> str:
    """Our words for what means nothing: a name that is wrong, or a good one with fields that do not fit."""
    if not isinstance(spec, str) and len(spec) != 1:
        return "a behaviour is one name with its fields"
    said = spec.lower() if isinstance(spec, str) else next(iter(spec))
    for name, make in CONSTRUCTORS.items():
        if said == name or said.startswith(f"{name}-"):
            fields = ", ".join(inspect.signature(make).parameters) or "nothing"
            return f'"{said}" does not fit: {name} takes {fields}'
    there = [*CONSTRUCTORS, *_FAULTS, *known]
    close = get_close_matches(said, there, n=1) or get_close_matches(said.partition("-")[0], there, n=1)
    mended = f'did you mean "{close[0]}"?' if close else f"there are: {', '.join([*known, *CONSTRUCTORS])}"
    return f'unknown behaviour "{said}"; {mended}'


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
