"""The named faults of streams of messages, as Anthropic has them; in OpenAI's dialect they are answered as usual."""

from __future__ import annotations

from outlast.lab.events_by_hand import begun, event, message, over, piece, spoken, start, stop, words
from outlast.lab.script import Behaviour

_GOOD = message(*words("one", " two", " three"))


def _unnamed(data: bytes) -> bytes:
    return data.partition(b"\n")[2]


def _about(*events: bytes, text: str | None = "one two three") -> Behaviour:
    return spoken(anthropic=list(events), text=text)


def _breaking(*events: bytes) -> Behaviour:
    return _about(*events, text=None)


MESSAGE_FAULTS: dict[str, Behaviour] = {
    "E70-no-event-names": _about(*map(_unnamed, _GOOD)),
    "E70-names-mismatched": _about(*(one.replace(b"event: content_block_delta", b"event: ping") for one in _GOOD)),
    "E71-no-message-start": _about(*_GOOD[1:]),
    "E71-message-start-twice": _about(begun(), *_GOOD),
    "E71-no-block-start": _about(*(one for one in _GOOD if b"content_block_start" not in one)),
    "E71-no-block-stop": _about(*(one for one in _GOOD if b"content_block_stop" not in one)),
    "E71-message-stop-twice": _about(*_GOOD, event("message_stop")),
    "E71-delta-twice": _about(*_GOOD[:-1], *over()),
    "E72-index-gap": _about(*message(*words("one", index=0), *words(" two three", index=5))),
    "E72-index-from-one": _about(*message(*words("one two three", index=1))),
    "E72-stop-without-reason": _breaking(*_GOOD[:-2], event("message_stop")),
    "E73-pings-everywhere": _about(*(one for each in _GOOD for one in (event("ping"), each))),
    "E73-unknown-parts": _about(
        *message(
            start(0, type="later_use", later=1),
            piece(0, "later", later="x"),
            stop(0),
            *words("one two three", index=1),
        )
    ),
    "E73-citations": _about(
        *message(
            start(0, type="text", text="", citations=[]),
            piece(0, "citations", citation={"type": "char_location", "cited_text": "canary"}),
            piece(0, "text", text="one two three"),
            stop(0),
        )
    ),
    "E73-thinking": _about(
        *message(
            start(0, type="thinking", thinking="", signature=""),
            piece(0, "thinking", thinking="so"),
            piece(0, "signature", signature="c2ln"),
            stop(0),
            *words("one two three", index=1),
        )
    ),
    "E73-text-in-block-start": _about(
        *message(start(0, type="text", text="one"), piece(0, "text", text=" two three"), stop(0))
    ),
    "E74-usage-missing": _about(
        event("message_start", message={"id": "msg_sim", "type": "message", "role": "assistant", "content": []}),
        *words("one two three"),
        event("message_delta", delta={"stop_reason": "end_turn"}),
        event("message_stop"),
    ),
    "E74-delta-null": _about(
        *_GOOD[:3], event("content_block_delta", index=0, delta=None), event("message_delta"), *_GOOD[3:]
    ),
    "E75-window-exceeded": _about(*message(*words(), reason="model_context_window_exceeded"), text=""),
    "E75-refusal": _about(*message(*words("one two three"), reason="refusal")),
    "E76-error-without-words": _breaking(*_GOOD[:3], event("error")),
    "E76-error-in-plain-words": _breaking(*_GOOD[:3], b"event: error\ndata: canary: Internal Server Error\n\n"),
}
"""By name; `outlast.lab.faults` holds them with the others."""
