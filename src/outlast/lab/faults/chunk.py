"""The named faults of streams that are about what events say beside words: preludes, roles, usage, nulls, ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from outlast.lab.answer import SimEvent
from outlast.lab.events_by_hand import (
    chunk,
    chunks,
    coheres,
    googles,
    lines,
    message,
    piece,
    spoken,
    start,
    stop,
    words,
)
from outlast.lab.faults.places import finishes, unfinished
from outlast.lab.script import Behaviour, drip, edited, ok
from outlast.lab.steps import Fin, Pause, Rst, Silence, Step

_Edit = Callable[[list[SimEvent]], Iterable[SimEvent]]
_USAGE = b'"usage":{"prompt_tokens":3,"completion_tokens":%d,"total_tokens":9}'
_PRELUDE = SimEvent(
    b'data: {"id":"","object":"","created":0,"model":"","choices":[],"prompt_filter_results":[{"prompt_index":0,'
    b'"content_filter_results":{"hate":{"filtered":false}}}]}\n\n'
)
_TOTAL = SimEvent(b'data: {"id":"c","object":"chat.completion.chunk","choices":[],' + _USAGE % 6 + b"}\n\n")
_BARE = SimEvent(b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m"}\n\n')
_NO_CHOICES = SimEvent(b'data: {"id":"c","object":"chat.completion.chunk","choices":null}\n\n')
_NULLS = [
    SimEvent(chunk({})),
    SimEvent(chunk(None)),
    SimEvent(chunk({"content": None, "role": None, "tool_calls": None, "refusal": None})),
    SimEvent(chunk({"content": ""})),
]


def _openai(edit: _Edit) -> _Edit:
    """The edit, for chunks; messages stay as they are."""
    return lambda events: edit(events) if events[0].data.startswith(b"data: ") else events


def _replaced(old: bytes, new: bytes) -> _Edit:
    return lambda events: [SimEvent(data.replace(old, new), content) for data, content in events]


def _before_contents(*odd: SimEvent) -> _Edit:
    return lambda events: [one for event in events for one in (*(odd if event.content else ()), event)]


def _numbered(events: list[SimEvent]) -> Iterator[SimEvent]:
    for number, (data, content) in enumerate(events):
        other = re.sub(rb'"id":"[^"]*"', b'"id":"chatcmpl-%d"' % number, data)
        yield SimEvent(re.sub(rb'"model":"[^"]*"', b'"model":"m-%d"' % number, other), content)


def _counted(events: list[SimEvent]) -> Iterator[SimEvent]:
    for number, (data, content) in enumerate(events):
        yield SimEvent(data.replace(b'"choices":', _USAGE % number + b',"choices":', 1), content)


def _merged(events: list[SimEvent]) -> list[SimEvent]:
    """The finish travels with the last words."""
    *rest, last, _finish, done = events
    return [*rest, SimEvent(last.data.replace(b'"finish_reason":null', b'"finish_reason":"stop"'), content=True), done]


def _late_words(events: list[SimEvent]) -> list[SimEvent]:
    """The finish comes before the last words."""
    at = next(number for number, event in enumerate(events) if finishes(event.data))
    last = max(number for number, event in enumerate(events) if event.content)
    return [*events[:last], events[at], *(one for n, one in enumerate(events) if n >= last and n != at)]


def _without_marker(*then: Step) -> Behaviour:
    return edited("without-marker", lambda events: events[:-1], then=lambda _: list(then))


def _marker(data: bytes) -> Behaviour:
    """A good stream whose end marker looks like this; Anthropic's has no such thing."""
    return edited("marker", _openai(lambda events: [*events[:-1], SimEvent(data)]))


def _same_time(text: str) -> list[bytes]:
    """Words and the refusal to say more, in turn."""
    return chunks({"content": text}, {"refusal": "I will not."})


_BEGINS: dict[str, Behaviour] = {
    "E50-azure-prelude": edited("prelude", _openai(lambda events: [_PRELUDE, *events])),
    "E50-role-in-each": edited(
        "roles", _openai(_replaced(b'"delta":{"content"', b'"delta":{"role":"assistant","content"'))
    ),
    "E50-new-id-in-each": edited("ids", _openai(_numbered)),
    "E50-null-deltas": edited("nulls", _openai(_before_contents(*_NULLS))),
    "E50-no-delta-at-finish": edited("no-delta", _openai(_replaced(b'"delta":{},', b""))),
    "E50-no-choices": edited("bare", _openai(_before_contents(_BARE))),
    "E50-choices-null": edited("bare", _openai(_before_contents(_NO_CHOICES))),
    "E51-usage-unasked": edited("usage", _openai(lambda events: [*events[:-1], _TOTAL, events[-1]])),
    "E51-usage-in-each": edited("usage", _openai(_counted)),
    "E51-usage-words": edited("usage", _openai(_replaced(b'"choices":', b'"usage":"many","choices":'))),
}
_ENDS: dict[str, Behaviour] = {
    "E52-finish-never": edited("unfinished", unfinished),
    "E52-finish-with-last-words": edited("merged", _openai(_merged)),
    "E52-words-after-finish": edited("late", _late_words),
    "E52-finish-then-fin": _without_marker(Fin()),
    "E52-finish-then-rst": _without_marker(Pause(0.05), Rst()),
    "E52-finish-then-silence": _without_marker(Silence()),
    "E53-marker-without-space": _marker(b"data:[DONE]\n\n"),
    "E53-marker-with-space": _marker(b"data: [DONE] \n\n"),
    "E53-marker-twice": _marker(b"data: [DONE]\n\ndata: [DONE]\n\n"),
    "E53-marker-without-blank-line": _marker(b"data: [DONE]\n"),
}
_WORDS: dict[str, Behaviour] = {
    "E54-reasoning": spoken(
        chunks({"reasoning_content": "so"}, {"reasoning_content": " then"}, {"content": "one two three"}),
        message(
            start(0, type="thinking", thinking="", signature=""),
            piece(0, "thinking", thinking="so then"),
            stop(0),
            *words("one two three", index=1),
        ),
        text="one two three",
        gemini=googles({"text": "so then", "thought": True}, {"text": "one two three"}),
        ollama=lines({"thinking": "so"}, {"thinking": " then"}, {"content": "one two three"}),
        cohere=coheres(
            ("content-start", 0, {"content": {"type": "thinking", "thinking": ""}}),
            ("content-delta", 0, {"content": {"thinking": "so then"}}),
            ("content-end", 0, {}),
            ("content-start", 1, {"content": {"type": "text", "text": ""}}),
            ("content-delta", 1, {"content": {"text": "one two three"}}),
            ("content-end", 1, {}),
        ),
    ),
    "E54-reasoning-by-another-name": spoken(
        chunks({"reasoning": "so"}, {"content": "one two three"}), text="one two three"
    ),
    "E54-reasoning-alone": spoken(
        chunks({"reasoning_content": "so"}),
        message(start(0, type="thinking", thinking=""), piece(0, "thinking", thinking="so"), stop(0)),
        text="",
    ),
    "E54-refusal": spoken(chunks({"refusal": "I will"}, {"refusal": " not."}), message(reason="refusal"), text=""),
    "E54-words-and-refusal": spoken(
        _same_time("one two three"), message(*words("one two three"), reason="refusal"), text="one two three"
    ),
    "E54-content-list": spoken(chunks({"content": [{"type": "text", "text": "one two three"}]}), text="one two three"),
    "E55-no-words": spoken(chunks(), message(), text=""),
    "E55-filtered-after-words": spoken(
        chunks({"content": "one two three"}, finish="content_filter"),
        message(*words("one two three"), reason="refusal"),
        text="one two three",
    ),
    "E55-finish-length": ok("one two three", finish="length"),
    "E56-long-token": ok("a" * 100_000),
    "E56-many-tokens": ok(" on" * 2000),
    "E56-wide-characters": drip(0.0, "naïve ✓ 😀 日本語"),
}

CHUNK_FAULTS: dict[str, Behaviour] = _BEGINS | _ENDS | _WORDS
"""By name; `outlast.lab.faults` holds them with the others."""
