"""The arguments of a tool call as an object, for the dialects that do not write them as text."""

from __future__ import annotations

from typing import Any

import msgspec

from outlast.dialects import wire
from outlast.model.messages import ToolCall

_OBJECT = msgspec.json.Decoder(dict[str, Any])


def as_object(call: ToolCall, dropped: list[str]) -> dict[str, object]:
    """The arguments as an object; what is none is kept as text under `arguments`, and named in `dropped`."""
    if not call.arguments.strip():
        return {}
    try:
        return _OBJECT.decode(call.arguments)
    except wire.BROKEN:
        dropped.append("messages.tool_calls.arguments")
        return {"arguments": call.arguments}
