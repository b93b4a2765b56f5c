"""A stream as JSON, and back: what was said of it, and its batches with the provider's bytes and our words for them.

The provider's bytes are of use to callers of its dialect alone. Where its dialect's writer would have to know how far
they came to go on behind them, which no JSON tells, they are left out, and the answer is told in our words.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from outlast.flow.octets import NONE, Octets, octets
from outlast.flow.stream import Stream
from outlast.model.cut import Cut
from outlast.model.messages import Batch, Chunk, Opening, Usage
from outlast.model.passed import Head


class About(Struct, frozen=True, omit_defaults=True):
    """What is said of an answer as a whole, as on `Stream`."""

    target: str
    source: str = "primary"
    dialect: str = ""
    attempts: int = 0
    dropped: tuple[str, ...] = ()
    cut: Cut | None = None


class Opened(Struct, frozen=True, omit_defaults=True):
    """What its provider said at its start; of what was passed on unread, the head."""

    id: str = ""
    model: str = ""
    created: int = 0
    blocks: int = 0
    block: str = ""
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()


class Said(Struct, frozen=True, omit_defaults=True):
    """One batch. `opened` where its words begin behind the provider's bytes."""

    raw: Octets = NONE
    chunks: tuple[Chunk, ...] = ()
    last: bool = False
    opened: Opened | None = None


class Streamed(Struct, frozen=True, omit_defaults=True):
    """A whole stream."""

    about: About
    opened: Opened
    batches: tuple[Said, ...]
    usage: Usage | None = None


def about(stream: Stream) -> About:
    """What is said of that stream."""
    return About(stream.target, stream.source, stream.dialect, stream.attempts, stream.dropped, stream.cut)


def opened(opening: Opening) -> Opened:
    """What stands in an opening."""
    head = opening if isinstance(opening, Head) else None
    return Opened(
        id=opening.id,
        model=opening.model,
        created=opening.created,
        blocks=opening.blocks,
        block=opening.block,
        status=head.status if head else 0,
        headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers)
        if head
        else (),
    )


def opening_of(said: Opened) -> Opening:
    """The opening again."""
    if said.status:
        headers = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in said.headers)
        return Head(status=said.status, headers=headers)
    return Opening(said.id, said.model, said.created, said.blocks, said.block)


def said(batch: Batch, *, bare: bool, opening: Opening | None = None) -> Said:
    """A batch; `bare` without the provider's bytes."""
    raw = NONE if bare else octets(batch.raw)
    return Said(raw, tuple(batch.chunks), batch.last, None if opening is None else opened(opening))


def batch_of(said: Said, *, bare: bool = False) -> Batch:
    """The batch again."""
    return Batch(b"" if bare else said.raw.raw, list(said.chunks), said.last)


def streamed(told: About, opening: Opening, batches: Iterable[Batch], usage: Usage | None, dialect: str) -> Streamed:
    """A whole stream, for callers of that dialect."""
    batches = list(batches)
    bare = told.dialect != dialect or (opening.so_far is not None and _is_pieced(batches))
    return Streamed(told, opened(opening), tuple(said(batch, bare=bare) for batch in batches), usage)


def _is_pieced(batches: list[Batch]) -> bool:
    """Are there words behind the provider's bytes?"""
    return any(batch.raw for batch in batches) and any(batch.chunks and not batch.raw for batch in batches)
