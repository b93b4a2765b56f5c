"""Embeddings in Cohere's words: `POST /v2/embed`.

What is embedded is texts, pictures, or inputs that mix both; only texts go to others. Cohere wants to know what the
vectors are for; callers of other dialects do not say, and get what one stores (`search_document`).
"""

from __future__ import annotations

import sys
from array import array
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from outlast.dialects import estimate, wire
from outlast.dialects.classify import in_band
from outlast.dialects.cohere.reply import answer_id
from outlast.model.errors import BadResponse, Caller, Unsupported
from outlast.model.messages import Embed, Request, Usage, Vectors
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
_ROW = msgspec.json.Decoder(list[float] | str)
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


def passed_on(request: Request, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """The caller's own body for this target, and the names of what had to be taken out."""
    fields = wire.fields(request.body)
    dropped: list[str] = []
    fields["model"] = Raw(wire.dumps(target.model))
    wire.take_out(fields, wire.ADDRESSES | frozenset(target.provider.quirks.drops), dropped)
    return wire.dumps(fields), tuple(dropped)


def written(request: Request, target: Target, own: bool) -> tuple[bytes, tuple[str, ...]]:
    """A body made from `Embed`, and the names of what had to be taken out.

    `own` says that the extra fields are the caller's for this dialect.

    Raises:
        Unsupported: token numbers, or more texts than Cohere takes at once.
    """
    embed = request.content()
    if not isinstance(embed, Embed):
        raise TypeError("not an embeddings request")
    texts = [one for one in embed.input if isinstance(one, str)]
    if len(texts) < len(embed.input):
        raise Unsupported(f"{target.name} embeds texts, not token numbers; send texts")
    if len(texts) > _MOST:
        raise Unsupported(f"{target.name} embeds at most {_MOST} texts at once; send fewer")
    body: dict[str, object] = {"model": target.model, "texts": texts, "input_type": _PURPOSE}
    body["embedding_types"] = ["float"]
    if embed.dimensions is not None:
        body["output_dimension"] = embed.dimensions
    extra = {name: value for name, value in embed.extra.items() if name != "encoding_format"}
    kept = {name: value for name, value in extra.items() if own and name not in wire.ADDRESSES}
    body |= kept
    refused = [name for name in target.provider.quirks.drops if body.pop(name, None) is not None]
    unsaid = [name for name in extra if name not in kept and not wire.says_nothing(extra[name])]
    return wire.dumps(body), (*sorted(unsaid), *refused)


def decode(body: bytes, request: Request, target: Target, dialect: str) -> Vectors:
    """The rows in these bytes. Raises `BadResponse`, or what an error envelope means."""
    said = wire.answer(_ANSWER, body)
    if isinstance(said.message, str):
        raise in_band({"message": said.message}, target)
    found = said.embeddings
    kinds = {"float": found} if isinstance(found, list) else found or {}
    rows = next((kinds[name] for name in ("float", "base64", *kinds) if kinds.get(name)), None)
    if not rows:
        raise BadResponse("an answer without rows")
    if len(rows) != _asked_for(request):
        raise BadResponse("an answer with another number of rows than asked for")
    billed = said.meta.billed_units if said.meta is not None else None
    counted = billed.input_tokens if billed is not None else None
    return Vectors(
        model=target.model,
        usage=Usage(int(counted)) if counted is not None else Usage(request.tokens, estimated=True),
        raw=body,
        dialect=dialect,
        read_vectors=lambda: [_unpacked(row) for row in rows],
    )


def _asked_for(request: Request) -> int:
    """How many rows there must be; also where they are for pictures, which we cannot say in our words."""
    if request.dialect == "cohere" and request.body:
        ask = wire.ask(_ASK, request.body)
        return len(ask.texts or ask.images or ask.inputs or ())
    asked = request.content()
    return len(asked.input) if isinstance(asked, Embed) else 0


def _unpacked(row: Raw) -> list[float]:
    numbers = wire.answer(_ROW, bytes(row))
    if isinstance(numbers, list):
        return numbers
    try:
        packed = array("f", b64decode(numbers, validate=True))
    except (NotBase64, ValueError):
        raise BadResponse("an embedding that is neither numbers nor base64") from None
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tolist()


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
        rows["base64"] = [_packed(row) for row in reply.vectors]
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


def _packed(row: list[float]) -> str:
    numbers = array("f", row)
    if sys.byteorder == "big":
        numbers.byteswap()
    return b64encode(numbers.tobytes()).decode()
