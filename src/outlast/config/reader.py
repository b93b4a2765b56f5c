"""Reads plain data, as TOML gives it, into structs; what is wrong is named by its exact path.

`msgspec.convert` does the same for a whole document, but its paths lose the names in tables (`$.routes[...]`), and it
knows neither `${VAR}` nor the mend.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from outlast.config.environment import Environment, expand
from outlast.config.errors import ConfigError, Path, mend
from outlast.model.target import Secret

Shape = TypeVar("Shape", bound=Struct)

_EXPECTED = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
_HIDDEN = {"key", "sha256", "headers", "proxy", "base_url", "store"}
_TOKEN = re.compile(r"(?=[A-Za-z0-9_-]*[0-9])(?=[A-Za-z0-9_-]*[A-Za-z])[A-Za-z0-9_-]{16}")


class Reader:
    """Reads values under one environment. With `strict` off a variable that is not set is empty."""

    __slots__ = ("environment", "strict")

    def __init__(self, environment: Environment, *, strict: bool = True) -> None:
        self.environment = environment
        self.strict = strict

    def struct(self, raw: object, shape: type[Shape], path: Path = (), base: Shape | None = None) -> Shape:
        """The struct that the table `raw` describes. What it does not say is as in `base`, else as `shape` has it."""
        if not isinstance(raw, Mapping):
            raise ConfigError(f"expected a table{_said(raw, path)}", path)
        reader = Reader(self.environment, strict=False) if raw.get("enabled") is False else self
        fields = {item.encode_name: item for item in msgspec.structs.fields(shape)}
        for name in raw:
            if name not in fields:
                raise ConfigError(f'unknown name "{name}"{mend(name, fields)}', (*path, name))
        for name, item in fields.items():
            if item.required and base is None and name not in raw:
                raise ConfigError(f'"{name}" is missing', path)
        values = {} if base is None else msgspec.structs.asdict(base)
        for name in raw:
            item = fields[name]
            values[item.name] = reader.value(raw[name], item.type, (*path, name), item.default)
        try:
            return shape(**values)
        except (ValueError, TypeError) as error:
            raise ConfigError(str(error), path) from None

    def value(self, raw: object, shape: Any, path: Path, default: object = None) -> Any:  # noqa: ANN401
        """The value of type `shape` that `raw` describes; a table changes what `default` says."""
        shape = _plain(shape)
        origin = get_origin(shape)
        if isinstance(shape, type) and issubclass(shape, Struct):
            return self.struct(raw, shape, path, default if isinstance(default, shape) else None)
        if origin is dict:
            return self._table(raw, get_args(shape)[1], path)
        if origin is tuple:
            return self._array(raw, get_args(shape)[0], path)
        return self._leaf(raw, shape, path)

    def _table(self, raw: object, shape: Any, path: Path) -> dict[str, Any]:  # noqa: ANN401
        if not isinstance(raw, Mapping):
            raise ConfigError(f"expected a table{_said(raw, path)}", path)
        return {name: self.value(item, shape, (*path, name)) for name, item in raw.items()}

    def _array(self, raw: object, shape: Any, path: Path) -> tuple[Any, ...]:  # noqa: ANN401
        if not isinstance(raw, list):
            raise ConfigError(f"expected an array{_said(raw, path)}", path)
        return tuple(self.value(item, shape, (*path, place)) for place, item in enumerate(raw))

    def _leaf(self, raw: object, shape: Any, path: Path) -> Any:  # noqa: ANN401
        value, expanded = raw, False
        if isinstance(raw, str):
            try:
                value = expand(raw, self.environment, strict=self.strict)
            except ConfigError as error:
                raise ConfigError(error.problem, path) from None
            expanded = value != raw
        said = "" if expanded else _said(raw, path)
        if shape is Secret:
            if not isinstance(value, str):
                raise ConfigError("expected a text", path)
            return Secret(value)
        try:
            made = msgspec.convert(value, shape, strict=not expanded)
        except msgspec.ValidationError:
            raise ConfigError(_problem(value, shape, said), path) from None
        if isinstance(made, int | float) and not 0 <= made < math.inf:
            raise ConfigError(f"expected a finite number, 0 or more{said}", path)
        return made


def _plain(shape: Any) -> Any:  # noqa: ANN401
    """What is left of `X | None`: TOML has no null, so that whatever is said is X."""
    if get_origin(shape) in {Union, UnionType}:
        given = [item for item in get_args(shape) if item is not type(None)]
        return given[0] if len(given) == 1 else shape
    return shape


def _problem(value: object, shape: Any, said: str) -> str:  # noqa: ANN401
    """Our words for a value that does not fit."""
    if get_origin(shape) is Literal:
        choices = [choice for choice in get_args(shape) if choice]
        close = mend(value, choices) if isinstance(value, str) and said else ""
        asked = close if close.startswith("; did you mean") else ""
        return f"expected one of {', '.join(json.dumps(choice) for choice in choices)}{said}{asked}"
    if get_origin(shape) is Annotated:
        return f"expected {shape.__metadata__[0].description}{said}"
    return f"expected {_EXPECTED.get(shape, 'another value')}{said}"


def _said(raw: object, path: Path) -> str:
    """`, not …` with what was written; nothing where that may be a secret."""
    if any(step in _HIDDEN for step in path) or isinstance(raw, Mapping | list):
        return ""
    text = json.dumps(raw, default=str, ensure_ascii=False)
    return "" if _TOKEN.search(text) or len(text) > 60 else f", not {text}"
