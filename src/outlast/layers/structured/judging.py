"""Is an answer what was asked for? A validator of the caller's schema, and its verdicts in words.

Schemas come from callers: nothing is fetched for a `$ref`, no pattern can run away, and `format` says what is meant but
is not checked, as the draft has it. The library that does it is loaded when the first schema comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from outlast.layers.structured.config import StructuredConfig
from outlast.layers.structured.finding import Document, Found, find
from outlast.model.errors import Caller
from outlast.model.messages import Chat, Request, Schema

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

Reason = Literal["no json", "cut off", "mismatch"]
ANY_OBJECT: dict[str, object] = {"type": "object"}
_KEPT = 256
"""Schemas whose validators are kept."""


class Fault(Struct, frozen=True):
    """Something that is wrong with an answer.

    Attributes:
        words: what, for whom the answer belongs to: may say what stands in it.
        safe: the keyword that it breaks and where, in names that the schema has; fit for a log.
    """

    words: str
    safe: str


class Verdict(Struct, frozen=True):
    """What is to be said of an answer: the document that it is, or what is wrong with it."""

    document: Document | None = None
    reason: Reason = "mismatch"
    faults: tuple[Fault, ...] = ()


Errors = Callable[[object], "Iterable[ValidationError]"]


class Wanted:
    """What one request wants of its answer.

    Args:
        schema: what the answer must match.
        accepts: tells what is wrong with a value that the schema allows, for callers who know more than it says.
        config: how much is told of what is wrong.

    Raises:
        Caller: the schema is none.
    """

    __slots__ = ("_accepts", "_config", "_errors", "_names", "schema")

    def __init__(
        self, schema: Schema, accepts: Callable[[object], tuple[str, ...]] | None, config: StructuredConfig
    ) -> None:
        self.schema = schema
        self._accepts = accepts
        self._config = config
        self._errors, self._names = _validator(msgspec.json.encode(schema.schema or ANY_OBJECT))

    def judge(self, text: str) -> Verdict:
        """The last document in this text that matches, or what is wrong with the last one that does not."""
        found = find(text) if len(text) <= self._config.longest else Found()
        faults: tuple[Fault, ...] = ()
        for document in reversed(found.documents):
            wrong = self._wrong(document.value)
            if not wrong:
                return Verdict(document)
            faults = faults or wrong
        if found.cut:
            return Verdict(reason="cut off", faults=(Fault("the answer ends before its JSON is whole", "cut off"),))
        if not faults:
            return Verdict(reason="no json", faults=(Fault("the answer holds no JSON document", "no JSON"),))
        return Verdict(faults=faults)

    def _wrong(self, value: object) -> tuple[Fault, ...]:
        config, faults = self._config, []
        for fault in self._all_wrong(value):
            faults.append(Fault(fault.words[: config.longest_fault], fault.safe))
            if len(faults) == config.most_faults:
                break
        return tuple(faults)

    def _all_wrong(self, value: object) -> Iterator[Fault]:
        none = True
        try:
            for error in self._errors(value):
                none = False
                yield from self._told(error)
        except (ValueError, RecursionError):
            none = False
            yield Fault("the answer is nested too deeply", "nested too deeply")
        if none and self._accepts is not None:
            yield from (Fault(words, "refused by the caller's own type") for words in self._accepts(value))

    def _told(self, error: ValidationError) -> Iterator[Fault]:
        place = "".join(f"/{step}" for step in error.instance_path) or "the answer"
        known = "".join(f"/{step if self._knows(step) else '*'}" for step in error.instance_path) or "/"
        yield Fault(f"{place}: {error.message}", f"{error.kind.name} at {known}")
        branches: list[list[ValidationError]] = getattr(error.kind, "context", [])
        if branches:
            nearest = max(branches, key=lambda errors: max((len(e.instance_path) for e in errors), default=inf))
            for inner in nearest[:2]:
                yield from self._told(inner)

    def _knows(self, step: object) -> bool:
        return isinstance(step, int) or step in self._names


def wanted_of(request: Request, config: StructuredConfig) -> Wanted | None:
    """What the request wants of its answer; None where that is anything.

    Raises:
        Caller: its schema is none, or several answers are asked for at once.
    """
    if request.operation != "chat":
        return None
    if request.choices > 1:
        raise Caller("n: one answer at a time is held to its schema; leave n out, and ask once for each answer")
    chat = request.content()
    if not isinstance(chat, Chat) or chat.schema is None:
        return None
    return Wanted(chat.schema, request.accepts, config)


@lru_cache(maxsize=_KEPT)
def _validator(encoded: bytes) -> tuple[Errors, frozenset[str]]:
    """What finds the errors of a value, and the names of properties that the schema knows."""
    from jsonschema_rs import ReferencingError, ValidationError, validator_for  # noqa: PLC0415  (70 ms, 15 MB)

    schema: dict[str, object] = msgspec.json.decode(encoded)
    try:
        validator = validator_for(schema, offline=True, validate_formats=False, mask="it")
    except ValidationError as error:
        place = "".join(f"/{step}" for step in error.instance_path)
        raise Caller(f"the JSON schema cannot be used{_mend(place)}") from None
    except (ReferencingError, ValueError, RecursionError):
        raise Caller("the JSON schema cannot be used: it is nested too deeply; make it flatter, with $defs") from None
    return validator.iter_errors, frozenset(_names(schema))


def _mend(place: str) -> str:
    """What is wrong there; what is wrong nowhere is a reference that leads out of the schema, or to nothing in it."""
    if not place:
        return ": every $ref and $schema must point into the schema itself, or to a published draft"
    return f" at {place}: it does not follow the JSON Schema draft; correct it there"


def _names(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            yield from properties
        for inner in schema.values():
            yield from _names(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _names(inner)
