"""A vendor's refusal of a request, and the shapes that fields must have, told in each vendor's words.

value ──Shape──> Misfit(kind, path) ──openai_words / anthropic_words / …──> Refusal(message, param, code)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, cast

from outlast.lab.answer import Json

Path = tuple[str | int, ...]
Shape = Callable[[object, Path], None]
Kind = Literal["type", "low", "high", "value", "missing", "unknown", "long", "empty"]

_NAMES: dict[str, str] = {"bool": "boolean", "str": "string", "list": "array", "dict": "object", "NoneType": "null"}


class Refusal(Exception):  # noqa: N818  (what the vendor calls it is an error; this is a refusal)
    """The vendor would not take the request: status, words, and the field it is about."""

    def __init__(self, message: str, param: str | None = None, *, status: int = 400, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.status = status
        self.code = code


class Misfit(Exception):  # noqa: N818  (likewise)
    """A value that is not of its shape. `bound` is what would be, `value` what is."""

    def __init__(self, kind: Kind, path: Path, bound: object = None, value: object = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.path = path
        self.bound = bound
        self.value = value


def openai_path(path: Path) -> str:
    """As OpenAI writes it: `messages[0].content`."""
    parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(parts).removeprefix(".")


def anthropic_path(path: Path) -> str:
    """As Anthropic writes it: `messages.0.content`."""
    return ".".join(map(str, path))


def openai_words(misfit: Misfit) -> Refusal:
    """What OpenAI says of it."""
    name, bound, value = openai_path(misfit.path), misfit.bound, misfit.value
    if misfit.kind == "unknown" and len(misfit.path) == 1:
        return Refusal(f"Unrecognized request argument supplied: {name}")
    number = "integer" if isinstance(value, int) else "decimal"
    got = _NAMES.get(type(value).__name__, number)
    said: dict[Kind, tuple[str, str]] = {
        "type": (f"Invalid type for '{name}': expected {bound}, but got {got} instead.", "invalid_type"),
        "low": (
            f"Invalid '{name}': {number} below minimum value. Expected a value >= {bound}, but got {value} instead.",
            f"{number}_below_min_value",
        ),
        "high": (
            f"Invalid '{name}': {number} above maximum value. Expected a value <= {bound}, but got {value} instead.",
            f"{number}_above_max_value",
        ),
        "value": (f"Invalid value: '{value}'. Supported values are: {_listed(bound)}.", "invalid_value"),
        "missing": (f"Missing required parameter: '{name}'.", "missing_required_parameter"),
        "unknown": (f"Unknown parameter: '{name}'.", "unknown_parameter"),
        "long": (f"Invalid '{name}': array too long. The maximum length is {bound}.", "array_above_max_length"),
        "empty": (f"Invalid '{name}': empty array. The minimum length is 1.", "empty_array"),
    }
    message, code = said[misfit.kind]
    return Refusal(message, name, code=code)


def anthropic_words(misfit: Misfit) -> Refusal:
    """What Anthropic says of it."""
    said: dict[Kind, str] = {
        "type": f"Input should be a valid {misfit.bound}",
        "low": f"Input should be greater than or equal to {misfit.bound}",
        "high": f"Input should be less than or equal to {misfit.bound}",
        "value": f"Input should be {_listed(misfit.bound)}",
        "missing": "Field required",
        "unknown": "Extra inputs are not permitted",
        "long": f"List should have at most {misfit.bound} items",
        "empty": "List should have at least 1 item",
    }
    return Refusal(said[misfit.kind], anthropic_path(misfit.path))


def ollama_words(misfit: Misfit) -> Refusal:
    """What Ollama says of it."""
    name, got = ".".join(map(str, misfit.path)), _NAMES.get(type(misfit.value).__name__, "number")
    said: dict[Kind, str] = {
        "type": f"json: cannot unmarshal {got} into Go struct field {name} of type {misfit.bound}",
        "low": f"{name} must be at least {misfit.bound}",
        "high": f"{name} must be at most {misfit.bound}",
        "value": f"{name} must be one of {_listed(misfit.bound)}",
        "missing": f"{name} is required",
        "unknown": f'json: unknown field "{name}"',
        "long": f"{name} must have at most {misfit.bound} items",
        "empty": f"{name} must not be empty",
    }
    return Refusal(said[misfit.kind])


def flag(value: object, path: Path) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise Misfit("type", path, "boolean", value)


def anything(value: object, path: Path) -> None:
    """Whatever it is."""


def text(value: object, path: Path) -> None:
    """Words."""
    if not isinstance(value, str):
        raise Misfit("type", path, "string", value)


def table(value: object, path: Path) -> None:
    """An object, whatever is in it."""
    if not isinstance(value, dict):
        raise Misfit("type", path, "object", value)


def number(low: float, high: float) -> Shape:
    """A number within bounds."""

    def look(value: object, path: Path) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Misfit("type", path, "number", value)
        _bounded(value, low, high, path)

    return look


def integer(low: int, high: float = float("inf")) -> Shape:
    """A whole number within bounds."""

    def look(value: object, path: Path) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Misfit("type", path, "integer", value)
        _bounded(value, low, high, path)

    return look


def one_of(*values: str) -> Shape:
    """One of these words."""

    def look(value: object, path: Path) -> None:
        if value not in values:
            raise Misfit("value", path, values, value)

    return look


def matching(pattern: str) -> Shape:
    """Words of that pattern."""

    def look(value: object, path: Path) -> None:
        text(value, path)
        if not re.fullmatch(pattern, str(value)):
            raise Misfit("value", path, (pattern,), value)

    return look


def items(shape: Shape, *, least: int = 0, most: float = float("inf")) -> Shape:
    """A list of things of one shape."""

    def look(value: object, path: Path) -> None:
        if not isinstance(value, list):
            raise Misfit("type", path, "array", value)
        if len(value) < least:
            raise Misfit("empty", path)
        if len(value) > most:
            raise Misfit("long", path, most)
        for place, item in enumerate(value):
            shape(item, (*path, place))

    return look


def fields(known: Mapping[str, Shape], *, needed: Sequence[str] = (), more: bool = False) -> Shape:
    """An object with these fields, of which some are needed and none may be others; null is as good as none."""

    def look(value: object, path: Path) -> None:
        table(value, path)
        given = cast("Json", value)
        for name in needed:
            if given.get(name) is None:
                raise Misfit("missing", (*path, name))
        for name, inner in given.items():
            if name not in known and not more:
                raise Misfit("unknown", (*path, name))
            if name in known and inner is not None:
                known[name](inner, (*path, name))

    return look


def by_type(shapes: Mapping[str, Shape], *, key: str = "type") -> Shape:
    """An object whose shape depends on what it says it is."""

    def look(value: object, path: Path) -> None:
        table(value, path)
        kind = cast("Json", value).get(key)
        if kind is None:
            raise Misfit("missing", (*path, key))
        if not isinstance(kind, str) or kind not in shapes:
            raise Misfit("value", (*path, key), tuple(shapes), kind)
        shapes[kind](value, path)

    return look


def words_or(shape: Shape) -> Shape:
    """Plain words, or something else."""

    def look(value: object, path: Path) -> None:
        if not isinstance(value, str):
            shape(value, path)

    return look


def _bounded(value: float, low: float, high: float, path: Path) -> None:
    if value < low:
        raise Misfit("low", path, low, value)
    # Written so that NaN is refused, too.
    if not value <= high:
        raise Misfit("high", path, high, value)


def _listed(values: object) -> str:
    return ", ".join(f"'{value}'" for value in values) if isinstance(values, tuple) else str(values)
