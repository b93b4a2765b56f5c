"""Embeddings in Google's words: one content by `embedContent`, several by `batchEmbedContents`.

{content: {parts: [{text}]}, outputDimensionality}     ─▶  {embedding: {values}}
{requests: [{model, content, outputDimensionality}]}   ─▶  {embeddings: [{values}]}
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from outlast.dialects import bodies, vectors, wire
from outlast.dialects.classify import in_band
from outlast.dialects.gemini import spelling as gemini_spelling
from outlast.dialects.gemini.reply import usage_in
from outlast.dialects.gemini.request import place
from outlast.dialects.gemini.turns import Content
from outlast.model import estimate
from outlast.model.errors import Caller
from outlast.model.messages import Embed, Request, Vectors
from outlast.model.target import Target


class _One(Struct, rename="camel"):
    content: Content
    output_dimensionality: wire.Limit | None = None


class _Ask(Struct, rename="camel"):
    content: Content | None = None
    requests: Annotated[list[_One], Meta(min_length=1)] | None = None
    output_dimensionality: wire.Limit | None = None


class _Values(Struct):
    values: list[float]


class _Answer(Struct, rename="camel"):
    embedding: _Values | None = None
    embeddings: list[_Values] | None = None
    usage_metadata: Raw = Raw()
    error: object = None


_ASK = msgspec.json.Decoder(_Ask)
_ANSWER = msgspec.json.Decoder(_Answer)
_ROWS = msgspec.json.Decoder(list[dict[str, Raw]])
_ENCODER = msgspec.json.Encoder()
_CARRIED = frozenset({"content", "requests", "outputDimensionality", "model"})
_KNOWN = frozenset({"content", "outputDimensionality", "model"})
ONE, SEVERAL = "embedContent", "batchEmbedContents"


def parse(body: bytes, path: str, dialect: str) -> Request:
    """The request in these bytes. Raises `Caller`."""
    where = place(path)
    body = gemini_spelling.tidied(body)
    ask = wire.ask(_ASK, body)
    _texts(ask)
    return Request(
        operation="embed", model=where.model, dialect=dialect, body=body, tokens=estimate.of_body(body), read=_read
    )


def _read(body: bytes) -> Embed:
    ask = wire.ask(_ASK, body)
    fields = wire.fields(body)
    extra = {name: wire.value(raw) for name, raw in fields.items() if name not in _CARRIED}
    wire.name_unknown(wire.value(fields.get("requests", b"[]")), _KNOWN, "requests", extra)
    sizes = {one.output_dimensionality for one in ask.requests or ()} | {ask.output_dimensionality}
    size = next((size for size in sizes if size), None)
    return Embed(_texts(ask), size, extra)


def _texts(ask: _Ask) -> tuple[str, ...]:
    if (ask.content is None) == (ask.requests is None):
        raise Caller("send content to embedContent, or requests to batchEmbedContents")
    contents = [one.content for one in ask.requests] if ask.requests is not None else [ask.content]
    return tuple(_text(content) for content in contents if content is not None)


def _text(content: Content) -> str:
    parts = content.parts or []
    if not parts or any(part.text is None for part in parts):
        raise Caller("content.parts must be texts, and at least one")
    return "".join(part.text or "" for part in parts)


def method(request: Request) -> str:
    """Which of the two is asked."""
    own = bool(request.body) and request.dialect == "gemini"
    return ONE if own and "content" in wire.fields(request.body) else SEVERAL


def passed_on(request: Request, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """The caller's own body for this target, and the names of what had to be taken out."""
    fields = wire.fields(request.body)
    dropped: list[str] = []
    model = Raw(_ENCODER.encode(_named(target)))
    if "model" in fields:
        fields["model"] = model
    if "requests" in fields:
        rows = wire.ask(_ROWS, bytes(fields["requests"]))
        fields["requests"] = Raw(_ENCODER.encode([row | {"model": model} for row in rows]))
    bodies.withhold(fields, target, dropped)
    return _ENCODER.encode(fields), tuple(dropped)


def written(request: Request, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """A body made from `Embed`, and the names of what had to be left out. Raises `Unsupported` for token numbers."""
    embed = vectors.asked(request)
    more = {} if embed.dimensions is None else {"outputDimensionality": embed.dimensions}
    rows = [
        {"model": _named(target), "content": {"parts": [{"text": text}]}, **more}
        for text in vectors.texts(embed, target)
    ]
    return bodies.closed({"requests": rows}, vectors.unsaid(embed.extra))


def _named(target: Target) -> str:
    return f"models/{target.model}"


def decode(body: bytes, request: Request, target: Target, dialect: str) -> Vectors:
    """The rows in these bytes. Raises `BadResponse`, or what an error envelope means."""
    said = wire.answer(_ANSWER, body)
    if said.error:
        raise in_band(said.error, target)
    rows = said.embeddings or ([said.embedding] if said.embedding is not None else [])
    vectors.demand_rows(rows, len(vectors.asked(request).input))
    return Vectors(
        model=target.model,
        usage=usage_in(said.usage_metadata) or vectors.usage(None, request),
        raw=body,
        dialect=dialect,
        read_vectors=lambda: [row.values for row in rows],
    )


def render(reply: Vectors, request: Request, dialect: str) -> bytes:
    """The rows as Google would answer to the method that was asked: its own bytes where they are of that shape."""
    if reply.dialect == dialect and ("embedding" in wire.fields(reply.raw)) == (method(request) == ONE):
        return reply.raw
    rows = [{"values": row} for row in reply.vectors]
    usage = {"promptTokenCount": reply.usage.input, "totalTokenCount": reply.usage.input}
    told: dict[str, object] = {"embedding": rows[0]} if method(request) == ONE else {"embeddings": rows}
    return wire.dumps(told | {"usageMetadata": usage})
