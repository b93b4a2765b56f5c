"""What a simulated provider does with one request: behaviours, made by name.

    ok("Hello", first=0.2, between=0.05)      a good answer, whole or streamed, as the request wants it
    status(503, {"retry-after": "1"})         an error in the vendor's own envelope
    cut(after=4, how="rst")                   four pieces of content, then a reset

`behaviour("cut-4-rst")` makes the same from a word, which is how a model name ("sim-cut-4-rst"), a command line or the
control endpoint asks for it; `outlast.lab.faults` has the named faults. Faults that strike "after k" strike after k
pieces of content of a stream, and half-way through the body of a whole answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

from msgspec import Struct

from outlast.lab.answer import Asked, SimEvent, compose, dumps
from outlast.lab.going_on import Begins, Way
from outlast.lab.rendering import (
    JSON,
    answer_body,
    answer_events,
    insert,
    kind_of,
    opened,
    sent,
    stream_head,
    streamed,
    until,
    whole,
    words_of,
)
from outlast.lab.steps import Body, End, Fin, Framing, Head, Headers, Pause, Raw, Rst, Silence, Step, Unreachable

How = Literal["fin", "rst"]
Edit = Callable[[list[SimEvent]], Iterable[SimEvent]]
Steps = Callable[[Asked], Iterable[Step]]

_HTML = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>\n"


class Behaviour(Struct, frozen=True):
    """What a provider does with one request, under a name."""

    name: str
    play: Steps
    early: bool = False
    """Is the answer given before the request's body is read? The connection closes after it."""

    def __repr__(self) -> str:
        return f"Behaviour({self.name!r})"


def ok(
    text: str | None = None,
    *,
    first: float = 0.0,
    between: float = 0.0,
    finish: str | None = None,
    begins: Begins = "as-asked",
    repeats: int = 0,
    introduction: str = "",
) -> Behaviour:
    """A good answer. `first` seconds pass to the first content, `between` to each further piece.

    Asked for the rest of an answer, it `begins` as it is asked to, straight on, or anew from the top; instead of the
    words that it is to repeat it may say the last `repeats` ones again, and an `introduction` before them.
    """
    way = Way(begins, repeats, introduction)

    def play(asked: Asked) -> Iterator[Step]:
        said = compose(asked, text, finish=finish, way=way)
        if asked.stream:
            yield from streamed(asked, said, first=first, between=between)
        else:
            yield Pause(first + between * max(0, len(said.tokens) - 1))
            kind = kind_of(asked)
            yield from whole(answer_body(asked, said), asked, content_type=kind, pieces=len(said.tokens))

    return Behaviour("ok", play)


def status(
    code: int,
    headers: Mapping[str, str] | None = None,
    body: str | None = None,
    *,
    type: str | None = None,  # noqa: A002
    error: str | None = None,
    message: str = "The simulated provider was told to fail.",
    param: str | None = None,
) -> Behaviour:
    """An answer with this status. Without a `body` it has the vendor's envelope, of this `type` and `error` code."""
    extra = tuple((headers or {}).items())

    def play(asked: Asked) -> Iterator[Step]:
        if body is None:
            yield from whole(dumps(words_of(asked).error(code, message, type, error, param)), asked, code, extra)
        else:
            yield from whole(body.encode(), asked, code, extra, content_type="")

    return Behaviour(f"status-{code}", play)


def throttled(retry_after: float | str | None = None, headers: Mapping[str, str] | None = None) -> Behaviour:
    """429 with the vendor's rate limit error, and a Retry-After if there is one."""
    whole_seconds = isinstance(retry_after, float) and retry_after.is_integer()
    hint = {} if retry_after is None else {"retry-after": f"{retry_after:.0f}" if whole_seconds else f"{retry_after}"}
    return Behaviour("throttled", status(429, {**hint, **(headers or {})}).play)


def reset() -> Behaviour:
    """The request is taken, and the connection reset before a byte."""
    return steps("reset", Rst())


def hang_up() -> Behaviour:
    """The request is taken, and the connection closed before a byte."""
    return steps("hang-up", Fin())


def silent() -> Behaviour:
    """The request is taken, and nothing comes."""
    return steps("silent", Silence())


def unreachable(how: Literal["refused", "blackhole", "dns", "tls"] = "refused") -> Behaviour:
    """No connection at all; what that means on a socket, `Unreachable` says."""
    return steps(f"unreachable-{how}", Unreachable(how))


def stall(after: int = 0, *, first: float = 0.0, between: float = 0.0) -> Behaviour:
    """Good until `after` pieces of content, then silence on an open connection."""
    return broken(f"stall-{after}", after, lambda _: [Silence()], first=first, between=between)


def cut(after: int = 0, how: How = "fin", *, first: float = 0.0, between: float = 0.0) -> Behaviour:
    """Good until `after` pieces of content, then the connection ends without the end of the body."""
    return broken(f"cut-{after}-{how}", after, lambda _: [_end_of(how)], first=first, between=between)


def ended(after: int = 0) -> Behaviour:
    """A stream that ends in order after `after` pieces of content, without a finish: a silent cut. Whole: half JSON."""
    stream = broken(f"ended-{after}", after, lambda _: [End()]).play
    return Behaviour(f"ended-{after}", lambda asked: (stream if asked.stream else truncated_json().play)(asked))


def garbled(after: int = 0, junk: bytes = b'data: {"choices":[{"delta":{"content":"lo\n\n') -> Behaviour:
    """A stream with one event that is no JSON after `after` pieces of content; then it goes on as if nothing were."""
    return edited(f"garbled-{after}", lambda events: insert(events, after, SimEvent(junk)))


def torn(after: int = 0, how: How = "fin", *, inside: str | None = None) -> Behaviour:
    """Cut inside the event that follows `after` pieces of content; half-way, or before the last byte of `inside`."""

    def play(asked: Asked) -> Iterator[Step]:
        events = answer_events(asked, compose(asked, f"one two three four {inside or 'five'} six"))
        yield stream_head(asked)
        yield from map(sent, until(events, after))
        half = next(event.data for event in events[len(until(events, after)) :])
        mark = (inside or "").encode()
        at = half.find(mark) + len(mark) - 1 if mark and mark in half else len(half) // 2
        yield Body(half[:at])
        yield _end_of(how)

    return Behaviour(f"torn-{after}-{how}", play)


def error_event(after: int = 0, type: str | None = None, code: str | None = None) -> Behaviour:  # noqa: A002
    """A stream that tells of an error after `after` pieces of content; a whole answer is a 200 with an envelope."""

    def play(asked: Asked) -> Iterator[Step]:
        words = words_of(asked)
        if not asked.stream:
            yield from whole(dumps(words.error(500, "The simulation failed.", type, code)), asked)
            return
        yield from opened(asked, compose(asked), after)
        yield Body(words.error_event("The simulation failed.", type, code).data)
        yield End()

    return Behaviour(f"error-event-{after}", play)


def pings(after: int = 0, *, every: float = 1.0, count: int | None = None, text: str | None = None) -> Behaviour:
    """Heartbeats, one each `every` seconds, in the place of further content; with a `count` the answer then goes on."""

    def beats(asked: Asked) -> Iterator[Step]:
        beat = words_of(asked).ping().data if asked.stream else b"\n"
        for _ in itertools.count() if count is None else range(count):
            yield Pause(every)
            yield Body(beat)

    def play(asked: Asked) -> Iterator[Step]:
        said = compose(asked, text)
        if asked.stream:
            rest = answer_events(asked, said)
            opening = until(rest, after)
            yield stream_head(asked)
            yield from map(sent, opening)
            yield from beats(asked)
            yield from map(sent, rest[len(opening) :])
        else:
            yield Head(headers=(("content-type", JSON),), framing="chunked")
            yield from beats(asked)
            yield Body(answer_body(asked, said), len(said.tokens))
        yield End()

    return Behaviour(f"pings-{after}", play)


def drip(every: float = 0.2, text: str | None = None) -> Behaviour:
    """A good answer, one byte each `every` seconds; with zero, one byte in each chunk."""

    def play(asked: Asked) -> Iterator[Step]:
        for step in ok(text).play(asked):
            if isinstance(step, Body):
                for byte in step.data:
                    yield Pause(every)
                    yield Body(bytes([byte]))
            else:
                yield step

    return Behaviour("drip", play)


def slow_headers(seconds: float, after: Behaviour | None = None) -> Behaviour:
    """Nothing for some seconds, then `after`, which is a good answer unless said otherwise."""
    then = after or ok()
    return Behaviour(f"slow-headers-{seconds:g}", lambda asked: [Pause(seconds), *then.play(asked)])


def body(data: bytes, *, name: str = "body", content_type: str = JSON, headers: Headers = ()) -> Behaviour:
    """A 200 with exactly these bytes."""
    return Behaviour(name, lambda asked: whole(data, asked, 200, headers, content_type=content_type))


def empty() -> Behaviour:
    """A 200 without a body."""
    return body(b"", name="empty")


def html(code: int = 502) -> Behaviour:
    """A proxy's page instead of an answer."""
    return Behaviour("html", lambda asked: whole(_HTML, asked, code, content_type="text/html"))


def truncated_json() -> Behaviour:
    """A 200 whose length is right, and whose JSON stops half-way."""

    def play(asked: Asked) -> Iterator[Step]:
        data = answer_body(asked, compose(asked))
        yield from whole(data[: len(data) // 2], asked)

    return Behaviour("truncated-json", play)


def not_http() -> Behaviour:
    """Bytes that are not HTTP."""
    return steps("not-http", Raw(b"\x00\x01\x02\xff\xfe random bytes \r\n\r\n"), Fin())


def done_only() -> Behaviour:
    """A stream with the end marker and nothing else; Anthropic's end marker is `message_stop`."""
    return edited("done-only", lambda events: events[-1:])


def no_done() -> Behaviour:
    """A complete stream that lacks only the end marker."""
    return edited("no-done", lambda events: events[:-1])


def endless(word: str = " on", *, between: float = 0.0) -> Behaviour:
    """A stream whose content never ends."""

    def play(asked: Asked) -> Iterator[Step]:
        events = answer_events(asked, compose(asked, word))
        opening = until(events, 0)
        yield stream_head(asked)
        yield from map(sent, opening)
        while True:
            yield sent(events[len(opening)])
            yield Pause(between)

    return Behaviour("endless", play)


def steps(name: str, *script: Step) -> Behaviour:
    """Exactly these steps."""
    return Behaviour(name, lambda _: script)


def later(make: Callable[[], Behaviour]) -> Behaviour:
    """A behaviour that is made when it is played: for what is large."""
    return Behaviour("later", lambda asked: make().play(asked))


def edited(
    name: str, edit: Edit, *, text: str | None = None, framing: Framing = "chunked", then: Steps | None = None
) -> Behaviour:
    """A stream whose events were changed, ended by `then` instead of in order. A whole answer stays good."""

    def play(asked: Asked) -> Iterator[Step]:
        said = compose(asked, text)
        if not asked.stream:
            yield from whole(answer_body(asked, said), asked)
            return
        yield stream_head(asked, framing)
        yield from map(sent, edit(answer_events(asked, said)))
        yield from then(asked) if then else [Fin() if framing == "close" else End()]

    return Behaviour(name, play)


def broken(name: str, after: int, then: Steps, *, first: float = 0.0, between: float = 0.0) -> Behaviour:
    """Good until `after` pieces of content, or until half of a whole answer; then `then`."""

    def play(asked: Asked) -> Iterator[Step]:
        said = compose(asked)
        if asked.stream:
            yield from opened(asked, said, after, first=first, between=between)
        else:
            kind, data = kind_of(asked), answer_body(asked, said)
            yield Pause(first)
            yield Head(headers=(("content-type", kind),), length=len(data))
            yield Body(data[: len(data) // 2], len(said.tokens) // 2)
        yield from then(asked)

    return Behaviour(name, play)


def _end_of(how: How) -> Step:
    return Rst() if how == "rst" else Fin()
