"""The named faults of group D: the status is 200 and the framing good, and what comes is no answer, or an odd one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import cast

from outlast.lab.answer import Asked, Json, compose, dumps
from outlast.lab.by_hand import edited_by_vendor, edited_json, headed
from outlast.lab.faults import places
from outlast.lab.faults.places import Edit, at
from outlast.lab.rendering import answer_body, whole
from outlast.lab.script import Behaviour, body, empty, error_event, html, later, ok, truncated_json
from outlast.lab.steps import Step


def _with_choices(value: object) -> Behaviour:
    return edited_by_vendor("choices", places.answers(value))


def _each(openai: Edit, anthropic: Edit = lambda reply: reply, **others: Edit) -> Behaviour:
    """Changed in the words of each vendor that is named."""
    return edited_by_vendor("each", {"openai": openai, "anthropic": anthropic, **others})


def _message(**fields: object) -> Edit:
    """Sets fields of the message of each choice."""

    def edit(reply: Json) -> object:
        for choice in _choices(reply):
            cast("Json", choice["message"]).update(fields)
        return reply

    return edit


def _choice(**fields: object) -> Edit:
    """Sets fields of each choice."""

    def edit(reply: Json) -> object:
        for choice in _choices(reply):
            choice.update(fields)
        return reply

    return edit


def _choices(reply: Json) -> list[Json]:
    return cast("list[Json]", reply["choices"])


def _top(**fields: object) -> Edit:
    return lambda reply: reply | fields


def _with_content(value: object) -> Behaviour:
    anthropic = _top(content=[{"type": "text", "text": value}])
    return edited_by_vendor("content", places.words(value) | {"anthropic": anthropic})


def _with_finish(openai: str, anthropic: str, **others: Edit) -> Behaviour:
    return _each(_choice(finish_reason=openai), _top(stop_reason=anthropic), **others)


def _ended(reason: str) -> Edit:
    """Google's word for why the first answer ended."""
    return at("candidates", 0, "finishReason", value=reason)


def _incomplete(reason: str) -> Edit:
    """OpenAI's word for why a response is not complete."""
    return _top(status="incomplete", incomplete_details={"reason": reason})


def _calling(arguments: object) -> dict[str, Edit]:
    """A tool call with such arguments where these are text."""
    call = {"id": "call_1", "type": "function", "function": {"name": "w", "arguments": arguments}}
    item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "w", "arguments": arguments}
    return {
        "cohere": _top(message={"role": "assistant", "tool_calls": [call]}, finish_reason="TOOL_CALL"),
        "responses": _top(output=[item | {"status": "completed"}]),
    }


def _parts(*parts: Json) -> Edit:
    """What Google's model says."""
    return at("candidates", 0, "content", "parts", value=list(parts))


def _said(value: object) -> Behaviour:
    """A 200 with this JSON."""
    return body(dumps(value))


def _other_vendor() -> Behaviour:
    def play(asked: Asked) -> Iterator[Step]:
        other = Asked(vendor="openai" if asked.vendor == "anthropic" else "anthropic", body=asked.body)
        yield from whole(answer_body(other, compose(other)), asked)

    return Behaviour("other-vendor", play)


def _calls(arguments: object, **more: object) -> Edit:
    """Says a tool call instead of words."""
    call = {"id": "call_1", "type": "function", "function": {"name": "w", "arguments": arguments}} | more
    message = _message(content=None, tool_calls=[call])
    return lambda reply: _choice(finish_reason="tool_calls")(cast("Json", message(reply)))


def _blocks(*blocks: Json, reason: str = "end_turn") -> Edit:
    return _top(content=list(blocks), stop_reason=reason)


_COUNT = re.compile(rb'"[a-zA-Z_]*(?:_tokens|TokenCount|_count)":')
"""The name of a number of tokens, in anybody's words."""
_NOTHING: dict[str, Behaviour] = {
    "D1-empty": empty(),
    "D2-truncated-json": truncated_json(),
    "D3-html-200": html(200),
    "D4-null": body(b"null"),
    "D4-list": body(b"[]"),
    "D4-string": body(b'"ok"'),
    "D5-not-utf8": headed(edit=lambda data: data.replace(b"simulated", b"\xff\xfe")),
    "D6-lone-surrogate": headed(edit=lambda data: data.replace(b"simulated", b"\\ud800")),
    "D7-nul-in-text": headed(edit=lambda data: data.replace(b"simulated", b"\\u0000")),
    "D9-huge-number": headed(edit=lambda data: _COUNT.sub(rb"\g<0>1" + b"0" * 400, data)),
    "D11-nested": later(lambda: body(b"[" * 100_000 + b"]" * 100_000)),
    "D12-32-mib": later(lambda: ok("a" * (32 << 20))),
    "D14-error-in-200": error_event(0),
    "D14-error-string-in-200": body(b'{"error":"something went wrong"}'),
    "D16-choices-empty": _with_choices([]),
    "D17-choices-null": _with_choices(None),
    "D17-choices-missing": edited_by_vendor(
        "without", places.without(lambda there: (there.answers,)) | {"anthropic": lambda reply: reply}
    ),
    "D19-content-null": _with_content(None),
    "D19-content-empty": _with_content(""),
    "D19-content-list": _with_content([{"type": "text", "text": "hello"}]),
    "D21-content-filter": _with_finish(
        "content_filter", "refusal", gemini=_ended("SAFETY"), responses=_incomplete("content_filter")
    ),
    "D22-unknown-finish": _with_finish(
        "eos", "eos", gemini=_ended("LATER"), cohere=_top(finish_reason="LATER"), ollama=_top(done_reason="later")
    ),
    "D24-usage-missing": edited_by_vendor("without", places.without(lambda there: there.usage)),
    "D24-usage-null": edited_by_vendor("usage", places.usage(None)),
    "D24-usage-negative": edited_by_vendor("usage", places.counts(-1)),
    "D24-usage-words": edited_by_vendor("usage", places.usage("many")),
    "D26-other-vendor": _other_vendor(),
}
_FORMS: dict[str, Behaviour] = {
    "D30-number": body(b"42"),
    "D30-object-empty": body(b"{}"),
    "D30-white-space": body(b" \r\n\t "),
    "D30-words": body(b"canary: all backends are down", content_type="text/plain"),
    "D30-html-as-json": body(b"<html><body>canary</body></html>"),
    "D30-events-for-a-whole": body(b'data: {"canary":1}\n\ndata: [DONE]\n\n', content_type="text/event-stream"),
    "D31-utf16": headed(edit=lambda data: data.decode().encode("utf-16")),
    "D31-bom": headed(edit=lambda data: b"\xef\xbb\xbf" + data),
    "D31-padded": headed(edit=lambda data: b" \n" * 5000 + data + b"\n" * 100),
    "D31-said-twice": headed(edit=lambda data: data + data),
    "D31-junk-behind": headed(edit=lambda data: data + b"<!-- canary -->"),
    "D31-not-utf8-elsewhere": headed(edit=lambda data: data.replace(b"{", b'{"odd":"\xff",', 1)),
    "D31-nan": headed(edit=lambda data: _COUNT.sub(rb'\g<0>NaN,"x":', data, count=1)),
    "D31-control-character": headed(edit=lambda data: data.replace(b"simulated", b"simu\x01lated")),
    "D31-surrogate-pair": headed(edit=lambda data: data.replace(b"simulated", b"\\ud83d\\ude00")),
    "D31-long-text": later(lambda: ok("a" * 100_000)),
}
_ERRORS: dict[str, Behaviour] = {
    "D32-error-null": edited_json("error", _top(error=None)),
    "D32-error-beside-answer": edited_json("error", _top(error={"message": "canary", "type": "server_error"})),
    "D32-error-in-choice": _each(_choice(error={"code": 502, "message": "canary"}, finish_reason="error")),
    "D32-vllm-in-200": _said({"object": "error", "message": "canary", "type": "BadRequestError", "code": 400}),
    "D32-error-list": _said({"error": [{"message": "canary"}]}),
    "D32-errors": _said({"success": False, "errors": [{"code": 10000, "message": "canary"}], "result": None}),
    "D32-message": _said({"message": "canary"}),
    "D33-429-in-200": _said({"error": {"code": 429, "message": "canary"}}),
    "D33-502-in-200": _said(
        {"error": {"code": 502, "message": "Provider returned error", "metadata": {"raw": "canary"}}}
    ),
    "D33-400-in-200": _said({"error": {"code": 400, "message": "canary"}}),
    "D33-401-in-200": _said({"error": {"code": "401", "message": "canary"}}),
    "D33-402-in-200": _said({"error": {"code": 402, "message": "canary"}}),
    "D33-quota-in-200": _said({"error": {"type": "insufficient_quota", "message": "canary"}}),
    "D33-overloaded-in-200": _said({"type": "error", "error": {"type": "overloaded_error", "message": "canary"}}),
    "D33-unavailable-in-200": _said({"error": {"status": "UNAVAILABLE", "message": "canary"}}),
    "D33-context-in-200": _said({"error": {"code": "context_length_exceeded", "message": "canary"}}),
    "D33-filter-in-200": _said({"error": {"code": "content_filter", "message": "canary"}}),
}
_PROTOCOLS: dict[str, Behaviour] = {
    "D34-ollama": _said({"model": "m", "message": {"role": "assistant", "content": "canary"}, "done": True}),
    "D34-gemini": _said({"candidates": [{"content": {"parts": [{"text": "canary"}]}, "finishReason": "STOP"}]}),
    "D34-responses": _said({"object": "response", "output": [{"type": "message", "content": [{"text": "canary"}]}]}),
    "D34-legacy-text": _said({"choices": [{"index": 0, "text": "canary", "finish_reason": "stop"}]}),
    "D34-cohere": _said({"id": "x", "finish_reason": "COMPLETE", "message": {"content": [{"text": "canary"}]}}),
}
_SHAPES: dict[str, Behaviour] = {
    "D35-message-null": _each(_choice(message=None), _top(content="canary")),
    "D35-message-words": _each(_choice(message="canary"), _top(content=[None])),
    "D35-choice-null": _with_choices([None]),
    "D35-ids-odd": _each(
        _top(id=7, model=None, created=1.5, object="canary"),
        _top(id=7, model=None),
        gemini=_top(responseId=7, modelVersion=None),
        cohere=_top(id=7),
        ollama=_top(model=None, created_at=7),
        responses=_top(id=7, model=None, created_at="1.5"),
    ),
    "D36-reasoning-only": _each(
        _message(content=None, reasoning_content="thinking"),
        _blocks({"type": "thinking", "thinking": "thinking", "signature": "c2ln"}),
        gemini=_parts({"text": "thinking", "thought": True}),
        cohere=at("message", "content", value=[{"type": "thinking", "thinking": "thinking"}]),
        ollama=_top(message={"role": "assistant", "content": "", "thinking": "thinking"}),
        responses=_top(output=[{"type": "reasoning", "id": "rs_1", "summary": []}]),
    ),
    "D36-refusal": _each(
        _message(content=None, refusal="I will not."),
        _blocks({"type": "text", "text": ""}, reason="refusal"),
        responses=at("output", 0, "content", value=[{"type": "refusal", "refusal": "I will not."}]),
    ),
    "D36-unknown-parts": _each(
        _message(annotations=[{"type": "later"}], audio=None, later={"a": 1}),
        _blocks({"type": "later_use", "later": 1}, {"type": "text", "text": "hello"}),
    ),
    "D37-arguments-cut": _each(_calls('{"a":'), **_calling('{"a":')),
    "D37-arguments-object": _each(_calls({"a": 1})),
    "D37-arguments-null": _each(
        _calls(None, id=None),
        gemini=_parts({"functionCall": {"name": "w"}}),
        ollama=_top(message={"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "w"}}]}),
    ),
    "D37-calls-null": _each(_message(tool_calls=None)),
    "D37-several-choices": _each(lambda reply: reply | {"choices": _choices(reply) * 2}),
    "D35-content-number": _with_content(42),
    "D35-content-object": _with_content({"text": "canary"}),
    "D38-finish-error": _each(
        _choice(finish_reason="error"), gemini=_ended("MALFORMED_FUNCTION_CALL"), cohere=_top(finish_reason="ERROR")
    ),
    "D38-finish-length": _with_finish(
        "length",
        "max_tokens",
        gemini=_ended("MAX_TOKENS"),
        cohere=_top(finish_reason="MAX_TOKENS"),
        ollama=_top(done_reason="length"),
        responses=_incomplete("max_output_tokens"),
    ),
    "D38-usage-floats": edited_by_vendor("usage", places.counts(2.0)),
    "D38-usage-huge": edited_by_vendor("usage", places.counts(10**15)),
}

BODY_FAULTS: dict[str, Behaviour] = _NOTHING | _FORMS | _ERRORS | _PROTOCOLS | _SHAPES
"""By name; `outlast.lab.faults` holds them with the others."""
