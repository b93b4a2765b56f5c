"""Where each vendor keeps what faults change in a whole answer, and how its streams tell that one has finished."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, cast

from outlast.lab.answer import Json, SimEvent, Vendor

Edit = Callable[[Json], object]
Path = tuple[str | int, ...]


class Places(NamedTuple):
    """The field of the answers, the way to the words of the first one, and the fields of what it took."""

    answers: str
    words: Path
    usage: tuple[str, ...]


PLACES: Mapping[Vendor, Places] = {
    "openai": Places("choices", ("choices", 0, "message", "content"), ("usage",)),
    "anthropic": Places("content", ("content",), ("usage",)),
    "responses": Places("output", ("output", 0, "content", 0, "text"), ("usage",)),
    "cohere": Places("message", ("message", "content", 0, "text"), ("usage",)),
    "gemini": Places("candidates", ("candidates", 0, "content", "parts", 0, "text"), ("usageMetadata",)),
    "ollama": Places("message", ("message", "content"), ("prompt_eval_count", "eval_count")),
}
_COUNTS = (
    *("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens"),
    *("promptTokenCount", "candidatesTokenCount"),
)
_FINISHES = (
    *(b'"finish_reason":"', b'"type":"message_delta"', b'"type":"response.completed"', b'"finishReason":"'),
    b'"done":true',
)
_UNFINISHED = (
    (b'"finish_reason":"stop"', b'"finish_reason":null'),
    (b'"stop_reason":"end_turn"', b'"stop_reason":null'),
    (b'"finish_reason":"COMPLETE",', b""),
    (b'"finishReason":"STOP",', b""),
    (b',"finishReason":"STOP"', b""),
    (b'"done":true', b'"done":false'),
)


def at(*path: str | int, value: object) -> Edit:
    """Sets what stands there."""

    def edit(reply: Json) -> object:
        inner: object = reply
        for step in path[:-1]:
            inner = cast("Json", inner)[cast("str", step)]
        cast("Json", inner)[cast("str", path[-1])] = value
        return reply

    return edit


def answers(value: object) -> dict[str, Edit]:
    """This in the place of the answers, in each vendor's words."""
    return {vendor: at(places.answers, value=value) for vendor, places in PLACES.items()}


def words(value: object) -> dict[str, Edit]:
    """This in the place of the words."""
    return {vendor: at(*places.words, value=value) for vendor, places in PLACES.items()}


def usage(value: object) -> dict[str, Edit]:
    """This in the place of what the answer took."""
    return {vendor: _usage(places, value) for vendor, places in PLACES.items()}


def counts(number: float) -> dict[str, Edit]:
    """So many tokens, under each vendor's names."""
    told: Json = dict.fromkeys(_COUNTS, number)
    return usage(told | {"tokens": told}) | {"ollama": _usage(PLACES["ollama"], number)}


def without(places: Callable[[Places], tuple[str, ...]]) -> dict[str, Edit]:
    """As usual, but without these fields."""
    return {vendor: _without(places(there)) for vendor, there in PLACES.items()}


def _usage(places: Places, value: object) -> Edit:
    return lambda reply: reply | dict.fromkeys(places.usage, value)


def _without(names: tuple[str, ...]) -> Edit:
    return lambda reply: {name: value for name, value in reply.items() if name not in names}


def finishes(data: bytes) -> bool:
    """Does this event tell why the answer has ended?"""
    return any(mark in data for mark in _FINISHES)


def unfinished(events: list[SimEvent]) -> Iterator[SimEvent]:
    """The same stream without a word of why it ended."""
    for data, content in events:
        silent = data
        for said, unsaid in _UNFINISHED:
            silent = silent.replace(said, unsaid)
        yield SimEvent(silent, content)
