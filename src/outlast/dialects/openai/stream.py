"""Chat completions, streamed: OpenAI's chunks into ours, and ours into OpenAI's.

    data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}], …}
    data: {"choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}], …}
    data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}], …}
    data: {"choices":[],"usage":{…}, …}                                       only if the caller asked for it
    data: [DONE]

The answer is complete when every choice that began has a finish reason; the end marker is welcome, not required.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct

from outlast.dialects import errors, wire
from outlast.dialects.classify import in_band
from outlast.dialects.openai.reply import (
    GIVEN_UP,
    WireFunction,
    WireUsage,
    answer_id,
    finish_read,
    finish_told,
    text_of,
    thought_in,
    usage_in,
    usage_of,
    usage_told,
)
from outlast.dialects.stream import EventReader
from outlast.model import estimate
from outlast.model.errors import BadResponse, Failure
from outlast.model.messages import Chunk, Opening, Request, ToolDelta, Usage
from outlast.model.target import Target
from outlast.ports import Facts


class _Call(Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: WireFunction | None = None


class _Delta(Struct, gc=False):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    function_call: WireFunction | None = None
    audio: dict[str, Any] | None = None


class _Choice(Struct, gc=False):
    delta: _Delta | None = None
    index: int = 0
    finish_reason: str | None = None
    message: Any = None
    text: Any = None
    error: Any = None


class _Beside(Struct, gc=False):
    usage: WireUsage | None = None


class _Event(Struct, gc=False):
    choices: list[_Choice]
    usage: WireUsage | None = None
    error: Any = None
    x_groq: _Beside | None = None


class _LooseDelta(Struct):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: list[_Call] | None = None


class _LooseChoice(Struct):
    delta: _LooseDelta | None = None
    index: int | None = None
    finish_reason: str | None = None
    message: Any = None
    text: Any = None
    error: Any = None


class _LooseEvent(Struct):
    type: Any = None
    object: Any = None
    choices: list[_LooseChoice] | None = None
    usage: Raw = Raw()
    error: Any = None


class _Head(Struct):
    id: Any = None
    model: Any = None
    created: Any = None


_EVENT = msgspec.json.Decoder(_Event)
_LOOSE = msgspec.json.Decoder(_LooseEvent)
_HEAD = msgspec.json.Decoder(_Head)
_ENCODER = msgspec.json.Encoder()
_DONE = b"[DONE]"
_END = b"data: [DONE]\n\n"


class OpenAIReader(EventReader):
    """Reads one stream of chat completion chunks."""

    __slots__ = ("_calls", "_choices", "_request", "_size", "_target", "_told", "_under_way", "_usage", "_usage_wanted")

    def __init__(self, request: Request, target: Target) -> None:
        super().__init__()
        self._request = request
        self._target = target
        self._usage_wanted = request.usage_wanted
        self._choices: dict[int, bool] = {}  # which answers have begun ─▶ has it finished?
        self._under_way = 0
        self._calls: dict[str, int] = {}
        self._usage: Usage | None = None
        self._told = False
        self._size = 0

    def _take(self, data: bytes, chunks: list[Chunk]) -> bool:
        try:
            said = _EVENT.decode(data)
        except wire.BROKEN:
            text = data.strip()
            if text == _DONE:
                return self._end(chunks)
            loose = self._tolerantly(data) if text else None
            if loose is None:
                return False
            said = loose
        if said.error:
            raise in_band(said.error, self._target)
        if not self._choices:
            self._open(data)
        choices = said.choices
        if len(choices) != 1 or said.usage is not None or said.x_groq is not None:
            return self._several(said, chunks)
        choice = choices[0]
        delta = choice.delta
        if choice.index or delta is None or choice.finish_reason is not None or 0 not in self._choices:
            return self._choose(choice, chunks)
        words = delta.content
        if not words or delta != _Delta(words):
            return self._choose(choice, chunks)
        self._size += estimate.weight(words)
        chunks.append(Chunk(words))
        return True

    def _several(self, said: _Event, chunks: list[Chunk]) -> bool:
        """An event that is not simply the next words of one answer."""
        told = said.usage or (said.x_groq.usage if said.x_groq is not None else None)
        if told is not None:
            self._usage = usage_of(told)
        keep = [self._choose(choice, chunks) for choice in said.choices]
        if self._usage is not None and self.finished and not self._told:
            self._tell(chunks)
        if keep:
            return any(keep)
        return said.usage is None or self._usage_wanted  # the usage is only for a caller who asked for it

    def _choose(self, choice: _Choice, chunks: list[Chunk]) -> bool:
        index, delta, finish = choice.index, choice.delta, choice.finish_reason
        if choice.error or finish in GIVEN_UP:
            raise in_band(choice.error or GIVEN_UP[finish or ""], self._target)
        if delta is None and (choice.message is not None or choice.text is not None):
            raise BadResponse("an event of the stream is of another protocol")
        if index not in self._choices:
            self._choices[index] = self.finished = False
            self._under_way += 1
        if finish is not None:
            if self._choices[index]:
                return False  # a second end of the same answer
            self._choices[index] = True
            self._under_way -= 1
            self.finished = not self._under_way
            finish = finish_read(finish)
        text = ""
        if delta is not None:
            text = delta.content or ""
            self._size += estimate.weight(text)
            if (
                delta.tool_calls
                or delta.reasoning_content
                or delta.reasoning
                or delta.refusal
                or delta.audio
                or delta.function_call
            ):
                self._rest(delta, index, chunks)
        if text or finish is not None:
            chunks.append(Chunk(text, finish=finish, choice=index) if finish or index else Chunk(text))
        return True

    def _rest(self, delta: _Delta, index: int, chunks: list[Chunk]) -> None:
        """What few events have: reasoning, refusal, audio, tool calls."""
        reasoning = delta.reasoning_content or delta.reasoning or ""
        refusal = delta.refusal or ""
        self._size += estimate.weight(reasoning) + estimate.weight(refusal)
        audio = bool(delta.audio)
        if reasoning or refusal or audio:
            chunks.append(Chunk(reasoning=reasoning, refusal=refusal, audio=audio, choice=index))
        chunks.extend(Chunk(tool=self._piece(call), choice=index) for call in delta.tool_calls or ())
        if delta.function_call is not None:
            chunks.append(Chunk(tool=self._piece(_Call(0, "", delta.function_call)), choice=index))

    def _piece(self, call: _Call) -> ToolDelta:
        function = call.function or WireFunction()
        arguments = function.text()
        self._size += estimate.weight(arguments)
        return ToolDelta(self._place(call), call.id or "", function.name or "", arguments)

    def _place(self, call: _Call) -> int:
        """The call's number; where the provider has none, each new id begins a new call."""
        if call.index is not None:
            return call.index
        if call.id:
            return self._calls.setdefault(call.id, len(self._calls))
        return max(0, len(self._calls) - 1)

    def _tell(self, chunks: list[Chunk]) -> None:
        self._told = True
        chunks.append(Chunk(usage=self._usage))

    def _total(self, chunks: list[Chunk]) -> None:
        if self._told:
            return
        if self._usage is None:
            self._usage = estimate.of_stream(self._size, self._request)
        self._tell(chunks)

    def _end(self, chunks: list[Chunk]) -> bool:
        if not self.finished:
            raise BadResponse("the stream ended without a finish reason" if self._choices else "an empty stream")
        self._ended = True
        self._total(chunks)
        return False

    def _open(self, data: bytes) -> None:
        if self.opening.id or self.opening.model:
            return
        try:
            head = _HEAD.decode(data)
        except wire.BROKEN:
            raise BadResponse("an event of the stream is garbled") from None
        self.opening = Opening(
            id=head.id if isinstance(head.id, str) else "",
            model=head.model if isinstance(head.model, str) else "",
            created=head.created if isinstance(head.created, int) else 0,
        )

    def _tolerantly(self, data: bytes) -> _Event | None:
        """The event that does not look quite as it should; None for one that names a kind which we do not know."""
        try:
            loose = _LOOSE.decode(data)
        except wire.BROKEN:
            raise BadResponse("an event of the stream is garbled") from None
        if loose.object == "error":
            raise in_band(wire.said(data), self._target)
        if loose.choices is None and not loose.error and usage_in(loose.usage) is None:
            if isinstance(loose.type, str) or loose.object == "chat.completion.chunk":
                return None
            raise BadResponse("an event of the stream is of another protocol")
        return _Event([_strict(choice) for choice in loose.choices or ()], usage_in(loose.usage), loose.error)


def _strict(choice: _LooseChoice) -> _Choice:
    loose = choice.delta or _LooseDelta()
    delta = _Delta(
        content=text_of(loose.content),
        reasoning_content=text_of(loose.reasoning_content) or text_of(loose.reasoning) or thought_in(loose.content),
        refusal=text_of(loose.refusal),
        tool_calls=loose.tool_calls,
    )
    more = (choice.message, choice.text, choice.error)
    return _Choice(delta if choice.delta is not None else None, choice.index or 0, choice.finish_reason, *more)


class OpenAIWriter:
    """Writes one stream of chat completion chunks."""

    __slots__ = ("_begun", "_close", "_front", "_request", "_started", "_usage")

    _begun: set[int]
    """The answers of which something has been written: made at the start, for most streams are passed on."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._front = b""
        self._close = b',"usage":null}\n\n' if request.usage_wanted else b"}\n\n"
        self._usage: Usage | None = None
        self._started = False

    def start(self, opening: Opening) -> bytes:
        """Nothing yet: the first chunk says who speaks."""
        head = {
            "id": answer_id(opening.id, self._request.body),
            "object": "chat.completion.chunk",
            "created": opening.created,
            "model": opening.model or self._request.model,
        }
        self._front = b"data: " + wire.dumps(head)[:-1]
        self._begun = set()
        self._started = True
        return b""

    def go_on(self, opening: Opening) -> bytes:
        """Nothing: who speaks has been said."""
        nothing = self.start(opening)
        self._begun.add(0)
        return nothing

    def write(self, chunks: list[Chunk]) -> bytes:
        """One event for each chunk that says something; the usage waits for the end."""
        events = []
        for chunk in chunks:
            if chunk.usage is not None:
                self._usage = chunk.usage
            if chunk.content or chunk.finish is not None:
                events.append(self._event(chunk))
        return b"".join(events)

    def _event(self, chunk: Chunk) -> bytes:
        choice = {
            "index": chunk.choice,
            "delta": self._delta(chunk),
            "logprobs": None,
            "finish_reason": None if chunk.finish is None else finish_told(chunk.finish),
        }
        return b'%b,"choices":[%b]%b' % (self._front, wire.dumps(choice), self._close)

    def _delta(self, chunk: Chunk) -> dict[str, object]:
        delta: dict[str, object] = {}
        if chunk.choice not in self._begun:
            self._begun.add(chunk.choice)
            delta["role"] = "assistant"
        if chunk.text:
            delta["content"] = chunk.text
        if chunk.reasoning:
            delta["reasoning_content"] = chunk.reasoning
        if chunk.refusal:
            delta["refusal"] = chunk.refusal
        if chunk.tool is not None:
            delta["tool_calls"] = [_call(chunk.tool)]
        return delta

    def note(self, facts: Facts) -> None:
        """OpenAI's streams have no place for these."""

    def end(self) -> bytes:
        """The usage, if the caller asked for it and these events are ours, and the end marker."""
        if not (self._started and self._request.usage_wanted and self._usage is not None):
            return _END
        usage = wire.dumps(usage_told(self._usage))
        return b'%b,"choices":[],"usage":%b}\n\n%b' % (self._front, usage, _END)

    def fail(self, failure: Failure, request_id: str) -> bytes:
        """The error as an event."""
        return b"data: %b\n\n" % errors.openai(failure, request_id)[1]


def _call(tool: ToolDelta) -> dict[str, object]:
    function = {"arguments": tool.arguments}
    if not (tool.id or tool.name):
        return {"index": tool.index, "function": function}
    return {
        "index": tool.index,
        "id": tool.id,
        "type": "function",
        "function": {"name": tool.name, "arguments": tool.arguments},
    }
