"""The named faults of streams that are about form and time: line ends, odd fields, torn events, cuts, silence."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

from outlast.lab.answer import Asked, SimEvent, compose
from outlast.lab.faults.places import finishes
from outlast.lab.rendering import answer_events, until
from outlast.lab.script import (
    Behaviour,
    cut,
    done_only,
    drip,
    edited,
    ended,
    endless,
    error_event,
    garbled,
    no_done,
    ok,
    pings,
    stall,
    torn,
)
from outlast.lab.steps import Body, End, Head, Silence, Step

_STREAM = (("content-type", "text/event-stream"),)
_ODD_FIELDS = SimEvent(b"retry: 10\nid: 7\nevent: nothing\n\ndata\n\n: a comment\n\n")
_UNKNOWN = SimEvent(b'event: later_addition\nx-field: 1\ndata: {"type":"later_addition","later":true}\n\n')
_HTML = SimEvent(b"<html><body>502 Bad Gateway</body></html>\n\n")


def line_ends(*ends: bytes) -> Behaviour:
    """A good stream whose lines end in other ways, taken in turn."""

    def edit(events: list[SimEvent]) -> Iterator[SimEvent]:
        turn = itertools.cycle(ends)
        for data, content in events:
            lines = data.split(b"\n")
            yield SimEvent(b"".join(line + next(turn) for line in lines[:-1]), content)

    return edited("line-ends", edit)


def split_crlf() -> Behaviour:
    """A good stream with CRLF, in which every CR and LF travel apart."""

    def play(asked: Asked) -> Iterator[Step]:
        yield Head(headers=_STREAM, framing="chunked")
        for event in answer_events(asked, compose(asked)):
            for line in event.data.split(b"\n")[:-1]:
                yield Body(line + b"\r")
                yield Body(b"\n")
        yield End()

    return Behaviour("split-crlf", play)


def several_data_lines() -> Behaviour:
    """A good stream whose JSON is broken over several data lines."""
    return edited("data-lines", _each(lambda data: data.replace(b',"', b',\ndata: "', 1)))


def finish_twice() -> Behaviour:
    """A good stream that tells its finish twice."""

    def edit(events: list[SimEvent]) -> Iterator[SimEvent]:
        for event in events:
            yield event
            if finishes(event.data):
                yield event

    return edited("finish-twice", edit)


def _each(edit: Callable[[bytes], bytes]) -> Callable[[list[SimEvent]], Iterable[SimEvent]]:
    return lambda events: [SimEvent(edit(data), content) for data, content in events]


def _unended(events: list[SimEvent]) -> Iterator[SimEvent]:
    yield from events[:-1]
    yield SimEvent(events[-1].data.rstrip(b"\n") + b"\n")


def _before_each(odd: SimEvent) -> Callable[[list[SimEvent]], Iterable[SimEvent]]:
    return lambda events: [part for event in events for part in (odd, event)]


def _after_the_end(events: list[SimEvent]) -> list[SimEvent]:
    return [*events, *(event for event in events if event.content)]


def _long_line(events: list[SimEvent]) -> list[SimEvent]:
    return [*events[:-1], SimEvent(b'data: {"x":"' + b"a" * (16 << 20) + b'"}\n\n'), events[-1]]


def _unfinished(asked: Asked) -> list[Step]:
    del asked
    return [Silence()]


_FORMS: dict[str, Behaviour] = {
    "E1-crlf": line_ends(b"\r\n"),
    "E1-cr": line_ends(b"\r"),
    "E1-mixed": line_ends(b"\r", b"\r\n", b"\n"),
    "E1-crlf-split": split_crlf(),
    "E2-bom": edited("bom", lambda events: [SimEvent(b"\xef\xbb\xbf"), *events]),
    "E4-odd-fields": edited("odd-fields", _before_each(_ODD_FIELDS)),
    "E5-no-space": edited("no-space", _each(lambda data: data.replace(b"data: ", b"data:"))),
    "E6-several-data-lines": several_data_lines(),
    "E7-unknown-events": edited("unknown", _before_each(_UNKNOWN)),
    "E9-byte-by-byte": drip(0.0),
    "E11-no-blank-line": edited("no-blank-line", _unended),
    "E12-close-delimited": edited("close-delimited", list, framing="close"),
    "E14-done-then-open": edited("done-then-open", list, then=_unfinished),
    "E16-after-done": edited("after-done", _after_the_end),
    "E17-finish-twice": finish_twice(),
    "E21-zero-events": edited("zero-events", lambda _: []),
    "E23-no-finish": ended(4),
    "E32-torn-event": torn(4),
    "E32-torn-character": torn(4, inside="✓"),
    "E33-garbled-after-4": garbled(4),
    "E34-html-mid-stream": edited("html", lambda events: [*until(events, 4), _HTML], then=lambda _: [End()]),
    "E36-line-16-mib": edited("long-line", _long_line),
    "E37-endless": endless(),
    "E40-fin-close-delimited": edited("close-cut", lambda events: until(events, 4), framing="close"),
}
_TIMED: dict[str, Behaviour] = {
    "E19-role-then-silence": stall(0),
    "E20-stall-after-4": stall(4),
    "E22-headers-rst": cut(0, "rst"),
    "E24-done-only": done_only(),
    "E25-no-done": no_done(),
    "E26-first-event-rate-limit": error_event(0, "rate_limit_error", "rate_limit_exceeded"),
    "E26-first-event-invalid": error_event(0, "invalid_request_error"),
    "E28-error-after-4": error_event(4),
    "E29-pings-after-4": pings(4),
    "E30-pings-then-answer": pings(0, every=2.0, count=3),
    "E31-fin-after-4": cut(4, "fin"),
    "E31-rst-after-4": cut(4, "rst"),
    "E38-slow-tokens": ok(first=1.0, between=1.0),
}

STREAM_FAULTS: dict[str, Behaviour] = _FORMS | _TIMED
"""By name; `outlast.lab.faults` holds them with the others."""
