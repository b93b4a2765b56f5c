"""The shape that an answer is to have: a type of the caller's, as a JSON schema and back.

    pydantic model · dataclass · msgspec struct · TypedDict · list[…] of them · a JSON schema as a dict

Pydantic is not imported here: whoever passes one of its models has it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeGuard, TypeVar

import msgspec
from msgspec import Struct

from outlast.extraction.closing import closed, is_strict
from outlast.model.errors import InvalidOutput
from outlast.model.messages import Reply

T = TypeVar("T")

_MOST = 10
"""Of so many mistakes a model is told; more of them have the same cause."""


class Extracted(Struct, Generic[T], frozen=True):
    """What an answer says.

    Attributes:
        value: an instance of the type that was asked for; plain JSON for a JSON schema.
        reply: the whole answer: its target, usage, cost and attempts, those for wrong answers included.
    """

    value: T
    reply: Reply


class Shape(Struct, Generic[T], frozen=True):
    """A type as answers are made of it.

    Attributes:
        schema: what an answer must match.
        name: how the schema is called.
        read: makes an instance of JSON text; raises ValueError when it says more than the schema.
        told: what such an error says, one line for each mistake.
    """

    schema: dict[str, object]
    name: str
    read: Callable[[str], T]
    told: Callable[[Exception], tuple[str, ...]]
    strict: bool = False

    @property
    def response_format(self) -> dict[str, object]:
        """As OpenAI's chat completions ask for it; strict where its rules for that are kept."""
        wanted: dict[str, object] = {"name": self.name, "schema": self.schema}
        if self.strict:
            wanted["strict"] = True
        return {"type": "json_schema", "json_schema": wanted}

    def faults(self, value: object) -> tuple[str, ...]:
        """What the type says against a value that its schema allows."""
        try:
            self.read(msgspec.json.encode(value).decode())
        except ValueError as error:
            return self.told(error)
        return ()

    def value_of(self, reply: Reply) -> T:
        """The instance that this answer is.

        Raises:
            InvalidOutput: it is none: the model declined, or asks for a tool.
        """
        try:
            return self.read(reply.text)
        except ValueError as error:
            raise no_value(reply.finish, reply.target, self.told(error)) from None


def no_value(finish: str, target: str, faults: tuple[str, ...] = ()) -> InvalidOutput:
    """Why there is nothing to make an instance of."""
    wrong = InvalidOutput(
        f"the answer holds no value: it ended with {finish!r}; look at its reply with chat()", code="no_value"
    )
    wrong.target, wrong.faults = target, faults
    return wrong


class _Model(Protocol):
    """A pydantic model, as far as it is needed here."""

    def model_json_schema(self) -> dict[str, object]: ...
    def model_validate_json(self, text: str) -> Any: ...  # noqa: ANN401  (an instance of the caller's class)


def shape_of(schema: type[T] | Mapping[str, object]) -> Shape[T]:
    """The shape that the caller means.

    Raises:
        TypeError: it is none.
    """
    if isinstance(schema, Mapping):
        return Shape(dict(schema), "answer", msgspec.json.decode, _one)
    if _is_model(schema):
        made = schema.model_json_schema()
        return _shape(made, schema, schema.model_validate_json, _each)
    try:
        made = msgspec.json.schema(schema)
        decoder = msgspec.json.Decoder(schema)
    except TypeError as error:
        return _by_pydantic(schema, error)
    return _shape(made, schema, decoder.decode, _one)


def _by_pydantic(schema: type[T], unknown: TypeError) -> Shape[T]:
    """What only pydantic knows, such as a list of its models; whoever has made one has loaded it."""
    pydantic = sys.modules.get("pydantic")
    try:
        if pydantic is None:
            raise unknown
        adapter = pydantic.TypeAdapter(schema)
        return _shape(adapter.json_schema(), schema, adapter.validate_json, _each)
    except (TypeError, RuntimeError):  # pydantic's own errors of this kind are runtime errors
        raise TypeError(
            "schema must be a pydantic model, a dataclass, a msgspec struct, a TypedDict, a list of one of them, or a "
            f"JSON schema: {unknown}"
        ) from None


def _is_model(schema: object) -> TypeGuard[_Model]:
    return hasattr(schema, "model_json_schema") and hasattr(schema, "model_validate_json")


def _shape(
    made: dict[str, Any], of: object, read: Callable[[str], T], told: Callable[[Exception], tuple[str, ...]]
) -> Shape[T]:
    schema = closed(made)
    return Shape(schema, _name(of), read, told, is_strict(schema))


def _name(of: object) -> str:
    """How the type is called, in the signs that names of schemas may have."""
    name = getattr(of, "__name__", "answer")
    return "".join(sign if sign.isascii() and sign.isalnum() else "_" for sign in name)[:64] or "answer"


def _one(error: Exception) -> tuple[str, ...]:
    return (str(error),)


def _each(error: Exception) -> tuple[str, ...]:
    """The mistakes that pydantic lists."""
    listed = getattr(error, "errors", None)
    if listed is None:
        return _one(error)
    rows = listed(include_url=False, include_input=False, include_context=False)[:_MOST]
    return tuple(f"{''.join(f'/{step}' for step in row['loc']) or 'the answer'}: {row['msg']}" for row in rows)
