"""Embeddings in Ollama's words: `POST /api/embed`."""

from __future__ import annotations

from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta, Raw, Struct

from outlast.dialects import estimate, wire
from outlast.dialects.classify import in_band
from outlast.dialects.ollama.reply import usage_in
from outlast.dialects.ollama.request import Name
from outlast.model.errors import BadResponse, Caller, Unsupported
from outlast.model.messages import Embed, Request, Usage, Vectors
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
_ENCODER = msgspec.json.Encoder()
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


def passed_on(request: Request, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """The caller's own body for this target, and the names of what had to be taken out."""
    fields = wire.fields(request.body)
    dropped: list[str] = []
    fields["model"] = Raw(_ENCODER.encode(target.model))
    wire.take_out(fields, wire.ADDRESSES | frozenset(target.provider.quirks.drops), dropped)
    return _ENCODER.encode(fields), tuple(dropped)


def written(request: Request, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """A body made from `Embed`, and the names of what Ollama's words cannot say. Raises `Unsupported`."""
    embed = request.content()
    if not isinstance(embed, Embed):
        raise TypeError("not an embeddings request")
    if not all(isinstance(text, str) for text in embed.input):
        raise Unsupported(f"{target.name} takes texts only: send no token numbers")
    # A text that is too long is to be refused, not cut without a word.
    body: dict[str, object] = {"model": target.model, "input": embed.input, "truncate": False}
    if embed.dimensions is not None:
        body["dimensions"] = embed.dimensions
    dropped = [
        name for name, value in embed.extra.items() if name != "encoding_format" and not wire.says_nothing(value)
    ]
    dropped += [name for name in target.provider.quirks.drops if body.pop(name, None) is not None]
    return wire.dumps(body), tuple(dropped)


def decode(body: bytes, request: Request, target: Target, dialect: str) -> Vectors:
    """The rows in these bytes. Raises `BadResponse`, or what an error envelope means."""
    said = wire.answer(_ANSWER, body)
    if said.error:
        raise in_band(said.error, target)
    rows = said.embeddings
    if not rows:
        raise BadResponse("an answer without rows")
    asked = request.content()
    if isinstance(asked, Embed) and len(rows) != len(asked.input):
        raise BadResponse("an answer with another number of rows than asked for")
    count = usage_in(said.prompt_eval_count)
    return Vectors(
        model=said.model or target.model,
        usage=Usage(request.tokens, estimated=True) if count is None else Usage(count),
        raw=body,
        dialect=dialect,
        read_vectors=lambda: rows,
    )


def render(reply: Vectors) -> bytes:
    """The rows as Ollama would answer."""
    return wire.dumps({"model": reply.model, "embeddings": reply.vectors, "prompt_eval_count": reply.usage.input})
