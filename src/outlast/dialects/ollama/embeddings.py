"""Embeddings in Ollama's words: `POST /api/embed`."""

from __future__ import annotations

from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta, Raw, Struct

from outlast.dialects import bodies, vectors, wire
from outlast.dialects.classify import in_band
from outlast.dialects.ollama.reply import usage_in
from outlast.dialects.ollama.request import Name
from outlast.model import estimate
from outlast.model.errors import Caller
from outlast.model.messages import Embed, Request, Vectors
from outlast.model.target import Target


class _Ask(Struct):
    model: Name
    input: str | Annotated[list[str], Meta(min_length=1)]
    dimensions: wire.Limit | None = None


class _Answer(Struct):
    embeddings: list[list[float]] | None = None
    model: str = ""
    prompt_eval_count: Raw = Raw()
    error: Any = None


_ASK = msgspec.json.Decoder(_Ask)
_ANSWER = msgspec.json.Decoder(_Answer)
_CARRIED = frozenset(get_type_hints(_Ask))


def parse(body: bytes, dialect: str) -> Request:
    """The request in these bytes. Raises `Caller`."""
    ask = wire.ask(_ASK, body)
    if not ask.input:
        raise Caller("input must not be empty")
    tokens = estimate.of_body(body)
    return Request(operation="embed", model=ask.model, dialect=dialect, body=body, tokens=tokens, read=_read)


def _read(body: bytes) -> Embed:
    ask = wire.ask(_ASK, body)
    extra = {name: wire.value(raw) for name, raw in wire.fields(body).items() if name not in _CARRIED}
    return Embed((ask.input,) if isinstance(ask.input, str) else tuple(ask.input), ask.dimensions, extra)


def written(request: Request, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """A body made from `Embed`, and the names of what Ollama's words cannot say. Raises `Unsupported`."""
    embed = vectors.asked(request)
    # A text that is too long is to be refused, not cut without a word.
    body: dict[str, object] = {"model": target.model, "input": vectors.texts(embed, target), "truncate": False}
    if embed.dimensions is not None:
        body["dimensions"] = embed.dimensions
    dropped = vectors.unsaid(embed.extra)
    bodies.refuse(body, target, dropped)
    return bodies.closed(body, dropped)


def decode(body: bytes, request: Request, target: Target, dialect: str) -> Vectors:
    """The rows in these bytes. Raises `BadResponse`, or what an error envelope means."""
    said = wire.answer(_ANSWER, body)
    if said.error:
        raise in_band(said.error, target)
    rows = said.embeddings or []
    vectors.demand_rows(rows, len(vectors.asked(request).input))
    return Vectors(
        model=said.model or target.model,
        usage=vectors.usage(usage_in(said.prompt_eval_count), request),
        raw=body,
        dialect=dialect,
        read_vectors=lambda: rows,
    )


def render(reply: Vectors) -> bytes:
    """The rows as Ollama would answer."""
    return wire.dumps({"model": reply.model, "embeddings": reply.vectors, "prompt_eval_count": reply.usage.input})
