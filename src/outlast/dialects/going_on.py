"""The turns that bring a target to go on with an answer that broke off; the same in all dialects of turns.

prefill   [.., {assistant: what was said}]        an assistant's own last words become one with it
asking    [.., {assistant: what was said}, {user: go on}]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw

from outlast.dialects import wire
from outlast.model.continuing import Beginning, ask_on
from outlast.model.target import Target

_TURNS = msgspec.json.Decoder(list[Raw])
_ENCODER = msgspec.json.Encoder()
UNMARKED: Mapping[str, object] = {}


def prefills(begun: Beginning | None, target: Target) -> bool:
    """Is what was said given to this target as the beginning of its answer?"""
    return begun is not None and begun.prefill and target.prefill


def with_turns(
    turns: Sequence[Mapping[str, object]], begun: Beginning, *, prefill: bool, marked: Mapping[str, object] = UNMARKED
) -> list[dict[str, object]]:
    """These turns, and those that say what was said and ask for the rest; a prefill is `marked` with these fields."""
    *before, last = map(dict, turns)
    content = last.get("content")
    if prefill and last.get("role") == "assistant" and isinstance(content, str) and not last.get("tool_calls"):
        return [*before, {**last, "content": content + begun.text, **marked}]
    said: dict[str, object] = {"role": "assistant", "content": begun.text}
    if prefill:
        return [*before, last, {**said, **marked}]
    return [*before, last, said, {"role": "user", "content": ask_on(begun.text)}]


def with_raw_turns(raw: Raw, begun: Beginning, *, prefill: bool, marked: Mapping[str, object] = UNMARKED) -> Raw:
    """The same for turns as the caller wrote them, of which all but the last stay unread."""
    *before, last = wire.ask(_TURNS, bytes(raw))
    read = wire.value(last)
    added = with_turns([read if isinstance(read, dict) else {}], begun, prefill=prefill, marked=marked)
    return Raw(_ENCODER.encode([*before, *added]))
