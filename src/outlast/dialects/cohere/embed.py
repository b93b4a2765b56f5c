"""Embeddings in Cohere's words: `POST /v2/embed`.

What is embedded is texts, pictures, or inputs that mix both; only texts go to others. Cohere wants to know what the
vectors are for; callers of other dialects do not say, and get what one stores (`search_document`).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from outlast.dialects import bodies, vectors, wire
from outlast.dialects.classify import in_band
from outlast.dialects.cohere.reply import answer_id
from outlast.model import estimate
from outlast.model.errors import Caller, Unsupported
from outlast.model.messages import Embed, Request, Vectors
from outlast.model.target import Target

_MOST = 96
"""Texts, pictures or inputs in one request."""
_PURPOSE = "search_document"
_Text = Annotated[str, Meta(min_length=1)]
_Type = Literal["float", "int8", "uint8", "binary", "ubinary", "base64"]
_Each = Annotated[list[str], Meta(min_length=1, max_length=_MOST)]


class _Piece(Struct):
    type: str
    text: str | None = None


class _Input(Struct):
    content: list[_Piece]


class _Ask(Struct):
    model: _Text
    input_type: str
    texts: _Each | None = None
    images: _Each | None = None
    inputs: Annotated[list[_Input], Meta(min_length=1, max_length=_MOST)] | None = None
    embedding_types: list[_Type] | None = None
    output_dimension: wire.Limit | None = None
    truncate: str | None = None


class _Units(Struct):
    input_tokens: float | None = None


class _Meta(Struct):
    billed_units: _Units | None = None


class _Answer(Struct):
    embeddings: dict[str, list[Raw]] | list[Raw] | None = None
    meta: _Meta | None = None
    message: object = None


_ASK = msgspec.json.Decoder(_Ask)
_ANSWER = msgspec.json.Decoder(_Answer)
_CARRIED = frozenset({"model", "texts", "images", "inputs", "output_dimension"})


def parse(body: bytes, dialect: str) -> Request:
    """The request in these bytes. Raises `Caller`."""
    ask = wire.ask(_ASK, body)
    if sum(given is not None for given in (ask.texts, ask.images, ask.inputs)) != 1:
        raise Caller("send one of texts, images and inputs")
    return Request(
        operation="embed",
        model=ask.model,
        dialect=dialect,
        body=body,
        tokens=estimate.of_body(body, sum(map(len, ask.images or ())), len(ask.images or ())),
        read=_read,
    )


def _read(body: bytes) -> Embed:
    """The texts. Raises `Unsupported` for what no other dialect can embed."""
    ask = wire.ask(_ASK, body)
    inputs = ask.texts if ask.texts is not None else [_words(one) for one in ask.inputs or ()]
    types = ask.embedding_types or ["float"]
    if not inputs:
        raise Unsupported("pictures can only be embedded by a target that speaks Cohere's dialect")
    if not {"float", "base64"} & set(types):
        raise Unsupported("embedding_types other than float and base64 come only from Cohere; ask for one of these")
    extra = {name: wire.value(raw) for name, raw in wire.fields(body).items() if name not in _CARRIED}
    return Embed(tuple(inputs), ask.output_dimension, extra)


def _words(one: _Input) -> str:
    if any(piece.text is None for piece in one.content):
        raise Unsupported("pictures can only be embedded by a target that speaks Cohere's dialect")
    return "\n".join(piece.text or "" for piece in one.content)


def written(request: Request, target: Target, own: bool) -> tuple[bytes, tuple[str, ...]]:
    """A body made from `Embed`, and the names of what had to be taken out.

    `own` says that the extra fields are the caller's for this dialect.

    Raises:
        Unsupported: token numbers, or more texts than Cohere takes at once.
    """
    embed = vectors.asked(request)
    texts = vectors.texts(embed, target)
    if len(texts) > _MOST:
        raise Unsupported(f"{target.name} embeds at most {_MOST} texts at once; send fewer")
    body: dict[str, object] = {"model": target.model, "texts": texts, "input_type": _PURPOSE}
    body["embedding_types"] = ["float"]
    if embed.dimensions is not None:
        body["output_dimension"] = embed.dimensions
    kept = {name for name in embed.extra if own and name not in wire.ADDRESSES and name != "encoding_format"}
    body |= {name: embed.extra[name] for name in kept}
    dropped = [name for name in vectors.unsaid(embed.extra) if name not in kept]
    bodies.refuse(body, target, dropped)
    return bodies.closed(body, dropped)


def decode(body: bytes, request: Request, target: Target, dialect: str) -> Vectors:
    """The rows in these bytes. Raises `BadResponse`, or what an error envelope means."""
    said = wire.answer(_ANSWER, body)
    if isinstance(said.message, str):
        raise in_band({"message": said.message}, target)
    found = said.embeddings
    kinds = {"float": found} if isinstance(found, list) else found or {}
    rows = next((kinds[name] for name in ("float", "base64", *kinds) if kinds.get(name)), [])
    vectors.demand_rows(rows, _asked_for(request))
    billed = said.meta.billed_units if said.meta is not None else None
    counted = billed.input_tokens if billed is not None else None
    return Vectors(
        model=target.model,
        usage=vectors.usage(int(counted) if counted is not None else None, request),
        raw=body,
        dialect=dialect,
        read_vectors=lambda: [vectors.unpacked(row) for row in rows],
    )


def _asked_for(request: Request) -> int:
    """How many rows there must be; also where they are for pictures, which we cannot say in our words."""
    if request.dialect == "cohere" and request.body:
        ask = wire.ask(_ASK, request.body)
        return len(ask.texts or ask.images or ask.inputs or ())
    asked = request.content()
    return len(asked.input) if isinstance(asked, Embed) else 0


def render(reply: Vectors, request: Request) -> bytes:
    """The rows as Cohere would answer, as numbers, packed, or both."""
    asked = request.content()
    embed = asked if isinstance(asked, Embed) else Embed(())
    types = embed.extra.get("embedding_types") or ["float"]
    names = [name for name in types if isinstance(name, str)] if isinstance(types, list) else ["float"]
    rows: dict[str, object] = {}
    if "float" in names:
        rows["float"] = reply.vectors
    if "base64" in names:
        rows["base64"] = [vectors.packed(row) for row in reply.vectors]
    units = {"input_tokens": float(reply.usage.input)}
    return wire.dumps(
        {
            "id": answer_id(reply.id, reply.raw),
            "response_type": "embeddings_by_type",
            "embeddings": rows,
            "texts": [one for one in embed.input if isinstance(one, str)],
            "meta": {"api_version": {"version": "2"}, "billed_units": units},
        }
    )
