"""Responses, whole: out of OpenAI's JSON into a `Reply`, and back."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2s
from typing import Any

import msgspec
from msgspec import Raw, Struct

from outlast.dialects import wire
from outlast.dialects.classify import in_band
from outlast.dialects.responses.input import Item, reasoning, sealed
from outlast.dialects.wire import Count
from outlast.model import estimate
from outlast.model.errors import BadResponse
from outlast.model.messages import Part, Reasoning, Refusal, Reply, Request, Text, ToolCall, Usage
from outlast.model.remembered import Remembered
from outlast.model.target import Target

_Json = dict[str, object]


class _InputDetails(Struct, gc=False):
    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None


class _OutputDetails(Struct, gc=False):
    reasoning_tokens: Count | None = None


class WireUsage(Struct):
    """What a response says of its tokens."""

    input_tokens: Count
    output_tokens: Count = 0
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


class Details(Struct):
    """Why a response is incomplete."""

    reason: str | None = None


class Output(Item):
    """One item of an answer; of those types that we do not know, only that."""

    id: Any = None
    input: Any = None


class Head(Struct):
    """What a response says of itself, at its start and at its end."""

    object: str | None = None
    id: Any = None
    model: Any = None
    created_at: Any = None
    status: str | None = None
    error: Any = None
    incomplete_details: Details | None = None
    usage: Raw = Raw()

    def finish(self, *, calls: bool) -> str:
        """Why it ended, in our words; `calls` says that it asks for tools."""
        if self.status in UNDER_WAY:
            return self.status
        if self.status != "incomplete":
            return "tool_calls" if calls else "stop"
        reason = (self.incomplete_details.reason if self.incomplete_details is not None else None) or "length"
        return _FINISH.get(reason, reason)

    def tokens(self) -> Usage | None:
        """The usage; None when it is not there, or not usable."""
        try:
            return usage_of(_USAGE.decode(self.usage))
        except wire.BROKEN:
            return None

    @property
    def moment(self) -> int:
        """When it was created, in seconds since the epoch; 0 when it does not say."""
        return int(self.created_at) if isinstance(self.created_at, (int, float)) and self.created_at < 1e12 else 0


class Answer(Head):
    """A whole response."""

    output: list[Raw] | None = None

    def items(self) -> list[Output]:
        """What it holds. Raises `BadResponse`."""
        return [item_in(raw) for raw in self.output or ()]


class _Kind(Struct):
    type: str


def item_in(raw: Raw) -> Output:
    """An item of an answer; of a kind that we do not know, it may look as it likes. Raises `BadResponse`."""
    try:
        return _ITEM.decode(raw)
    except wire.BROKEN:
        kind = wire.answer(_KIND, bytes(raw)).type
    if kind in OWN_WORK:
        raise BadResponse("an item of the answer is not what the provider's protocol says")
    return Output(type=kind)


_KIND = msgspec.json.Decoder(_Kind)
_ITEM = msgspec.json.Decoder(Output)
_ANSWER = msgspec.json.Decoder(Answer)
_USAGE = msgspec.json.Decoder(WireUsage)
_FINISH = {"max_output_tokens": "length"}
CALLS = frozenset({"function_call", "custom_tool_call"})
"""Types of items that ask the caller for a tool."""
OWN_WORK = frozenset({"message", "reasoning", *CALLS})
"""Types of items that are the model's; others are the work of the provider's own tools."""
UNDER_WAY = ("queued", "in_progress")
"""States of a response that is made in the background."""


def decode(body: bytes, request: Request, target: Target, dialect: str) -> Reply:
    """The answer in these bytes. Raises `BadResponse`, or what an error means."""
    wire.demand_utf8(body)
    said = wire.answer(_ANSWER, body)
    if said.error or said.status == "failed":
        raise in_band(said.error or "the answer failed", target)
    if said.object == "error":  # vLLM's envelope
        raise in_band(wire.said(body), target)
    if said.object not in {None, "response"} or said.output is None:
        raise BadResponse("an answer of another protocol")
    _demand_an_end(said, request)
    output = said.items()
    return Reply(
        id=said.id if isinstance(said.id, str) else "",
        model=said.model if isinstance(said.model, str) else target.model,
        finish=said.finish(calls=any(item.type in CALLS for item in output)),
        usage=said.tokens() or _counted(output, request, target),
        created=said.moment,
        raw=body,
        dialect=dialect,
        read=lambda: tuple(_parts(output)),
    )


def _demand_an_end(said: Answer, request: Request) -> None:
    """Raises `BadResponse` for half an answer; one that is made in the background may still be under way."""
    if said.status in UNDER_WAY and request.needs.state:
        return
    if said.status not in {None, "completed", "incomplete"}:
        raise BadResponse("an answer that is not complete")
    if not said.output and said.status != "incomplete":
        raise BadResponse("an answer without output")


def usage_of(usage: WireUsage) -> Usage:
    """The usage in our words."""
    told, made = usage.input_tokens_details, usage.output_tokens_details
    return Usage(
        usage.input_tokens,
        usage.output_tokens,
        (told.cached_tokens or 0) if told is not None else 0,
        (told.cache_write_tokens or 0) if told is not None else 0,
        (made.reasoning_tokens or 0) if made is not None else 0,
    )


def _counted(output: list[Output], request: Request, target: Target) -> Usage:
    texts = [part.arguments if isinstance(part, ToolCall) else getattr(part, "text", "") for part in _parts(output)]
    return estimate.of_answer(texts, request, target)


def _parts(output: list[Output]) -> Iterator[Part]:
    for item in output:
        if item.type == "message":
            yield from _words(item)
        elif item.type == "reasoning":
            thought = reasoning(item)
            if thought != Reasoning():
                yield thought
        elif item.type in CALLS:
            yield call_of(item)


def _words(item: Output) -> Iterator[Text | Refusal]:
    if isinstance(item.content, str):
        yield Text(item.content)
        return
    for piece in item.content or ():
        if piece.type == "refusal":
            yield Refusal(piece.refusal or "")
        elif piece.text:
            yield Text(piece.text)


def call_of(item: Output) -> ToolCall:
    """The tool that an item asks for; a custom tool's input stands for its arguments."""
    given = item.input if item.type == "custom_tool_call" else item.arguments
    arguments = given if isinstance(given, str) else wire.dumps(given).decode() if given else ""
    id_ = item.call_id or (item.id if isinstance(item.id, str) else "")
    return ToolCall(id_, item.name or "", arguments)


# -- rendering -------------------------------------------------------------------------------------------------


def render(reply: Reply, request: Request) -> bytes:
    """A response that says what the reply says."""
    known = request.remembered
    id_ = answer_id(reply.id, reply.raw) if known is None else own_id(reply.id, known)
    head = head_of(id_, reply.model, reply.created, known) | _echo(request)
    how = ended(reply.finish)
    output = [item_of(part, f"{id_[5:]}{place}") for place, part in enumerate(_joined(reply.parts))]
    if "status" in output[-1]:
        output[-1]["status"] = how["status"]  # what was cut short is the last thing said
    return wire.dumps(head | how | {"output": output, "usage": usage_told(reply.usage)})


def answer_id(id_: str, seed: bytes) -> str:
    """An id as these look, the same each time for the same answer."""
    if id_.startswith("resp_"):
        return id_
    own = id_.rpartition("_")[2].rpartition("-")[2] or blake2s(seed, digest_size=12).hexdigest()
    return f"resp_{own}"


def own_id(id_: str, known: Remembered) -> str:
    """An id of ours for an answer that is remembered: the same each time for the same answer to the same request."""
    return f"resp_{blake2s(f'{known.seed} {id_}'.encode(errors='replace'), digest_size=12).hexdigest()}"


def head_of(id_: str, model: str, created: int, known: Remembered | None) -> _Json:
    """A response of which nothing has been said; what the caller asked for is not repeated."""
    return {
        "id": id_,
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": (known.previous or None) if known is not None else None,
        "reasoning": {"effort": None, "summary": None},
        "store": known is not None,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "truncation": "disabled",
        "usage": None,
        "user": None,
    }


_ECHOED = frozenset({
    "instructions", "max_output_tokens", "metadata", "parallel_tool_calls", "reasoning", "temperature", "text",
    "tool_choice", "tools", "top_p", "truncation", "user",
})  # fmt: skip


def _echo(request: Request) -> _Json:
    """What a response repeats of its request."""
    if request.dialect != "responses" or not request.body:
        return {}
    fields = wire.fields(request.body)
    said = {name: wire.value(raw) for name, raw in fields.items() if name in _ECHOED}
    return {name: value for name, value in said.items() if value is not None}


def ended(finish: str) -> _Json:
    """The fields that tell how it ended."""
    if finish == "length":
        return {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    if finish == "content_filter":
        return {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
    return {"status": "completed"}


def usage_told(usage: Usage) -> _Json:
    """The usage in these words."""
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }


def _joined(parts: tuple[Part, ...]) -> Iterator[tuple[Part, ...]]:
    """The parts by items: words that stand beside each other are one message."""
    words: list[Part] = []
    for part in parts:
        if isinstance(part, (Text, Refusal)):
            words.append(part)
            continue
        if words:
            yield tuple(words)
            words = []
        yield (part,)
    if words or not parts:
        yield tuple(words) or (Text(""),)


def item_of(parts: tuple[Part, ...], own: str) -> _Json:
    """A finished item; `own` makes its id."""
    first = parts[0]
    if isinstance(first, ToolCall):
        return call_told(f"fc_{own}", first.id, first.name, first.arguments)
    if isinstance(first, Reasoning):
        return thought_told(f"rs_{own}", first)
    return message_told(f"msg_{own}", [piece_told(part) for part in parts])


def message_told(id_: str, content: list[_Json], status: str = "completed") -> _Json:
    """A message."""
    return {"id": id_, "type": "message", "status": status, "role": "assistant", "content": content}


def piece_told(part: Part) -> _Json:
    """A part of a message."""
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    return {"type": "output_text", "text": getattr(part, "text", ""), "annotations": [], "logprobs": []}


def call_told(id_: str, call: str, name: str, arguments: str, status: str = "completed") -> _Json:
    """A function that is asked for; `call` is the id by which its result is told."""
    item: _Json = {"id": id_, "type": "function_call", "status": status}
    return item | {"call_id": call, "name": name, "arguments": arguments}


def thought_told(id_: str, part: Reasoning) -> _Json:
    """What the model thought."""
    summary = [{"type": "summary_text", "text": part.text}] if part.text else []
    return {"id": id_, "type": "reasoning", "summary": summary, "encrypted_content": sealed(part)}
