"""JSON in and out, with every way of being wrong turned into a failure in our own words.

What a caller sent wrong is a `Caller` that names the field; what a provider sent wrong is a `BadResponse`. Also here:
the fields that no caller may pass on, because they name an address or a key.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Raw

from outlast.model.errors import BadResponse, Caller

A = TypeVar("A")
T = TypeVar("T")

Count = Annotated[int, Meta(ge=0, le=10**12)]
"""A number of tokens as a provider may tell it."""
Limit = Annotated[int, Meta(ge=1, le=2**31)]
"""The most output tokens that a caller allows."""
Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""An integer that every JSON reader takes."""

BROKEN = (msgspec.MsgspecError, RecursionError, ValueError)
"""What decoding raises on bytes that are not what was expected: wrong syntax or types, depth, wrong UTF-8."""

ADDRESSES = frozenset({
    "api_base", "api_key", "api_type", "api_version", "base_url", "custom_llm_provider", "endpoint", "extra_body",
    "extra_headers", "extra_query", "headers", "host", "organization", "proxies", "proxy", "url",
})  # fmt: skip
"""Fields by which a caller would name an address, a key or a header to some gateways; never sent on."""

TRUE = Raw(b"true")
FALSE = Raw(b"false")

_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_ANY = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()

_TOO_DEEP = "the body is nested too deeply"
_PLACE = re.compile(r"^(.*?)(?: - at `\$(.*)`)?$", re.DOTALL)
_MISSING = re.compile(r"missing required field `(\w+)`")
_EXPECTED = re.compile(r"^Expected `([^`]+)`(?: (?:of length )?([<>]=? -?\d+))?(?:, got `([^`]+)`)?")


def ask(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """What a caller's body says. Raises `Caller`."""
    try:
        return decoder.decode(body)
    except BROKEN as error:
        raise _refusal(error, body) from None


def answer(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """What a provider's body says. Raises `BadResponse`."""
    try:
        return decoder.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except BROKEN:
        raise BadResponse("the answer is not what the provider's protocol says" if body else "empty answer") from None


def said(body: bytes) -> object:
    """The plain value of a piece of a provider's JSON. Raises `BadResponse`."""
    return answer(_ANY, body)


def demand_utf8(body: bytes) -> None:
    """Raises `BadResponse` for bytes on which a caller's SDK would choke, wherever in an answer they stand."""
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError:
            raise BadResponse("the answer is not UTF-8") from None


def fields(body: bytes) -> dict[str, Raw]:
    """The fields of a caller's body, unread. Raises `Caller`."""
    return ask(_FIELDS, body)


def value(raw: Raw | bytes) -> object:
    """The plain value of a piece of a caller's JSON. Raises `Caller`."""
    return ask(_ANY, bytes(raw))


def nested(make: Callable[[A], T], content: A) -> T:
    """What `make`, which looks into all that is nested, makes of this. Raises `Caller` where it is too deep."""
    try:
        return make(content)
    except RecursionError:
        raise Caller(_TOO_DEEP) from None


def take_out(fields: dict[str, Raw], names: frozenset[str], dropped: list[str]) -> None:
    """Remove these fields, and name in `dropped` those that were there."""
    for name in sorted(names & fields.keys()):
        del fields[name]
        dropped.append(name)


def name_unknown(rows: object, known: frozenset[str], place: str, extra: dict[str, object]) -> None:
    """Name in `extra` the keys of these objects that we do not know, and that say something."""
    for row in rows if isinstance(rows, list) else [rows]:
        if isinstance(row, dict):
            extra.update((f"{place}.{key}", True) for key in row.keys() - known if not says_nothing(row[key]))


def says_nothing(value: object) -> bool:
    """Is this the same as not being there? Then nobody need be told that it was left out."""
    return value is None or value is False or value in ("", [], {}) or (value == 0 and not isinstance(value, bool))


def dumps(content: object) -> bytes:
    """The JSON of anything we hold; what UTF-8 cannot say becomes a question mark."""
    try:
        return _ENCODER.encode(content)
    except UnicodeEncodeError:
        return _ENCODER.encode(_clean(msgspec.to_builtins(content)))


def _clean(content: object) -> object:
    if isinstance(content, str):
        return content.encode("utf-8", "replace").decode()
    if isinstance(content, dict):
        return {_clean(key): _clean(item) for key, item in content.items()}
    if isinstance(content, (list, tuple)):
        return [_clean(item) for item in content]
    return content


def _refusal(error: Exception, body: bytes) -> Caller:
    """Our words for what is wrong with a caller's body; never its content."""
    if not body.strip():
        return Caller("the body is empty; send a JSON object")
    if isinstance(error, RecursionError):
        return Caller(_TOO_DEEP)
    if not isinstance(error, msgspec.ValidationError):
        return Caller("the body is not valid JSON in UTF-8")
    match = _PLACE.match(str(error))
    problem, place = (match[1], (match[2] or "").lstrip(".")) if match else ("", "")
    return Caller(_problem(problem, place))


def _problem(problem: str, place: str) -> str:
    if missing := _MISSING.search(problem):
        return f"{place}.{missing[1]} is required" if place else f"{missing[1]} is required"
    if not place:
        return "the body must be a JSON object"
    expected = _EXPECTED.match(problem)
    if expected is None:
        return f"{place}: the value is out of range" if "range" in problem else f"{place}: the value is not known"
    kind, bound, got = expected.groups()
    if bound:
        return f"{place} must not be empty" if bound == ">= 1" and kind != "int" else f"{place} must be {bound}"
    return f"{place} must be {kind.replace(' | ', ' or ')}, not {got}"
