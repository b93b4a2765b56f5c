"""Embeddings in OpenAI's words: `POST /v1/embeddings`.

SDKs ask for base64 by default (little-endian float32) and send token numbers as well as texts; both pass through.
Rows are unpacked only when somebody looks at them.
"""

from __future__ import annotations

from typing import Annotated, get_type_hints

import msgspec
from msgspec import Meta, Raw, Struct

from outlast.dialects import vectors, wire
from outlast.dialects.classify import in_band
from outlast.dialects.openai.reply import usage_in, usage_of
from outlast.model import estimate
from outlast.model.errors import Caller
from outlast.model.messages import Embed, Request, Vectors
from outlast.model.target import Target

_Token = Annotated[int, Meta(ge=0, le=2**31)]
_Text = Annotated[str, Meta(min_length=1)]


class _Ask(Struct):
    model: _Text
    input: str | Annotated[list[str | _Token | list[_Token]], Meta(min_length=1)]
    dimensions: wire.Limit | None = None
    encoding_format: str | None = None


class _Row(Struct):
    embedding: Raw
    index: int = 0


class _Answer(Struct):
    data: list[_Row] | None = None
    model: str = ""
    usage: Raw = Raw()
    error: object = None


_ASK = msgspec.json.Decoder(_Ask)
_ANSWER = msgspec.json.Decoder(_Answer)
_CARRIED = frozenset(get_type_hints(_Ask)) - {"encoding_format"}


def parse(body: bytes, dialect: str) -> Request:
    """The request in these bytes. Raises `Caller`."""
    ask = wire.ask(_ASK, body)
    if ask.input == "":
        raise Caller("input must not be empty")
    _inputs(ask.input)
    return Request(
        operation="embed",
        model=ask.model,
        dialect=dialect,
        body=body,
        tokens=estimate.of_body(body),
        read=_read,
    )


def _read(body: bytes) -> Embed:
    ask = wire.ask(_ASK, body)
    extra = {name: wire.value(raw) for name, raw in wire.fields(body).items() if name not in _CARRIED}
    return Embed(_inputs(ask.input), ask.dimensions, extra)


def _inputs(given: str | list[str | int | list[int]]) -> tuple[str | tuple[int, ...], ...]:
    if isinstance(given, str):
        return (given,)
    texts = [item for item in given if isinstance(item, str)]
    tokens = [item for item in given if isinstance(item, int)]
    rows = [tuple(item) for item in given if isinstance(item, list)]
    if len(texts) == len(given):
        return tuple(texts)
    if len(tokens) == len(given):
        return (tuple(tokens),)
    if len(rows) == len(given):
        return tuple(rows)
    raise Caller("input must be texts only, token numbers only, or lists of token numbers only")


def written(request: Request, target: Target, own: bool) -> tuple[bytes, tuple[str, ...]]:
    """A body made from `Embed`, and the names of what had to be taken out.

    `own` says that the extra fields are the caller's for this dialect.
    """
    embed = vectors.asked(request)
    allowed = {name: value for name, value in embed.extra.items() if own and name not in wire.ADDRESSES}
    body: dict[str, object] = {"model": target.model, "input": embed.input, **allowed}
    if embed.dimensions is not None:
        body["dimensions"] = embed.dimensions
    refused = sorted(body.keys() & set(target.provider.quirks.drops))
    for name in refused:
        del body[name]
    return wire.dumps(body), (*sorted(embed.extra.keys() - allowed.keys()), *refused)


def decode(body: bytes, request: Request, target: Target, dialect: str) -> Vectors:
    """The rows in these bytes. Raises `BadResponse`, or what an error envelope means."""
    said = wire.answer(_ANSWER, body)
    if said.error:
        raise in_band(said.error, target)
    rows = said.data or []
    vectors.demand_rows(rows, len(vectors.asked(request).input))
    usage = usage_in(said.usage)
    return Vectors(
        model=said.model or target.model,
        usage=usage_of(usage) if usage is not None else vectors.usage(None, request),
        raw=body,
        dialect=dialect,
        read_vectors=lambda: [vectors.unpacked(row.embedding) for row in sorted(rows, key=lambda row: row.index)],
    )


def render(reply: Vectors, request: Request) -> bytes:
    """The rows as OpenAI would answer, packed if the caller asked for base64."""
    asked = request.content()
    packed = isinstance(asked, Embed) and asked.extra.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": vectors.packed(row) if packed else row}
        for index, row in enumerate(reply.vectors)
    ]
    usage = {"prompt_tokens": reply.usage.input, "total_tokens": reply.usage.input}
    return wire.dumps({"object": "list", "data": data, "model": reply.model, "usage": usage})
