"""What of one answer went out: pieces of content, tokens, and whether it was complete.

    bodies as sent ──feed()──> Meter ──> pieces · tokens · finished

Read from the bytes, not from what a behaviour meant to send, so that it holds for every fault there is. A stream is
counted as it goes; of a whole answer the bytes are kept, up to a bound, until they make a JSON object.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct, field

from outlast.lab.answer import Asked, plain

_MOST = 1 << 22
"""Bytes that are kept: of a whole answer, or of a line that does not end."""


class Usage(Struct, frozen=True):
    """The tokens that an answer says it took."""

    prompt: int = 0
    completion: int = 0


class _Units(Struct):
    input_tokens: float = 0
    output_tokens: float = 0


class _Counted(Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    billed_units: _Units | None = None

    def usage(self) -> Usage:
        """The same in one vocabulary."""
        if self.billed_units is not None:
            return Usage(int(self.billed_units.input_tokens), int(self.billed_units.output_tokens))
        return Usage(self.prompt_tokens or self.input_tokens, self.completion_tokens or self.output_tokens)


class _Function(Struct):
    arguments: str | None = None


class _ToolCall(Struct):
    function: _Function | None = None


class _Content(Struct):
    text: str | None = None
    thinking: str | None = None


class _Message(Struct):
    """What is new in an event of Cohere's: a piece of words or of a call, or a plan."""

    content: _Content | list[object] | None = None
    tool_calls: _ToolCall | list[object] | None = None
    tool_plan: str | None = None

    def pieces(self) -> list[str]:
        """Its content; a plan is no token of the answer."""
        said = self.content if isinstance(self.content, _Content) else _Content()
        words = [word for word in (said.text, said.thinking) if word]
        call = self.tool_calls if isinstance(self.tool_calls, _ToolCall) else None
        called = [(call.function.arguments if call.function else None) or ""] if call is not None else []
        return [*words, *called, *([""] if self.tool_plan and not called else [])]


class _Delta(Struct):
    """The new part of an event: OpenAI's names first, then Anthropic's, then Cohere's."""

    content: str | None = None
    tool_calls: list[_ToolCall] | None = None
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    message: _Message | None = None
    error: str | None = None

    def pieces(self) -> list[str]:
        """Each piece of content in it; one that only opens a tool call is empty."""
        if self.message is not None:
            return self.message.pieces()
        words = [word for word in (self.content, self.text, self.partial_json, self.thinking) if word]
        return words + [(call.function.arguments if call.function else None) or "" for call in self.tool_calls or []]


class _Choice(Struct):
    index: int = 0
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Item(Struct):
    """What a response has begun, or finished."""

    type: str = ""


class _Part(Struct):
    """A part of a candidate of Google's."""

    text: str | None = None
    call: object = field(default=None, name="functionCall")


class _Parts(Struct):
    parts: list[_Part] | None = None


class _Candidate(Struct):
    index: int = 0
    content: _Parts | None = None
    finish: str | None = field(default=None, name="finishReason")

    def pieces(self) -> list[str]:
        """Each piece of content in it; a call is one."""
        parts = (self.content.parts if self.content is not None else None) or []
        return [part.text or "{}" for part in parts if part.text or part.call is not None]


class _GoogleUsage(Struct):
    prompt: int = field(default=0, name="promptTokenCount")
    completion: int = field(default=0, name="candidatesTokenCount")
    thoughts: int = field(default=0, name="thoughtsTokenCount")

    def usage(self) -> Usage:
        """The same in one vocabulary."""
        return Usage(self.prompt, self.completion + self.thoughts)


class _Event(Struct):
    type: str = ""
    choices: list[_Choice] | None = None
    candidates: list[_Candidate] | None = None
    delta: _Delta | str | None = None
    item: _Item | None = None

    @property
    def given(self) -> bool:
        """Was the answer given, and not given up?"""
        return isinstance(self.delta, _Delta) and self.delta.error is None


class _Spoken(Struct):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[object] | None = None


class _Line(Struct):
    """A line of Ollama's: what it says, and at the end how many tokens that took."""

    message: _Spoken | None = None
    done: bool = False
    eval_count: int = 0


class _Whole(Struct):
    error: object = None
    message: object = None
    usage: _Counted | None = None
    meta: _Counted | None = None
    prompt_eval_count: int = 0
    eval_count: int = 0
    google: _GoogleUsage | None = field(default=None, name="usageMetadata")


_STOPS = frozenset({"message_stop", "response.completed", "response.incomplete"})
_PIECES = frozenset({"content_block_delta", "content-delta", "tool-plan-delta", "tool-call-start", "tool-call-delta"})
_LINES = msgspec.json.Decoder(_Line)
_EVENTS = msgspec.json.Decoder(_Event)
_WHOLES = msgspec.json.Decoder(_Whole)


class Meter:
    """Counts one answer while it is sent.

    Attributes:
        pieces: pieces of content of a stream that were sent, those that open a tool call among them.
        tokens: those that hold something; a simulated model says one token in each.
    """

    __slots__ = ("_choices", "_finished", "_lines", "_rest", "_stopped", "_stream", "pieces", "tokens")

    def __init__(self, asked: Asked) -> None:
        wanted = plain(asked).body.get("n")
        self._choices = wanted if isinstance(wanted, int) else 1
        self._stream = asked.stream
        self._lines = asked.vendor == "ollama"
        self._finished: set[int] = set()
        self._stopped = False
        self._rest = b""
        self.pieces = 0
        self.tokens = 0

    def feed(self, data: bytes) -> None:
        """Some bytes of the body were sent."""
        if len(self._rest) > _MOST:
            return
        self._rest += data
        if self._stream:
            self._read_lines()

    @property
    def finished(self) -> bool:
        """Was all of the answer sent: every choice with its finish, or a whole object that is no error?"""
        if self._stream:
            return self._stopped or len(self._finished) >= self._choices
        return self.whole() is not None

    def whole(self, rest: bytes = b"") -> Usage | None:
        """What a whole answer says of its tokens, with `rest` that would have followed; None when it is no answer."""
        found = self._object(rest)
        if found is None or found.error is not None or isinstance(found.message, str):
            return None
        counted = found.usage or found.meta or found.google
        return Usage(found.prompt_eval_count, found.eval_count) if counted is None else counted.usage()

    def torn(self, rest: bytes = b"") -> bool:
        """Does what was sent begin an object that `rest` does not complete?"""
        return self._object(rest) is None and (self._rest + rest).lstrip().startswith(b"{")

    def _object(self, rest: bytes) -> _Whole | None:
        try:
            return _WHOLES.decode(self._rest + rest)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def _read_lines(self) -> None:
        *lines, self._rest = self._rest.replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            if self._lines:
                self._read_line(line)
            elif line.startswith(b"data:"):
                self._read_event(line[5:])

    def _read_line(self, data: bytes) -> None:
        try:
            line = _LINES.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return  # a fault on purpose
        said = line.message or _Spoken()
        pieces = [word for word in (said.content, said.thinking) if word] + [*(said.tool_calls or ())]
        self.pieces += len(pieces)
        self.tokens += len(pieces)
        if line.done:
            self._stopped = True
            self.tokens = line.eval_count or self.tokens  # a tool call is one piece of many

    def _read_event(self, data: bytes) -> None:
        try:
            event = _EVENTS.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return  # a fault on purpose, or the [DONE] of OpenAI
        for choice in event.choices or ():
            self._count(choice.delta)
            if choice.finish_reason:
                self._finished.add(choice.index)
        for candidate in event.candidates or ():
            self._add(candidate.pieces())
            if candidate.finish:
                self._finished.add(candidate.index)
        if event.type in _PIECES and isinstance(event.delta, _Delta):
            self._count(event.delta)
        elif event.type.startswith("response."):
            self._count_item(event)
        self._stopped |= event.type in _STOPS or (event.type == "message-end" and event.given)

    def _count_item(self, event: _Event) -> None:
        """An event of a response: a piece, or the opening of a tool call."""
        if isinstance(event.delta, str) and event.delta:
            self.pieces += 1
            self.tokens += 1
        elif event.type == "response.output_item.added" and event.item and event.item.type == "function_call":
            self.pieces += 1

    def _count(self, delta: _Delta | None) -> None:
        self._add(delta.pieces() if delta is not None else [])

    def _add(self, pieces: list[str]) -> None:
        self.pieces += len(pieces)
        self.tokens += sum(1 for piece in pieces if piece)
