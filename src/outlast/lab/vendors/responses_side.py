"""OpenAI's other words around a simulated answer: a response, and its stream of numbered events.

Errors, headers and heartbeats are those of chat completions.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from outlast.lab.answer import Asked, Json, Said, SimEvent, compose, dumps
from outlast.lab.vendors.openai_side import error, exceeded, ping, rate_limits

__all__ = ["count_tokens", "error", "error_event", "events", "exceeded", "ping", "rate_limits", "whole"]

_ECHOED = ("instructions", "max_output_tokens", "metadata", "reasoning", "temperature", "text", "tool_choice", "tools",
           "top_p", "truncation", "parallel_tool_calls", "previous_response_id", "store")  # fmt: skip


def error_event(message: str, type: str | None = None, code: str | None = None) -> SimEvent:  # noqa: A002
    """An error inside a stream."""
    told: Json = {"code": code or type or "server_error", "message": message, "param": None, "sequence_number": 99}
    return _event("error", told)


def whole(asked: Asked, said: Said) -> Json:
    """A whole response."""
    finished: Json = {"output": [_item(asked, said)], "usage": _usage(said), **_ended(said)}
    return _response(asked) | finished


def count_tokens(asked: Asked) -> Json:
    """How many tokens the prompt has."""
    return {"object": "response.input_tokens", "input_tokens": compose(asked).prompt}


def events(asked: Asked, said: Said) -> list[SimEvent]:
    """The same as a stream."""
    numbers = itertools.count()
    return [
        _event(kind, {"sequence_number": next(numbers), **fields}, content=content)
        for kind, fields, content in _told(asked, said)
    ]


def _told(asked: Asked, said: Said) -> Iterator[tuple[str, Json, bool]]:
    done = _item(asked, said)
    yield "response.created", {"response": _response(asked)}, False
    yield "response.in_progress", {"response": _response(asked)}, False
    where: Json = {"item_id": done["id"], "output_index": 0}
    yield from (_calling if said.tool else _saying)(said, done, where)
    yield "response.output_item.done", {"output_index": 0, "item": done}, False
    yield f"response.{_ended(said)['status']}", {"response": whole(asked, said)}, False


def _saying(said: Said, done: Json, where: Json) -> Iterator[tuple[str, Json, bool]]:
    begun = done | {"status": "in_progress", "content": []}
    yield "response.output_item.added", {"output_index": 0, "item": begun}, False
    where = {**where, "content_index": 0}
    yield "response.content_part.added", {**where, "part": _words("")}, False
    for token in said.tokens:
        yield "response.output_text.delta", {**where, "delta": token, "logprobs": []}, True
    yield "response.output_text.done", {**where, "text": said.text, "logprobs": []}, False
    yield "response.content_part.done", {**where, "part": _words(said.text)}, False


def _calling(said: Said, done: Json, where: Json) -> Iterator[tuple[str, Json, bool]]:
    begun = done | {"status": "in_progress", "arguments": ""}
    yield "response.output_item.added", {"output_index": 0, "item": begun}, True
    for token in said.tokens:
        yield "response.function_call_arguments.delta", {**where, "delta": token}, True
    yield "response.function_call_arguments.done", {**where, "name": said.tool, "arguments": said.text}, False


def _response(asked: Asked) -> Json:
    usual: Json = {
        "id": f"resp_sim{asked.provider}{asked.number:06d}",
        "object": "response",
        "created_at": asked.created,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": asked.model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
    }
    return usual | {name: asked.body[name] for name in _ECHOED if asked.body.get(name) is not None}


def _ended(said: Said) -> Json:
    reasons = {"length": "max_output_tokens", "content_filter": "content_filter"}
    if said.finish in reasons:
        return {"status": "incomplete", "incomplete_details": {"reason": reasons[said.finish]}}
    return {"status": "completed"}


def _item(asked: Asked, said: Said) -> Json:
    status = _ended(said)["status"]
    if said.tool:
        item: Json = {"id": f"fc_sim{asked.provider}{asked.number:06d}", "type": "function_call", "status": status}
        return item | {"call_id": f"call_sim{asked.number:06d}", "name": said.tool, "arguments": said.text}
    item = {
        "id": f"msg_sim{asked.provider}{asked.number:06d}",
        "type": "message",
        "status": status,
        "role": "assistant",
    }
    return item | {"content": [_words(said.text)]}


def _words(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _usage(said: Said) -> Json:
    output = len(said.tokens)
    return {
        "input_tokens": said.prompt,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": said.prompt + output,
    }


def _event(name: str, data: Json, *, content: bool = False) -> SimEvent:
    told = dumps({"type": name, **data})
    return SimEvent(b"event: " + name.encode() + b"\ndata: " + told + b"\n\n", content)
