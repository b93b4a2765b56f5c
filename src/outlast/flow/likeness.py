"""When two requests are the same: one name for all that their answers depend on.

    what is asked, in the model's words ─┐
    the route and its targets ───────────┼─ canonical JSON ─ SHA-256 ─▶ the same for "the same", whoever's SDK wrote it
    whose answers may be shared ─────────┘

Whatever the model's words do not hold to the last bit (pictures of another kind, a provider's own tools, files, how
much a model may think) is compared in the caller's own words instead, and then only within one dialect.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from outlast.flow.call import Call
from outlast.model.errors import Failure
from outlast.model.messages import Chat, Document, Embed, Image, Reasoning, Request, ToolResult

T = TypeVar("T")

VERSION = 1
"""Of what is named; a new one forgets all names of the old."""
COMPARED = frozenset({"chat", "embed"})
"""Operations whose requests are read, and so can be compared."""
UNTOLD = frozenset(
    {
        "model", "user", "metadata", "safety_identifier", "stream", "stream_options",
        "cache_control", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options",
    }
)  # fmt: skip
"""Fields that no answer depends on: who asks, how it is delivered, and what the provider keeps to be cheaper."""
HARMLESS = frozenset(
    {
        "frequency_penalty", "presence_penalty", "repetition_penalty", "logit_bias", "top_k", "min_p", "service_tier",
        "verbosity", "encoding_format",
    }
)  # fmt: skip
"""Fields beyond the model's words which are there with all of their value, and change no answer's form."""

UNWRITABLE = (msgspec.MsgspecError, RecursionError, ValueError, OverflowError, TypeError)

_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_encode = msgspec.json.Encoder(order="deterministic").encode


class Likeness(Struct, frozen=True):
    """What a request is the same by.

    Attributes:
        key: the same for all requests that are the same.
        plain: an answer holds no more than the model's words do, so that it can be told in any dialect and manner.
    """

    key: str
    plain: bool


def comparable(request: Request) -> bool:
    """Can it be the same as another? Not where an account keeps it: each goes into a conversation of its own, say."""
    return request.operation in COMPARED and not request.needs.state


def likeness(call: Call, tenant: str) -> Likeness:
    """What the call's request is the same by, among those whose answers `tenant` shares."""
    request = call.request
    asked = _content(request)
    extra = frozenset(_telling(asked.extra)) if asked is not None else frozenset()
    plain = asked is not None and extra <= HARMLESS and not _holds(asked, Document)
    said: object
    if plain and asked is not None and _is_exact(asked):
        said = _common(asked)
    else:
        said = [request.dialect, not plain and request.stream, _own(request)]
    targets = [target.name for target in call.route.targets]
    head = [VERSION, tenant, request.operation, call.route.name, call.fitting, targets, request.held_to]
    return Likeness(hashlib.sha256(_canonical(head, said, request)).hexdigest(), plain)


def _canonical(head: list[object], said: object, request: Request) -> bytes:
    """One JSON for both; of what no JSON writer takes, such as half a sign, the bytes as they came."""
    try:
        return _encode([head, said])
    except UNWRITABLE:
        return _encode([head, request.dialect, request.stream]) + request.body


def _content(request: Request) -> Chat | Embed | None:
    """What is asked in the model's words; None where they have none for it."""
    try:
        return request.content()
    except Failure:
        return None


def _is_exact(asked: Chat | Embed) -> bool:
    """Do the model's words hold all of it? An effort may stand for a number, and thoughts may be encrypted."""
    return isinstance(asked, Embed) or (asked.effort is None and not _holds(asked, Reasoning))


def _holds(asked: Chat | Embed, kind: type[Struct]) -> bool:
    if isinstance(asked, Embed):
        return False
    parts = [part for message in asked.messages for part in message.parts]
    inner: list[Image | Document | Struct] = [
        piece for part in parts if isinstance(part, ToolResult) for piece in part.parts
    ]
    return any(isinstance(part, kind) for part in (*parts, *inner))


def _telling(fields: Mapping[str, T]) -> dict[str, T]:
    """Those that an answer may depend on; of a part's field the name stands behind that of its place."""
    return {name: value for name, value in fields.items() if name.rpartition(".")[2] not in UNTOLD}


def _common(asked: Chat | Embed) -> Chat | Embed:
    extra = _telling(asked.extra)
    if isinstance(asked, Embed):
        return replace(asked, extra=extra)
    return replace(asked, user=None, extra=extra)


def _own(request: Request) -> object:
    """What is asked in the caller's own words, field by field, or in the model's where there are no others."""
    if not request.body:
        return request.content()
    try:
        fields = _FIELDS.decode(request.body)
    except UNWRITABLE:
        return request.body.hex()
    return _telling(fields)
