"""How many tokens a text has for one model, without that model's tables: within some 15 % for prose and code.

    count("Guten Morgen", "o200k")        a text
    count_chat(chat, "claude")            a whole request: messages, tools, pictures
    vocabulary_of("gpt-6.1-sol")          which vocabulary a model's name stands for

Costs about a tenth of a millisecond for a kilobyte, so that it is asked only where a window or a caller wants to know.
Of a long text samples are counted: a book takes no longer than a chapter.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from operator import mul

import msgspec

from outlast.model.errors import Failure
from outlast.model.messages import (
    Chat,
    Content,
    Document,
    Image,
    Message,
    Part,
    Request,
    Tool,
    ToolCall,
    ToolResult,
)
from outlast.model.pieces import pieces_of
from outlast.model.vocabularies import COSTS, NAMES, UNKNOWN, Vocabulary

LONG = 64_000
"""Characters that are looked at in all; of more, samples are."""
_SAMPLE = 800

PER_MESSAGE = 4
"""Tokens that mark where a message begins, ends, and whose it is."""
PER_TOOL = 8
"""Tokens around the definition of a tool, which models see in other words than its JSON."""
IMAGE = 800
"""Tokens of a picture, whatever its size; one of low detail has `LOW_DETAIL`."""
LOW_DETAIL = 85
_BYTES_OF_FILE = 10
"""Bytes of a file, such as a PDF, to a token; nobody knows what is in it."""

_JSON = msgspec.json.Encoder()
_NAMES = [(re.compile(pattern), vocabulary) for pattern, vocabulary in NAMES]


@lru_cache(maxsize=1024)
def vocabulary_of(model: str) -> Vocabulary:
    """The vocabulary that a model of that name is likely to have."""
    name = model.lower()
    return next((vocabulary for pattern, vocabulary in _NAMES if pattern.search(name)), UNKNOWN)


def count(text: str, vocabulary: Vocabulary, share: float = 1.0) -> int:
    """Tokens of a text.

    Args:
        text: any text.
        vocabulary: one of `vocabularies.COSTS`.
        share: how much of it is looked at; a text longer than `LONG` is never looked at whole.
    """
    size = len(text)
    wanted = min(size * share, LONG)
    if size <= 2 * _SAMPLE or wanted >= size:
        return max(1, round(_cost(text, vocabulary))) if text else 0
    samples = max(1, int(wanted / _SAMPLE))
    step = size // samples
    parts = [text[start : start + _SAMPLE] for start in range(0, step * samples, step)]
    return round(sum(_cost(part, vocabulary) for part in parts) * size / sum(map(len, parts)))


def _cost(text: str, vocabulary: Vocabulary) -> float:
    return math.fsum(map(mul, COSTS[vocabulary], pieces_of(text)))


class Meter:
    """Counts the parts of one request: all of a short one, samples of a long one.

    Args:
        chat: the request.
        vocabulary: one of `vocabularies.COSTS`.
    """

    __slots__ = ("_rate", "_share", "_vocabulary")

    def __init__(self, chat: Chat, vocabulary: Vocabulary) -> None:
        size = sum(_size(part) for message in chat.messages for part in message.parts)
        self._share = min(1.0, LONG / size) if size else 1.0
        self._vocabulary = vocabulary
        self._rate = _rate(chat, size, vocabulary) if self._share < 1.0 else 0.0

    def beside(self, chat: Chat) -> int:
        """Tokens of what stands beside the messages: tools, and a schema for the answer."""
        tokens = sum(map(self._of_tool, chat.tools))
        if chat.schema is not None and chat.schema.schema:
            tokens += self._text(_JSON.encode(chat.schema.schema).decode())
        return tokens

    def message(self, message: Message) -> int:
        """Tokens of one message."""
        return PER_MESSAGE + self._text(message.name) + self._parts(message.parts)

    def _text(self, text: str) -> int:
        if self._rate and len(text) * self._share < _SAMPLE:
            return round(len(text) * self._rate)
        return count(text, self._vocabulary, self._share)

    def _parts(self, parts: Iterable[Part]) -> int:
        return sum(map(self._part, parts))

    def _part(self, part: Part) -> int:
        if isinstance(part, Image):
            return LOW_DETAIL if part.detail == "low" else IMAGE
        if isinstance(part, Document):
            return len(part.data) * 3 // 4 // _BYTES_OF_FILE
        if isinstance(part, ToolCall):
            return PER_TOOL + self._text(part.name + part.arguments)
        if isinstance(part, ToolResult):
            return self._parts(part.parts)
        return self._text(part.text)

    def _of_tool(self, tool: Tool) -> int:
        schema = _JSON.encode(tool.parameters).decode() if tool.parameters else ""
        return PER_TOOL + self._text(f"{tool.name}\n{tool.description}\n{schema}")


def count_chat(chat: Chat, vocabulary: Vocabulary) -> int:
    """Tokens of a whole request, the answer not included."""
    meter = Meter(chat, vocabulary)
    return meter.beside(chat) + sum(map(meter.message, chat.messages))


def count_content(content: Content, vocabulary: Vocabulary) -> int:
    """Tokens of a request of any kind; what came as token numbers has as many."""
    if isinstance(content, Chat):
        return count_chat(content, vocabulary)
    return sum(len(row) if isinstance(row, tuple) else count(row, vocabulary) for row in content.input)


def tokens_of(request: Request, vocabulary: Vocabulary) -> int:
    """Tokens of a request and of what has been said of its answer; counted once for each vocabulary.

    Where nothing is there to be read, or can be, the estimate by its bytes.
    """
    if not request.readable:
        return request.tokens
    try:
        content = request.content()
    except Failure:  # only its provider understands it
        return request.tokens
    if request.counted is None or request.counted[0] is not content:
        request.counted = content, {}
    known = request.counted[1]
    if vocabulary not in known:
        known[vocabulary] = count_content(content, vocabulary)
    return known[vocabulary] + (count(request.begun.text, vocabulary) if request.begun is not None else 0)


def _rate(chat: Chat, size: int, vocabulary: Vocabulary) -> float:
    """Tokens for each character of a long request, by samples at even distances: there may be a million messages."""
    samples: list[str] = []
    passed, next_at, step = 0, 0.0, size / (LONG / _SAMPLE)
    for text in (text for message in chat.messages for part in message.parts for text in _texts(part)):
        passed += len(text)
        if passed >= next_at:
            start = max(0, min(int(len(text) - (passed - next_at)), len(text) - _SAMPLE))
            samples.append(text[start : start + _SAMPLE])
            next_at = passed + step
    sample = "\n".join(samples)
    return _cost(sample, vocabulary) / len(sample) if sample else 0.0


def _texts(part: Part) -> Iterator[str]:
    """What of it is text."""
    if isinstance(part, ToolCall):
        yield part.arguments
    elif isinstance(part, ToolResult):
        for inner in part.parts:
            yield from _texts(inner)
    elif not isinstance(part, (Image, Document)):
        yield part.text


def _size(part: Part) -> int:
    """Characters of its text."""
    return sum(map(len, _texts(part)))
