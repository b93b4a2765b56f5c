"""Answers that are written by hand: a good one with something changed, or under a head that no server should send.

good answer ──▶ JSON ──edit──▶ whole answer                      edited_json, edited_by_vendor
            └─▶ bytes ──▶ head and pieces as you say             raw_answer, headed: always whole
                                                                 under, in_chunks: whole or streamed, as it is asked
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from outlast.lab.answer import Asked, Json, compose, dumps
from outlast.lab.rendering import answer_body, answer_events, whole
from outlast.lab.script import Behaviour
from outlast.lab.steps import Body, Fin, Raw, Step

JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


def edited_json(name: str, edit: Callable[[Json], object]) -> Behaviour:
    """A whole answer whose JSON was changed."""

    def play(asked: Asked) -> Iterator[Step]:
        yield from whole(dumps(edit(json.loads(answer_body(asked, compose(asked))))), asked)

    return Behaviour(name, play)


def edited_by_vendor(name: str, edits: Mapping[str, Callable[[Json], object]]) -> Behaviour:
    """A whole answer whose JSON was changed in its vendor's own words; a good one where there is no such change."""

    def play(asked: Asked) -> Iterator[Step]:
        edit = edits.get(asked.vendor, lambda reply: reply)
        yield from edited_json(name, edit).play(asked)

    return Behaviour(name, play)


def raw_answer(name: str, make: Callable[[bytes], list[Step]]) -> Behaviour:
    """A good whole body, put on the wire by hand."""
    return Behaviour(name, lambda asked: make(answer_body(asked, compose(asked))))


def headed(*lines: bytes, edit: Callable[[bytes], bytes] = lambda data: data, length: int = 0) -> Behaviour:
    """A good whole body under a head with odd lines; `length` is added to the true content length."""

    def make(data: bytes) -> list[Step]:
        sent = edit(data)
        size = b"content-length: %d\r\n" % (len(sent) + length)
        return [Raw(JSON_HEAD + b"".join(line + b"\r\n" for line in lines) + size + b"\r\n"), Body(sent), Fin()]

    return raw_answer("headed", make)


def under(head: bytes, *then: Step, edit: Callable[[bytes], bytes] = lambda data: data) -> Behaviour:
    """A good answer in one piece under this head, in which `%(kind)b` is its type and `%(length)d` its length."""

    def play(asked: Asked) -> Iterator[Step]:
        data = edit(b"".join(pieces_of(asked)))
        yield Raw(head % {b"kind": kind_of(asked), b"length": len(data)})
        yield Body(data)
        yield from then

    return Behaviour("under", play)


def in_chunks(
    chunk: Callable[[bytes], bytes] = lambda data: b"%x\r\n%b\r\n" % (len(data), data),
    end: bytes = b"0\r\n\r\n",
    *then: Step,
    lines: bytes = b"",
) -> Behaviour:
    """A good answer in chunks that are written by `chunk`, and ended by `end`. `lines` are added to the head."""

    def play(asked: Asked) -> Iterator[Step]:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ntransfer-encoding: chunked\r\n%b\r\n"
        yield Raw(head % (kind_of(asked), lines))
        yield from (Body(chunk(piece)) for piece in pieces_of(asked))
        yield Body(end)
        yield from then

    return Behaviour("in-chunks", play)


def kind_of(asked: Asked) -> bytes:
    """The content type of a good answer."""
    return b"text/event-stream" if asked.stream else b"application/json"


def pieces_of(asked: Asked) -> Sequence[bytes]:
    """A good answer: the events of its stream, or the halves of its body."""
    said = compose(asked)
    if asked.stream:
        return [event.data for event in answer_events(asked, said)]
    data = answer_body(asked, said)
    return [data[: len(data) // 2], data[len(data) // 2 :]]
