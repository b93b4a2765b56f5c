"""Counts of tokens in Google's words: `POST /v1beta/models/{model}:countTokens`, both directions.

    {contents}  or  {generateContentRequest: {model, contents, systemInstruction, tools, …}}   ─▶   {totalTokens}

The second form is the one that counts all of a request, so it is the one that is sent.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from outlast.dialects import counts, wire
from outlast.dialects.gemini import request as gemini_request
from outlast.dialects.gemini import spelling as gemini_spelling
from outlast.model.errors import Caller
from outlast.model.messages import Counted, Reply, Request
from outlast.model.target import Target

_WHOLE = "generateContentRequest"


class _Answer(Struct, rename="camel"):
    total_tokens: wire.Count | None = None
    error: object = None


_ANSWER = msgspec.json.Decoder(_Answer)
_ENCODER = msgspec.json.Encoder()


def parse(body: bytes, path: str, dialect: str) -> Request:
    """The request in these bytes; its body is then that of the request which is to be counted. Raises `Caller`."""
    fields = wire.fields(gemini_spelling.tidied(body))
    if _WHOLE in fields and "contents" in fields:
        raise Caller(f"send either contents or {_WHOLE}")
    counted = bytes(fields[_WHOLE]) if _WHOLE in fields else _ENCODER.encode(fields)
    request = gemini_request.parse(counted, path, dialect)
    request.operation, request.max_tokens = "count", None
    return request


def wrapped(body: bytes, target: Target) -> bytes:
    """The body that asks how many tokens the request of this body has."""
    model = Raw(_ENCODER.encode(f"models/{target.model}"))
    return _ENCODER.encode({_WHOLE: {"model": model, **wire.fields(body)}})


def decode(body: bytes, target: Target, dialect: str) -> Counted:
    """The count in these bytes. Raises `BadResponse`, or what an error envelope means."""
    said = wire.answer(_ANSWER, body)
    return counts.counted(said.total_tokens, said.error, body, target, dialect)


def render(reply: Reply) -> bytes:
    """The count as Google would answer."""
    return wire.dumps({"totalTokens": counts.tokens_of(reply)})
