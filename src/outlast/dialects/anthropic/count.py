"""Counts of tokens in Anthropic's words: `POST /v1/messages/count_tokens`, both directions."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from outlast.dialects import counts, wire
from outlast.dialects.anthropic import request as anthropic_request
from outlast.model.messages import Chat, Counted, Reply, Request
from outlast.model.target import Target

NOT_COUNTED = frozenset({
    "max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences", "metadata", "service_tier", "container",
    "inference_geo",
})  # fmt: skip
"""Fields of a message that have nothing to do with its tokens, and that the provider refuses here."""


class _Ask(anthropic_request.Ask, kw_only=True):
    """The same fields, but that nothing need be said of the answer."""

    max_tokens: Annotated[int, Meta(ge=0, le=2**31)] = 0


class _Answer(Struct):
    input_tokens: wire.Count | None = None
    error: object = None


_ASK = msgspec.json.Decoder(_Ask)
_ANSWER = msgspec.json.Decoder(_Answer)
_ENCODER = msgspec.json.Encoder()


def parse(body: bytes, dialect: str) -> Request:
    """The request in these bytes. Raises `Caller`."""
    ask = wire.ask(_ASK, body)
    request = anthropic_request.request_of(ask, body, dialect)
    request.operation, request.stream, request.max_tokens, request.read = "count", False, None, _read
    return request


def _read(body: bytes) -> Chat:
    return replace(anthropic_request.chat(wire.ask(_ASK, body), body), max_tokens=None)


def stripped(body: bytes) -> bytes:
    """The body of a message without what no count takes."""
    fields = wire.fields(body)
    return _ENCODER.encode({name: value for name, value in fields.items() if name not in NOT_COUNTED})


def decode(body: bytes, target: Target, dialect: str) -> Counted:
    """The count in these bytes. Raises `BadResponse`, or what an error envelope means."""
    said = wire.answer(_ANSWER, body)
    return counts.counted(said.input_tokens, said.error, body, target, dialect)


def render(reply: Reply) -> bytes:
    """The count as Anthropic would answer."""
    return wire.dumps({"input_tokens": counts.tokens_of(reply)})
