"""Counts of tokens in the words of OpenAI's Responses API: `POST /v1/responses/input_tokens`, both directions."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from outlast.dialects import counts, wire
from outlast.dialects.responses import request as responses_request
from outlast.model.messages import Counted, Reply, Request
from outlast.model.target import Target

COUNTED = frozenset({
    "conversation", "input", "instructions", "model", "parallel_tool_calls", "previous_response_id", "reasoning",
    "text", "tool_choice", "tools", "truncation",
})  # fmt: skip
"""Fields that a count takes; the provider refuses all others here."""


class _Answer(Struct):
    input_tokens: wire.Count | None = None
    error: object = None


_ANSWER = msgspec.json.Decoder(_Answer)
_ENCODER = msgspec.json.Encoder()


def parse(body: bytes, dialect: str) -> Request:
    """The request in these bytes. Raises `Caller`."""
    request = responses_request.parse(body, dialect)
    request.operation, request.stream, request.max_tokens, request.json = "count", False, None, False
    return request


def stripped(body: bytes) -> bytes:
    """The body of a request without what no count takes."""
    fields = wire.fields(body)
    return _ENCODER.encode({name: value for name, value in fields.items() if name in COUNTED})


def decode(body: bytes, target: Target, dialect: str) -> Counted:
    """The count in these bytes. Raises `BadResponse`, or what an error envelope means."""
    said = wire.answer(_ANSWER, body)
    return counts.counted(said.input_tokens, said.error, body, target, dialect)


def render(reply: Reply) -> bytes:
    """The count as OpenAI would answer."""
    return wire.dumps({"object": "response.input_tokens", "input_tokens": counts.tokens_of(reply)})
