"""An answer as JSON for a store, and back: whole or as a stream, in any dialect.

A whole answer is kept as the provider sent it, so that nothing is lost to callers of that dialect; what was streamed,
or made by ourselves, in the model's words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec import Struct

from outlast.flow.call import Answer, Call
from outlast.flow.octets import NONE, Octets, octets
from outlast.flow.whole import as_stream
from outlast.model.cut import Cut
from outlast.model.errors import BadResponse, InvalidOutput
from outlast.model.messages import Part, Reply, Usage, Vectors
from outlast.model.target import Target
from outlast.ports import Dialect


class Entry(Struct, frozen=True, omit_defaults=True):
    """One answer that was kept.

    `life` is for how many seconds it was; `sent` are the provider's bytes in `dialect`, or none: then `parts`, or
    `vectors`, say what it said.
    """

    life: float
    target: str
    model: str
    finish: str
    usage: Usage
    id: str
    created: int
    dropped: tuple[str, ...] = ()
    cut: Cut | None = None
    dialect: str = ""
    sent: Octets = NONE
    parts: tuple[Part, ...] = ()
    vectors: list[list[float]] | None = None


_DECODER = msgspec.json.Decoder(Entry)
BROKEN = (msgspec.MsgspecError, RecursionError, ValueError)


def packed(entry: Entry) -> bytes:
    """It as JSON."""
    return msgspec.json.encode(entry)


def unpacked(value: bytes) -> Entry | None:
    """The entry in these bytes; None where they are none of this version's."""
    try:
        return _DECODER.decode(value)
    except BROKEN:
        return None


def entry_of(reply: Reply, life: float) -> Entry:
    """What is to be kept of that answer."""
    raw = bytes(reply.raw)
    vectors = reply.vectors if isinstance(reply, Vectors) and not raw else None
    return Entry(
        life=life,
        target=reply.target,
        model=reply.model,
        finish=reply.finish,
        usage=reply.usage,
        id=reply.id,
        created=reply.created,
        dropped=reply.dropped,
        cut=reply.cut,
        dialect=reply.dialect,
        sent=octets(raw),
        parts=() if raw else reply.parts,
        vectors=vectors,
    )


def given(entry: Entry, call: Call, source: str, dialects: Mapping[str, Dialect]) -> Answer:
    """The answer again, for this call: as a stream if it asks for one. Raises a `Failure` if it is none for it."""
    reply = _reply(entry, call, dialects)
    if call.request.accepts is not None and not _accepted(reply, call.request.accepts):
        raise InvalidOutput("it was kept for a caller who asks less of its values")
    reply.target, reply.source, reply.dropped = entry.target, source, entry.dropped
    reply.cost, reply.attempts, reply.cut = 0.0, 0, entry.cut
    return as_stream(reply, call) if call.request.stream else reply


def _reply(entry: Entry, call: Call, dialects: Mapping[str, Dialect]) -> Reply:
    raw = entry.sent.raw
    if raw:
        dialect = dialects.get(entry.dialect)
        if dialect is None:
            raise BadResponse("it was kept in a dialect that nobody speaks here")
        return dialect.decode(raw, call.request, _target(entry, call))
    facts = {"model": entry.model, "usage": entry.usage, "id": entry.id, "created": entry.created}
    vectors = entry.vectors
    if vectors is not None:
        return Vectors(read_vectors=lambda: vectors, **facts)  # type: ignore[arg-type]
    return Reply(read=lambda: entry.parts, finish=entry.finish, **facts)  # type: ignore[arg-type]


def _accepted(reply: Reply, faults_of: Callable[[object], Sequence[str]]) -> bool:
    """Does a caller take it who knows more of the values than their schema says?"""
    try:
        return not faults_of(msgspec.json.decode(reply.text))
    except BROKEN:
        return False


def _target(entry: Entry, call: Call) -> Target:
    targets = call.route.targets
    return next((target for target in targets if target.name == entry.target), targets[0])
