"""Under which name a key is kept, and what its request is known by.

caller, operation, key ─ SHA-256 ─▶ idempotency1:…    two callers may use one key, and no store learns it
the request ─ canonical JSON ─ SHA-256 ─▶ body        the same key with another body is a mistake
"""

from __future__ import annotations

import hashlib

import msgspec

from outlast.flow.call import Call
from outlast.model.errors import Caller
from outlast.model.messages import Request

SPACE = "idempotency1:"
"""The names of this version's records begin so."""
LONGEST = 255
"""Characters of a key."""
UNWRITABLE = (msgspec.MsgspecError, RecursionError, ValueError, OverflowError, TypeError)

_encode = msgspec.json.Encoder(order="deterministic").encode


def name_of(call: Call) -> str:
    """Under which name its record is kept. Raises `Caller` when its key is none."""
    key, caller = call.key, call.caller
    if len(key) > LONGEST or not key.isascii() or not key.isprintable():
        raise Caller(
            f"an idempotency key is 1 to {LONGEST} printable ASCII characters, such as a UUID",
            code="idempotency_key_invalid",
        )
    return SPACE + _digest([caller.key, caller.user, call.request.operation, key])


def body_of(request: Request) -> str:
    """What a request is known by: the same for a second try, whatever the order of its fields."""
    forward = request.forward
    way = [] if forward is None else [forward.method, forward.path, forward.query, forward.via]
    head: list[object] = [request.operation, request.dialect, request.model, request.stream, way, request.held_to]
    return _digest([*head, _canonical(request)])


def _canonical(request: Request) -> object:
    """Its JSON, whose fields have no order; the bytes where they are none."""
    body = request.body
    if not body:
        return msgspec.to_builtins(request.content()) if request.readable else ""
    try:
        return msgspec.json.decode(body)
    except UNWRITABLE:
        return body.hex()


def _digest(said: object) -> str:
    try:
        text = _encode(said)
    except UNWRITABLE:  # half a sign in a caller's words
        text = repr(said).encode("utf-8", "backslashreplace")
    return hashlib.sha256(text).hexdigest()
