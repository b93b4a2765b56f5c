"""What a simulated answer looks like as steps: whole or streamed, in the words of the vendor that was asked."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from outlast.lab.answer import Asked, Said, SimEvent, Vendor, dumps
from outlast.lab.steps import Body, End, Framing, Head, Headers, Pause, Step
from outlast.lab.vendors import anthropic_side, cohere_side, gemini_side, ollama_side, openai_side, responses_side

JSON = "application/json"
_WORDS: dict[Vendor, ModuleType] = {
    "anthropic": anthropic_side,
    "cohere": cohere_side,
    "gemini": gemini_side,
    "ollama": ollama_side,
    "openai": openai_side,
    "responses": responses_side,
}


def answer_events(asked: Asked, said: Said) -> list[SimEvent]:
    """A whole stream in the vendor's words."""
    events: list[SimEvent] = words_of(asked).events(asked, said)
    return events


def answer_body(asked: Asked, said: Said) -> bytes:
    """A whole answer in the vendor's words."""
    if asked.other is not None:
        return asked.other()[0]
    if asked.kind == "embeddings":
        return dumps(words_of(asked).embeddings(asked))
    if asked.kind == "count_tokens":
        return dumps(words_of(asked).count_tokens(asked))
    return dumps(words_of(asked).whole(asked, said))


def kind_of(asked: Asked) -> str:
    """The media type of a whole answer."""
    return JSON if asked.other is None else asked.other()[1]


def whole(
    data: bytes,
    asked: Asked,
    code: int = 200,
    headers: Headers = (),
    *,
    content_type: str = JSON,
    pieces: int | None = None,
) -> Iterator[Step]:
    """An answer that is sent at once, with the vendor's request id; `pieces` of content were made for it."""
    id_name = "request-id" if asked.vendor == "anthropic" else "x-request-id"
    kind = (("content-type", content_type),) if content_type else ()
    yield Head(code, ((id_name, f"req_sim{asked.number:06d}"), *kind, *headers), length=len(data))
    yield Body(data, pieces)
    yield End()


def streamed(asked: Asked, said: Said, *, first: float = 0.0, between: float = 0.0) -> Iterator[Step]:
    """A good stream."""
    yield from opened(asked, said, None, first=first, between=between)
    yield End()


def framed(asked: Asked, told: bytes, name: bytes = b"") -> bytes:
    """An event that says this, as the vendor's streams have it: a line, or one with a name or without."""
    if asked.vendor == "ollama":
        return told + b"\n"
    return (b"event: %b\n" % name if name else b"") + b"data: %b\n\n" % told


def words_of(asked: Asked) -> ModuleType:
    """The module that has the vendor's words."""
    return _WORDS[asked.vendor]


def opened(asked: Asked, said: Said, after: int | None, *, first: float = 0.0, between: float = 0.0) -> Iterator[Step]:
    """A stream until `after` pieces of content; None for all of it. `first` and `between` as for `ok`."""
    yield stream_head(asked)
    wait = first
    for event in until(answer_events(asked, said), after):
        if event.content:
            yield Pause(wait)
            wait = between
        yield sent(event)


def sent(event: SimEvent) -> Body:
    """The step that sends an event."""
    return Body(event.data, int(event.content))


def until(events: list[SimEvent], after: int | None) -> list[SimEvent]:
    """What comes before the content event that follows `after` of them. Of a stream without an end: all that has."""
    if after is None:
        return events
    places = [place for place, event in enumerate(events) if event.content]
    if not places:
        return events[:1]
    return events[: places[after] if after < len(places) else places[-1] + 1]


def insert(events: list[SimEvent], after: int, new: SimEvent) -> list[SimEvent]:
    """The stream with one more event after `after` pieces of content."""
    before = until(events, after)
    return [*before, new, *events[len(before) :]]


def stream_head(asked: Asked, framing: Framing = "chunked") -> Head:
    """The head of a stream."""
    kind = getattr(words_of(asked), "STREAM", "text/event-stream; charset=utf-8")
    return Head(headers=(("content-type", kind),), framing=framing)
