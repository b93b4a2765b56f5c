"""Cohere's words around a simulated answer: chat of the second version, its stream, embeddings and errors."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Iterable, Iterator
from typing import cast

from outlast.lab.answer import Asked, Json, Said, SimEvent, dumps
from outlast.lab.quotas import Exceeded, Gauge

_FINISHES = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL", "content_filter": "ERROR_TOXIC"}
_PLAN = "I will use a tool."
_THOUGHT = "The user says something."


def error(
    status: int,
    message: str,
    type: str | None = None,  # noqa: A002
    code: str | None = None,
    param: str | None = None,
) -> Json:
    """The error envelope: words alone, whatever else is told elsewhere."""
    del status, type, code
    return {"id": "00000000-0000-4000-8000-000000000000", "message": f"{param}: {message}" if param else message}


def error_event(message: str, type: str | None = None, code: str | None = None) -> SimEvent:  # noqa: A002
    """The end of a stream that was given up."""
    del type, code
    return _event("message-end", {"delta": {"finish_reason": "ERROR", "error": message}})


def ping() -> SimEvent:
    """A heartbeat: a comment."""
    return SimEvent(b": ping\n\n")


def whole(asked: Asked, said: Said) -> Json:
    """A whole answer; with documents it cites the first of them, with `logprobs` it tells how likely each token was."""
    thinking = [{"type": "thinking", "thinking": _THOUGHT}] if _thinks(asked) else []
    message: Json = {"role": "assistant", "content": [*thinking, {"type": "text", "text": said.text}]}
    if said.tool:
        function = {"name": said.tool, "arguments": said.text}
        call = {"id": _call_id(asked, said), "type": "function", "function": function}
        message = {"role": "assistant", "tool_plan": _PLAN, "tool_calls": [call]}
    if cited := _citation(asked, said):
        message["citations"] = [cited]
    told: Json = {"id": _id(asked), "finish_reason": _FINISHES[said.finish], "message": message}
    if asked.body.get("logprobs") is True and not said.tool:
        told["logprobs"] = [_likely(token) for token in said.tokens]
    return told | {"usage": _usage(said)}


def events(asked: Asked, said: Said) -> list[SimEvent]:
    """The same as a stream: the message begins, a block of words or a call, what it cites, why it ended and its use."""
    message = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    ended = {"finish_reason": _FINISHES[said.finish], "usage": _usage(said)}
    return [
        _event("message-start", {"id": _id(asked), "delta": {"message": message}}),
        *(_called(asked, said) if said.tool else _spoken(asked, said)),
        _event("message-end", {"delta": ended}),
    ]


def embeddings(asked: Asked) -> Json:
    """A vector for each input: always the same for the same input."""
    given = cast("list[object]", asked.body.get("texts") or asked.body.get("images") or asked.body.get("inputs") or [])
    size = cast("int", asked.body.get("output_dimension") or 8)
    rows = [hashlib.shake_256(dumps(one)).digest(size) for one in given]
    kinds = cast("list[str]", asked.body.get("embedding_types") or ["float"])
    units = {"input_tokens": float(input_tokens(asked))}
    return {
        "id": _id(asked),
        "response_type": "embeddings_by_type",
        "embeddings": {kind: [_vector(kind, row) for row in rows] for kind in kinds},
        "texts": asked.body.get("texts") or [],
        "meta": {"api_version": {"version": "2"}, "billed_units": units},
    }


def input_tokens(asked: Asked) -> int:
    """Tokens of what is to be embedded."""
    return max(1, len(dumps([asked.body.get(name) for name in ("texts", "inputs")])) // 4)


def rate_limits(gauges: Iterable[Gauge], epoch: float) -> Iterator[tuple[str, str]]:
    """The headers that tell how limits stand: of calls alone, and only what is left of them."""
    del epoch
    for gauge in gauges:
        if gauge.unit == "requests":
            yield "x-trial-endpoint-call-limit", str(gauge.limit)
            yield "x-trial-endpoint-call-remaining", str(gauge.remaining)


def exceeded(asked: Asked, limit: Exceeded) -> tuple[None, None, str, dict[str, str]]:
    """Neither type nor code, the words of the refusal, and no word on when to come again."""
    del asked
    if limit.unit == "requests":
        return None, None, f"You are using a Trial key, which is limited to {limit.limit} API calls / minute.", {}
    unit = "concurrent requests" if limit.unit == "concurrent" else f"{limit.unit.replace('-', ' ')} per minute"
    return None, None, f"trial token rate limit exceeded, limit is {limit.limit} {unit}", {}


def _spoken(asked: Asked, said: Said) -> Iterator[SimEvent]:
    place = 1 if _thinks(asked) else 0
    if place:
        yield from _opened(0, "thinking")
        yield _piece(0, {"thinking": _THOUGHT})
        yield _event("content-end", {"index": 0})
    yield from _opened(place, "text")
    likely = asked.body.get("logprobs") is True
    for token in said.tokens:
        yield _piece(place, {"text": token}, {"logprobs": _likely(token)} if likely else {})
    if cited := _citation(asked, said):
        yield _event("citation-start", {"index": 0, "delta": {"message": {"citations": cited}}})
        yield _event("citation-end", {"index": 0})
    yield _event("content-end", {"index": place})


def _opened(index: int, kind: str) -> Iterator[SimEvent]:
    yield _event("content-start", {"index": index, "delta": {"message": {"content": {"type": kind, kind: ""}}}})


def _piece(index: int, content: Json, beside: Json | None = None) -> SimEvent:
    told: Json = {"index": index, "delta": {"message": {"content": content}}}
    return _event("content-delta", told | (beside or {}), content=True)


def _thinks(asked: Asked) -> bool:
    """Is it told to think? A simulated model does not by itself."""
    return cast("Json", asked.body.get("thinking") or {}).get("type") == "enabled"


def _called(asked: Asked, said: Said) -> Iterator[SimEvent]:
    yield _event("tool-plan-delta", {"delta": {"message": {"tool_plan": _PLAN}}}, content=True)
    function = {"name": said.tool, "arguments": ""}
    call = {"id": _call_id(asked, said), "type": "function", "function": function}
    yield _event("tool-call-start", {"index": 0, "delta": {"message": {"tool_calls": call}}}, content=True)
    for token in said.tokens:
        piece = {"message": {"tool_calls": {"function": {"arguments": token}}}}
        yield _event("tool-call-delta", {"index": 0, "delta": piece}, content=True)
    yield _event("tool-call-end", {"index": 0})


def _citation(asked: Asked, said: Said) -> Json:
    """What the first word is said to come from; empty where there is nothing to cite."""
    options = cast("Json", asked.body.get("citation_options") or {})
    if not asked.body.get("documents") or said.tool or options.get("mode") in {"OFF", "DISABLED"}:
        return {}
    word = said.tokens[0] if said.tokens else ""
    source = {"type": "document", "id": "doc:0", "document": {"id": "doc:0"}}
    return {"start": 0, "end": len(word), "text": word, "sources": [source], "type": "TEXT_CONTENT"}


def _likely(token: str) -> Json:
    return {"text": token, "token_ids": [len(token)], "logprobs": [-0.25]}


def _usage(said: Said) -> Json:
    counted = {"input_tokens": float(said.prompt), "output_tokens": float(len(said.tokens))}
    return {"billed_units": counted, "tokens": counted, "cached_tokens": 0.0}


def _event(kind: str, data: Json, *, content: bool = False) -> SimEvent:
    return SimEvent(b"event: %b\ndata: %b\n\n" % (kind.encode(), dumps({"type": kind, **data})), content)


def _id(asked: Asked) -> str:
    return f"00000000-0000-4000-8000-{asked.number:012d}"


def _call_id(asked: Asked, said: Said) -> str:
    return f"{said.tool}_{asked.number:06d}"


def _vector(kind: str, row: bytes) -> object:
    numbers = [byte / 128 - 1 for byte in row]
    if kind == "float":
        return numbers
    if kind == "base64":
        return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
    return list(row) if kind.startswith("u") else [byte - 128 for byte in row]
