"""The named faults of streams in which something else comes: heartbeats, errors, other protocols, foreign bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from outlast.lab.answer import Asked, Json, SimEvent, compose, dumps
from outlast.lab.events_by_hand import DONE, chunk, chunks, spoken
from outlast.lab.rendering import answer_body, answer_events, framed, stream_head, until, whole, words_of
from outlast.lab.script import Behaviour, edited, ok
from outlast.lab.steps import Body, End, Head, Raw, Step

_STORM = 2000


def labelled(content_type: str) -> Behaviour:
    """A good answer whose stream says that it is something else."""

    def play(asked: Asked) -> Iterator[Step]:
        if not asked.stream:
            yield from ok().play(asked)
            return
        yield Head(headers=(("content-type", content_type),), framing="chunked")
        yield from (Body(event.data) for event in answer_events(asked, compose(asked)))
        yield End()

    return Behaviour("labelled", play)


def streams(data: bytes, content_type: str = "text/event-stream") -> Behaviour:
    """A stream that is exactly these bytes; a whole answer is good."""
    return Behaviour(
        "streams",
        lambda asked: whole(data, asked, content_type=content_type) if asked.stream else ok().play(asked),
    )


def broken_by(data: bytes) -> Behaviour:
    """A stream of four pieces of content, these bytes, and the end in order; a whole answer is good."""
    return edited("broken-by", lambda events: [*until(events, 4), SimEvent(data)])


def first_error(error: Json) -> Behaviour:
    """A stream that begins with this error, or a 200 that consists of it."""

    def play(asked: Asked) -> Iterator[Step]:
        anthropic = asked.vendor == "anthropic"
        told = dumps({"type": "error", "error": error} if anthropic else {"error": error})
        if not asked.stream:
            yield from whole(told, asked)
            return
        yield from whole(framed(asked, told, b"error" if anthropic else b""), asked, content_type="text/event-stream")

    return Behaviour("first-error", play)


def _beats(asked: Asked) -> bytes:
    beat: bytes = words_of(asked).ping().data
    return beat


def _storm() -> Behaviour:
    def play(asked: Asked) -> Iterator[Step]:
        if not asked.stream:
            yield from ok().play(asked)
            return
        yield Head(headers=(("content-type", "text/event-stream"),), framing="chunked")
        for number, event in enumerate(answer_events(asked, compose(asked))):
            yield Body(_beats(asked) * (_STORM if number < 3 else 10))
            yield Body(event.data)
        yield End()

    return Behaviour("storm", play)


def _other_vendor() -> Behaviour:
    def play(asked: Asked) -> Iterator[Step]:
        if not asked.stream:
            yield from ok().play(asked)
            return
        other = Asked(vendor="openai" if asked.vendor == "anthropic" else "anthropic", body=asked.body)
        yield Head(headers=(("content-type", "text/event-stream"),), framing="chunked")
        yield from (Body(event.data) for event in answer_events(other, compose(other)))
        yield End()

    return Behaviour("other-vendor", play)


def _between(odd: bytes) -> Behaviour:
    """Something before each event."""
    return edited("between", lambda events: [one for each in events for one in (SimEvent(odd), each)])


def _inside(junk: bytes) -> Behaviour:
    """These bytes inside the text of the fifth piece of content; a whole answer is good."""

    def play(asked: Asked) -> Iterator[Step]:
        if not asked.stream:
            yield from ok().play(asked)
            return
        events = answer_events(asked, compose(asked))
        at = len(until(events, 4))
        yield stream_head(asked)
        for number, (data, _) in enumerate(events):
            sent = data.replace(b'":" ', b'":"' + junk, 1) if number == at else data
            yield Raw(b"%x\r\n%b\r\n" % (len(sent), sent))
        yield End()

    return Behaviour("inside", play)


def _prefixed(junk: bytes) -> Callable[[list[SimEvent]], list[SimEvent]]:
    """The bytes before each event but the first."""
    return lambda events: [events[0], *(SimEvent(junk + data, content) for data, content in events[1:])]


def _as_events() -> Behaviour:
    def play(asked: Asked) -> Iterator[Step]:
        kind = "text/event-stream" if asked.stream else "application/json"
        yield from whole(answer_body(asked, compose(asked)), asked, content_type=kind)

    return Behaviour("as-events", play)


_VLLM = b'data: {"object":"error","message":"canary","type":"BadRequestError","param":null,"code":400}\n\n'
_HEARTBEATS: dict[str, Behaviour] = {
    "E57-comments-alone": streams(b": canary\n\n" * 100),
    "E57-ping-storm": _storm(),
    "E57-empty-data": _between(b"data:\n\ndata: \n\n"),
    "E57-blank-lines": _between(b"\n\n\n"),
    "E57-long-comment": _between(b": " + b"a" * 10_000 + b"\n\n"),
    "E57-nul-lines": _between(b"\x00\x00\n\n"),
    "E58-raw-nul-in-text": _inside(b"\x00"),
    "E58-half-a-character": _inside(b"\xe2\x9c"),
    "E58-half-a-character-elsewhere": _inside(b'","odd":"\xe2\x9c'),
    "E59-mark-before-event": edited("mark", _prefixed(b"\xef\xbb\xbf")),
    "E59-nul-before-event": edited("nul", _prefixed(b"\0")),
    "E58-words-mid-stream": broken_by(b"canary: upstream connect error\n\n"),
    "E58-html-as-events": streams(b"<html><body>canary</body></html>"),
    "E58-words-as-events": streams(b"canary: no healthy upstream\n"),
}
_ERRORS: dict[str, Behaviour] = {
    "E60-first-overloaded": first_error({"type": "overloaded_error", "message": "canary"}),
    "E60-first-quota": first_error({"type": "insufficient_quota", "message": "canary"}),
    "E60-first-key": first_error({"type": "authentication_error", "message": "canary"}),
    "E60-first-context": first_error({"code": "context_length_exceeded", "type": "invalid_request_error"}),
    "E60-first-filter": first_error({"code": "content_filter", "message": "canary"}),
    "E60-first-429": first_error({"code": 429, "message": "canary"}),
    "E60-first-502": first_error({"code": 502, "message": "Provider returned error"}),
    "E60-first-unknown-type": first_error({"type": "later_error", "message": "canary"}),
    "E60-first-empty-words": first_error({"type": "api_error", "message": ""}),
    "E61-error-named": broken_by(b'event: error\ndata: {"error":{"message":"canary","type":"server_error"}}\n\n'),
    "E61-error-text": broken_by(b'data: {"error":"canary"}\n\n'),
    "E61-error-number": broken_by(b'data: {"error":{"code":502,"message":"canary"}}\n\n'),
    "E61-error-bare-json": broken_by(b'{"error":{"message":"canary"}}\n\n'),
    "E61-error-overloaded": broken_by(b'data: {"type":"error","error":{"type":"overloaded_error"}}\n\n'),
    "E61-error-without-blank-line": broken_by(b'data: {"error":{"message":"canary"}}\n'),
    "E61-error-plain-words": broken_by(b"data: canary: Internal Server Error\n\n"),
    "E60-first-vllm": spoken([_VLLM, DONE]),
    "E61-error-vllm": spoken([*chunks({"content": "one"})[:2], _VLLM, DONE]),
    "E61-error-in-choice": spoken(
        [
            *chunks({"content": "one"})[:2],
            chunk({"content": ""}, "error", error={"code": 502, "message": "canary"}),
            DONE,
        ]
    ),
    "E61-finish-error": spoken(chunks({"content": "one"}, finish="error")),
    "E61-data-null": broken_by(b"data: null\n\n"),
}
_OTHERS: dict[str, Behaviour] = {
    "E62-other-vendor": _other_vendor(),
    "E62-ollama": streams(
        b'{"model":"m","message":{"role":"assistant","content":"canary"},"done":false}\n'
        b'{"model":"m","done":true,"done_reason":"stop"}\n',
        "application/x-ndjson",
    ),
    "E62-gemini": streams(b'data: {"candidates":[{"content":{"parts":[{"text":"canary"}]}}]}\n\n'),
    "E62-gemini-list": streams(b'[{"candidates":[{"content":{"parts":[{"text":"canary"}]}}]}\n]', "application/json"),
    "E62-cohere": streams(b'event: message-start\ndata: {"type":"message-start","delta":{"message":{}}}\n\n'),
    "E63-as-plain-text": labelled("text/plain"),
    "E63-as-octets": labelled("application/octet-stream"),
    "E63-in-capitals": labelled("TEXT/EVENT-STREAM; Charset=UTF-8"),
    "E62-legacy-text": spoken([b'data: {"choices":[{"index":0,"text":"canary","finish_reason":"stop"}]}\n\n', DONE]),
    "E63-events-as-json": labelled("application/json"),
    "E63-whole-answer-as-events": _as_events(),
    "E63-whole-answer": Behaviour("whole", lambda asked: whole(answer_body(asked, compose(asked)), asked)),
    "E63-whole-answer-unsaid": Behaviour(
        "unsaid", lambda asked: whole(answer_body(asked, compose(asked)), asked, content_type="")
    ),
}

MIXED_FAULTS: dict[str, Behaviour] = _HEARTBEATS | _ERRORS | _OTHERS
"""By name; `outlast.lab.faults` holds them with the others."""
