"""Whoever asks Ollama nothing wants a model to be loaded, or to be unloaded: its command does so before each talk.

    {"model": "m"}                    to /api/generate  ─▶  {"response": "", "done": true, "done_reason": "load"}
    {"model": "m", "messages": []}    to /api/chat      ─▶  {"message": {…}, "done": true, "done_reason": "load"}
    … "keep_alive": 0                                   ─▶  "unload"

Nothing has to be loaded before it answers here, so it is done at once, without a provider.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from outlast.config import Routes
from outlast.dialects import wire
from outlast.gateway.exchange import Inbound

_PATHS = frozenset({"/api/generate", "/api/chat"})
_LONGEST = 4096
"""A body above this asks something."""
_EVER = "1970-01-01T00:00:00Z"
_NO_TIME = (0, "0", "0s")


class _Asked(Struct):
    model: str = ""
    prompt: str = ""
    messages: list[object] | None = None
    keep_alive: object = None


_ASKED = msgspec.json.Decoder(_Asked)


def loaded(inbound: Inbound, routes: Routes) -> bytes | None:
    """The answer that a model is there, or is no longer; None where something is asked.

    Raises:
        Missing: there is no such model.
    """
    path = inbound.path
    if path not in _PATHS or len(inbound.body) > _LONGEST:
        return None
    asked = _read(inbound.body)
    if asked is None or not asked.model or asked.prompt or asked.messages:
        return None
    if path == "/api/chat" and asked.messages is None:
        return None
    routes.find(asked.model)
    said: dict[str, object] = {"message": {"role": "assistant", "content": ""}}
    if path == "/api/generate":
        said = {"response": ""}
    reason = "unload" if asked.keep_alive in _NO_TIME else "load"
    told = {"model": asked.model, "created_at": _EVER, **said, "done": True, "done_reason": reason}
    return wire.dumps(told) + b"\n"


def _read(body: bytes) -> _Asked | None:
    """None for what is of other types, whose fault is told where it is read in earnest."""
    try:
        return _ASKED.decode(body)
    except wire.BROKEN:
        return None
