"""Earlier answers: what a request refers to, what is remembered of an answer, and the request with that in its place.

    {previous_response_id, input: [item_reference, …]} ─▶ Reference ─ what was remembered ─▶ {input: [item, item, …]}

What is put in place has no ids of messages and calls: elsewhere they mean nothing, and OpenAI looks for what they name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Raw, Struct

from outlast.dialects import sse, wire

T = TypeVar("T")

_NOTHING = Raw(b"null")
_NAMED = frozenset({"message", "function_call"})
"""Types of items that are whole without their id."""


class Refers(Struct):
    """What of a request matters to who remembers answers.

    Attributes:
        input: as the caller wrote it, unread.
        previous_response_id: the answer that it goes on from.
        store: False where the caller wants nothing to be kept.
    """

    input: Raw = _NOTHING
    previous_response_id: str | None = None
    store: Any = None


class Turn(Struct):
    """What is remembered of one answer.

    Attributes:
        response: all of it, as the caller got it.
        input: what it answers: a text or a list of items, without what came before.
        previous: the answer that it went on from; empty where there was none.
        keeper: the provider that keeps it too; empty where none does.
    """

    response: Raw
    input: Raw
    previous: str = ""
    keeper: str = ""


class Item(Struct):
    """One item of an answer, and who keeps it too."""

    item: Raw
    keeper: str = ""


class _Said(Struct):
    """What must be known of an answer; one that is made in the background is none yet."""

    id: str
    output: list[Raw]
    status: Literal["completed", "incomplete"] | None = None


class _Event(Struct):
    type: str = ""
    response: Raw = _NOTHING


class _Named(Struct):
    type: Any = "message"
    id: Any = None
    encrypted_content: Any = None


_REFERS = msgspec.json.Decoder(Refers)
_RAWS = msgspec.json.Decoder(list[Raw])
_NAME = msgspec.json.Decoder(_Named)
_SAID = msgspec.json.Decoder(_Said)
_EVENT = msgspec.json.Decoder(_Event)
_TURN = msgspec.json.Decoder(Turn)
_ITEM = msgspec.json.Decoder(Item)
_ENDS = frozenset({"response.completed", "response.incomplete"})


# -- requests --------------------------------------------------------------------------------------------------


def refers(body: bytes) -> Refers:
    """What of this request matters here. Raises `Caller`."""
    return wire.ask(_REFERS, body)


def items_in(given: Raw) -> list[Raw]:
    """The items of an input, which may be a mere text. Raises `Caller`."""
    if bytes(given).startswith(b"["):
        return wire.ask(_RAWS, bytes(given))
    text = wire.value(given)
    if not text:
        return []
    return [Raw(wire.dumps({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}))]


def referred(items: Sequence[Raw]) -> list[str]:
    """The ids that these items refer to, each once."""
    return list(dict.fromkeys(name for item in items if (name := _referred(item))))


def _referred(item: Raw) -> str:
    if b"item_reference" not in bytes(item):
        return ""
    named = wire.ask(_NAME, bytes(item))
    return named.id if named.type == "item_reference" and isinstance(named.id, str) else ""


def in_place(items: Sequence[Raw], found: Mapping[str, Item]) -> list[Raw]:
    """These items, with what was found in place of what refers to it."""
    placed = []
    for item in items:
        known = found.get(_referred(item)) if found else None
        given = item if known is None else inline(known)
        if given is not None:
            placed.append(given)
    return placed


def inline(known: Item) -> Raw | None:
    """An item of an earlier answer as a request may hold it; None for thoughts that only their keeper can look up."""
    named = wire.ask(_NAME, bytes(known.item))
    if named.type == "reasoning":
        return None if known.keeper and not named.encrypted_content else known.item
    if named.type not in _NAMED:
        return known.item
    fields = wire.fields(bytes(known.item))
    fields.pop("id", None)
    return Raw(wire.dumps(fields))


def filled(body: bytes, items: Sequence[Raw], previous: str) -> bytes:
    """The same request with these items as its input, going on from that answer or from none."""
    fields = wire.fields(body)
    fields["input"] = Raw(wire.dumps(items))
    if previous:
        fields["previous_response_id"] = Raw(wire.dumps(previous))
    else:
        fields.pop("previous_response_id", None)
    return wire.dumps(fields)


# -- answers ---------------------------------------------------------------------------------------------------


def response_in(piece: bytes) -> bytes:
    """The response in the last piece of a stream; empty where it is not there."""
    for data in reversed(sse.Events().feed(piece)):
        try:
            event = _EVENT.decode(data)
        except wire.BROKEN:
            return b""
        if event.type in _ENDS:
            return bytes(event.response)
    return b""


def output_of(response: bytes) -> tuple[str, list[Raw]]:
    """Id and items of an answer; an empty id where it is none that could be remembered."""
    try:
        said = _SAID.decode(response)
    except wire.BROKEN:
        return "", []
    return said.id, said.output


def names_of(items: Sequence[Raw]) -> Iterator[tuple[str, Raw]]:
    """Those items that have an id, by it."""
    for item in items:
        try:
            id_ = _NAME.decode(item).id
        except wire.BROKEN:
            continue
        if isinstance(id_, str) and id_:
            yield id_, item


def said_in(turn: Turn) -> list[Raw]:
    """What was asked and answered in that turn, as a later request may hold it."""
    _, output = output_of(bytes(turn.response))
    answered = (inline(Item(item, turn.keeper)) for item in output)
    return [*items_in(turn.input), *(item for item in answered if item is not None)]


# -- as bytes --------------------------------------------------------------------------------------------------


def turn_in(value: bytes) -> Turn | None:
    """The turn in these bytes; None where they are none of this version's."""
    return _read(_TURN, value)


def item_in(value: bytes) -> Item | None:
    """The item in these bytes; None where they are none of this version's."""
    return _read(_ITEM, value)


def _read(decoder: msgspec.json.Decoder[T], value: bytes) -> T | None:
    try:
        return decoder.decode(value)
    except wire.BROKEN:
        return None
