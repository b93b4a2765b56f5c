"""Responses, streamed: OpenAI's events into our chunks.

    response.created · in_progress
      output_item.added ─▶ content_part.added ─▶ output_text.delta* · .done ─▶ content_part.done ─▶ output_item.done
      output_item.added ─▶ function_call_arguments.delta* · .done ─▶ output_item.done
      output_item.added ─▶ reasoning_summary_part.added ─▶ reasoning_summary_text.delta* … ─▶ output_item.done
    response.completed | incomplete                    the end; `response.failed` or `error` instead: a failure

Every event has an `event:` line; one that lacks it gets it from its own `type`. Servers that leave out deltas are
understood by what they say at the end of an item.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from msgspec import Raw, Struct

from outlast.dialects import sse, wire
from outlast.dialects.classify import in_band
from outlast.dialects.responses.input import reasoning
from outlast.dialects.responses.reply import CALLS, OWN_WORK, Answer, Head, Output, call_of, item_in
from outlast.dialects.responses.so_far import Kind, Open, SoFar
from outlast.dialects.stream import EventReader
from outlast.model import estimate
from outlast.model.errors import BadResponse
from outlast.model.messages import Chunk, Opening, Request, ToolDelta
from outlast.model.target import Target


class _Event(Struct, gc=False):
    type: str
    delta: str | None = None
    output_index: int = 0
    sequence_number: int = 0
    summary_index: int = 0
    item: Raw = Raw()
    response: Raw = Raw()
    error: Any = None


class _Kind(Struct):
    type: str = ""


_EVENT = msgspec.json.Decoder(_Event)
_KIND = msgspec.json.Decoder(_Kind)
_HEAD = msgspec.json.Decoder(Head)
_WHOLE = msgspec.json.Decoder(Answer)
_DONE = b"[DONE]"
_TEXT = "response.output_text.delta"
_THOUGHTS = frozenset({"response.reasoning_summary_text.delta", "response.reasoning_text.delta"})
_ARGUMENTS = frozenset({"response.function_call_arguments.delta", "response.custom_tool_call_input.delta"})
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
_KNOWN = (
    _THOUGHTS
    | _ARGUMENTS
    | _ENDS
    | {_TEXT, "response.refusal.delta", "response.output_item.added", "response.output_item.done", "response.created"}
)


class ResponsesReader(EventReader):
    """Reads one stream of response events."""

    __slots__ = ("_calls", "_passed", "_request", "_said", "_size", "_target", "_words")

    NAMED: ClassVar[bool] = True

    def __init__(self, request: Request, target: Target) -> None:
        super().__init__()
        self._request = request
        self._target = target
        self._calls: dict[int, int] = {}  # an item's place ─▶ its number among the tools
        self._said: set[int] = set()  # places of items of which something has come
        self._size = 0
        self._words = 0  # characters of the answer, without thoughts
        self._passed = SoFar() if request.dialect == "responses" else None
        self.opening.so_far = self._passed

    def _take(self, data: bytes, chunks: list[Chunk]) -> bool:
        try:
            event = _EVENT.decode(data)
        except wire.BROKEN:
            return self._unknown(data)
        kind = event.type
        if self._passed is not None:
            self._note(event)
        if event.delta and kind.endswith(".delta"):
            self._delta(kind, event, chunks)
        elif kind in _ENDS:
            self._end(event, chunks)
        elif kind == "error" or event.error:
            raise in_band(event.error or wire.said(data), self._target)
        else:
            self._other(kind, event, chunks)
        return True

    def _other(self, kind: str, event: _Event, chunks: list[Chunk]) -> None:
        if kind == "response.output_item.added":
            self._begin(event, chunks)
        elif kind == "response.output_item.done":
            self._finish(event, chunks)
        elif kind == "response.reasoning_summary_part.added" and event.summary_index:
            chunks.append(Chunk(reasoning="\n\n"))
        elif kind == "response.created":
            self._open(event)
        elif "_call" in kind and not kind.endswith(".done"):
            chunks.append(Chunk(work=True))

    def _delta(self, kind: str, event: _Event, chunks: list[Chunk]) -> None:
        words = event.delta or ""
        if kind == _TEXT:
            self._words += len(words)
            chunk = Chunk(words)
        elif kind in _THOUGHTS:
            chunk = Chunk(reasoning=words)
        elif kind in _ARGUMENTS:
            chunk = Chunk(tool=ToolDelta(self._number(event.output_index), arguments=words))
        elif kind == "response.refusal.delta":
            chunk = Chunk(refusal=words)
        else:
            chunk = Chunk(work=True)
        self._said.add(event.output_index)
        self._size += estimate.weight(words)
        chunks.append(chunk)

    def _number(self, place: int) -> int:
        return self._calls.setdefault(place, len(self._calls))

    def _begin(self, event: _Event, chunks: list[Chunk]) -> None:
        item = _item(event)
        if item.type in CALLS:
            call, place = call_of(item), event.output_index
            number = self._number(place)
            chunks.append(Chunk(tool=ToolDelta(number, call.id, call.name, call.arguments)))
            if call.arguments:
                self._said.add(place)
        elif item.type not in OWN_WORK:
            chunks.append(Chunk(work=True))

    def _finish(self, event: _Event, chunks: list[Chunk]) -> None:
        """An item is finished: what it says and had not been said before."""
        item, place = _item(event), event.output_index
        if item.type == "reasoning":
            self._thought(item, place, chunks)
        elif item.type in CALLS:
            self._called(item, place, chunks)
        elif item.type == "message" and place not in self._said:
            pieces = item.content if isinstance(item.content, list) else []
            told = [Chunk(piece.text or "", refusal=piece.refusal or "") for piece in pieces]
            self._words += sum(len(chunk.text) for chunk in told)
            self._said.add(place)
            chunks.extend(chunk for chunk in told if chunk.content)

    def _thought(self, item: Output, place: int, chunks: list[Chunk]) -> None:
        thought = reasoning(item)
        text = "" if place in self._said else thought.text
        if text or thought.signature:
            chunks.append(Chunk(reasoning=text, signature=thought.signature))

    def _called(self, item: Output, place: int, chunks: list[Chunk]) -> None:
        call, known = call_of(item), place in self._calls
        if known and (place in self._said or not call.arguments):
            return
        id_, name = ("", "") if known else (call.id, call.name)
        chunks.append(Chunk(tool=ToolDelta(self._number(place), id_, name, call.arguments)))

    def _open(self, event: _Event) -> None:
        head = _head(event)
        id_, model = head.id, head.model
        self.opening = Opening(
            id=id_ if isinstance(id_, str) else "",
            model=model if isinstance(model, str) else "",
            created=head.moment,
            so_far=self._passed,
        )

    def _end(self, event: _Event, chunks: list[Chunk]) -> None:
        head = _head(event)
        if event.type == "response.failed" or head.error:
            raise in_band(head.error or "the answer failed", self._target)
        if event.type == "response.cancelled":
            raise BadResponse("the answer was cancelled by its provider")
        if not (self.opening.id or self.opening.model):
            self._open(event)
        head.status = event.type.removeprefix("response.")
        self._say_rest(event, chunks)
        usage = head.tokens() or estimate.of_stream(self._size, self._request)
        chunks.append(Chunk(finish=head.finish(calls=bool(self._calls)), usage=usage))
        self.finished = self._ended = True

    def _say_rest(self, event: _Event, chunks: list[Chunk]) -> None:
        """What the response repeats at its end and had not been said: all of it, or the last words."""
        whole = wire.answer(_WHOLE, bytes(event.response))
        if not (self._said or self._calls):
            for place, item in enumerate(whole.output or ()):
                self._finish(_Event("", output_index=place, item=item), chunks)
            return
        messages = (item.content for item in whole.items() if item.type == "message")
        words = "".join(piece.text or "" for content in messages if isinstance(content, list) for piece in content)
        if len(words) > self._words:
            chunks.append(Chunk(words[self._words :]))

    def _unknown(self, data: bytes) -> bool:
        """An event that is none of ours passes; one that should be and is not, is garbled."""
        text = data.strip()
        if text == _DONE:
            raise BadResponse("the stream ended without a finished response")
        if not text:
            return False
        try:
            kind = _KIND.decode(data).type
        except wire.BROKEN:
            kind = ""
        if not kind or kind in _KNOWN:
            said = wire.said(data) if not kind else None
            if isinstance(said, dict) and said.get("error"):
                raise in_band(said, self._target)
            raise BadResponse("an event of the stream is garbled, or of another protocol")
        return True

    def _render(self, name: bytes, data: bytes) -> bytes:
        return sse.render(_KIND.decode(data).type.encode() or name, data)

    # -- for who goes on with it -------------------------------------------------------------------------------

    def _note(self, event: _Event) -> None:
        """How far the response has come that is passed on."""
        passed, kind, place = self._passed, event.type, event.output_index
        if passed is None:
            return
        passed.number = max(passed.number, event.sequence_number)
        if kind == "response.output_item.added":
            item = _item(event)
            type_: Kind = item.type if item.type in {"message", "reasoning"} else "other"  # type: ignore[assignment]
            passed.begin(Open(place, str(item.id or ""), type_))
        elif kind == "response.output_item.done":
            passed.finish(place, bytes(event.item))
        elif event.delta and (kind == _TEXT or kind in _THOUGHTS) and place in passed.open:
            passed.open[place].words.append(event.delta.encode("utf-8", "replace"))
        elif kind == "response.content_part.added" and place in passed.open:
            passed.open[place].piece = "text"


def _item(event: _Event) -> Output:
    if not bytes(event.item):
        raise BadResponse("an event of the stream has no item")
    return item_in(event.item)


def _head(event: _Event) -> Head:
    try:
        return _HEAD.decode(event.response)
    except wire.BROKEN:
        raise BadResponse("an event of the stream has no response, or none that can be read") from None
