"""How one of those who speak OpenAI's dialect wants a chat to be said: what its row in the catalog says beside that.

max_tokens_name, renames   {"seed": "random_seed", "tool_choice.required": "any"}    a field; a value of a field
drops                      ("messages.name",)                                        a field of every turn
thoughts                   what the model thought in earlier turns: refused, or wanted where it called tools
"""

from __future__ import annotations

from functools import lru_cache

import msgspec
from msgspec import Raw

from outlast.dialects import wire
from outlast.model.target import Quirks

_LIMIT = "max_completion_tokens"
_OF_A_TURN = "messages."
_THOUGHTS = "reasoning_content"
_TURNS = msgspec.json.Decoder(list[dict[str, Raw]])
_ENCODER = msgspec.json.Encoder()
_EMPTY = Raw(b'""')


def adapt(fields: dict[str, Raw], quirks: Quirks, dropped: list[str]) -> None:
    """Say the caller's own fields with that accent; what must be taken out is named."""
    name = quirks.max_tokens_name
    if name != _LIMIT and _LIMIT in fields:
        limit = fields.pop(_LIMIT)
        fields.setdefault(name, limit)
    for old, new in quirks.renames.items():
        field, _, value = old.partition(".")
        if not value and old in fields:
            fields[new] = fields.pop(old)
        elif value and bytes(fields.get(field, b"")).strip(b' "') == value.encode():
            fields[field] = Raw(_ENCODER.encode(new))
    if (quirks.thoughts or quirks.drops) and "messages" in fields:
        _adapt_turns(fields, quirks, dropped)


def _adapt_turns(fields: dict[str, Raw], quirks: Quirks, dropped: list[str]) -> None:
    """Take out what a turn may not have; turns in which there is nothing to mend stay as they are written."""
    raw = bytes(fields["messages"])
    out = of_turns(quirks)
    suspicious = [name for name in out if name.encode() in raw]
    if not suspicious and not (quirks.thoughts == "with_calls" and b'"tool_calls"' in raw):
        return
    turns = wire.ask(_TURNS, raw)
    for turn in turns:
        _adapt_turn(turn, out, quirks, dropped)
    fields["messages"] = Raw(_ENCODER.encode(turns))


def _adapt_turn(turn: dict[str, Raw], out: frozenset[str], quirks: Quirks, dropped: list[str]) -> None:
    called = quirks.thoughts == "with_calls" and wire.value(turn.get("tool_calls", b"null"))
    for name in sorted(out & turn.keys()):
        if called and name == _THOUGHTS:
            continue
        told = f"{_OF_A_TURN}{name}"
        if not wire.says_nothing(wire.value(turn.pop(name))) and told not in dropped:
            dropped.append(told)
    if called:
        turn.setdefault(_THOUGHTS, _EMPTY)


def of_turns(quirks: Quirks) -> frozenset[str]:
    """The fields that no turn may have, but for thoughts where tools were called."""
    return _of_turns(quirks.drops, bool(quirks.thoughts))


@lru_cache(maxsize=64)
def _of_turns(drops: tuple[str, ...], thoughts: bool) -> frozenset[str]:
    names = {name.removeprefix(_OF_A_TURN) for name in drops if name.startswith(_OF_A_TURN)}
    return frozenset({*names, _THOUGHTS} if thoughts else names)


def rename(body: dict[str, object], quirks: Quirks) -> None:
    """The same renaming for a body that we write."""
    for old, new in quirks.renames.items():
        field, _, value = old.partition(".")
        if not value and old in body:
            body[new] = body.pop(old)
        elif value and body.get(field) == value:
            body[field] = new
