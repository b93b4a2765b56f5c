"""`generateContent` answers, whole: out of Google's JSON into a `Reply`, and back.

Google counts thoughts apart from the answer; ours are among the output tokens. What was blocked comes as an answer
without candidates and a `promptFeedback` that says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2s
from typing import Any

import msgspec
from msgspec import Raw, Struct

from outlast.dialects import signatures, wire
from outlast.dialects.classify import in_band
from outlast.dialects.gemini import contents as gemini_contents
from outlast.dialects.gemini import turns as gemini_turns
from outlast.dialects.gemini.turns import Call, Content
from outlast.dialects.wire import Count
from outlast.model import estimate
from outlast.model import messages as m
from outlast.model.errors import BadResponse, ContentFilter
from outlast.model.target import Target


class WireUsage(Struct, rename="camel", gc=False):
    """What Google says of an answer's tokens; in a stream each event overwrites the one before."""

    prompt_token_count: Count | None = None
    candidates_token_count: Count | None = None
    thoughts_token_count: Count | None = None
    cached_content_token_count: Count | None = None
    tool_use_prompt_token_count: Count | None = None


class Candidate(Struct, rename="camel"):
    """One answer, or a piece of it."""

    content: Content | None = None
    finish_reason: str | None = None
    index: Any = None

    @property
    def place(self) -> int:
        """Which of the answers it is of."""
        return self.index if isinstance(self.index, int) else 0

    @property
    def reason(self) -> str:
        """Why it ended; empty where that is not said."""
        return "" if self.finish_reason in _UNSAID else self.finish_reason or ""


class Feedback(Struct, rename="camel"):
    """Why there is no answer."""

    block_reason: str | None = None


class Answer(Struct, rename="camel"):
    """An answer, or an event of one."""

    candidates: list[Candidate] | None = None
    prompt_feedback: Feedback | None = None
    usage_metadata: Raw = Raw()
    model_version: Any = None
    response_id: Any = None
    error: Any = None

    @property
    def model(self) -> str:
        """Who answers; empty where that is not said."""
        return self.model_version if isinstance(self.model_version, str) else ""

    @property
    def id(self) -> str:
        """The answer's own name; empty where it has none."""
        return self.response_id if isinstance(self.response_id, str) else ""


_ANSWER = msgspec.json.Decoder(Answer)
_USAGE = msgspec.json.Decoder(WireUsage)
_READ = {"STOP": "stop", "MAX_TOKENS": "length"}
_FILTERED = frozenset({
    "BLOCKLIST", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "IMAGE_SAFETY", "MODEL_ARMOR", "PROHIBITED_CONTENT",
    "RECITATION", "SAFETY", "SPII",
})  # fmt: skip
_SPOILT = frozenset({
    "MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "MISSING_THOUGHT_SIGNATURE", "TOO_MANY_TOOL_CALLS",
    "UNEXPECTED_TOOL_CALL",
})  # fmt: skip
"""The model went wrong, and what it has said is of no use: to ask again may help."""
_UNSAID = frozenset({"FINISH_REASON_UNSPECIFIED", "BLOCK_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED"})
_TOLD = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY", "refusal": "SAFETY"}


def decode(body: bytes, request: m.Request, target: Target, dialect: str) -> m.Reply:
    """The answer in these bytes. Raises `BadResponse`, `ContentFilter`, or what an error envelope means."""
    wire.demand_utf8(body)
    said = wire.answer(_ANSWER, body)
    if said.error:
        raise in_band(said.error, target)
    candidates = said.candidates or []
    if not candidates:
        raise unanswered(said, target)
    parts = _read(candidates[0], said.id)
    called = any(isinstance(part, m.ToolCall) for part in parts)
    return m.Reply(
        id=said.id,
        model=said.model or target.model,
        finish=finish_read(candidates[0].reason or "STOP", called=called),
        usage=usage_in(said.usage_metadata) or _counted(parts, request, target),
        raw=body,
        dialect=dialect,
        read=lambda: parts,
    )


def blocked(said: Answer) -> bool:
    """Is there no answer because of what was asked?"""
    feedback = said.prompt_feedback
    reason = feedback.block_reason if feedback is not None else None
    return not said.candidates and bool(reason) and reason not in _UNSAID


def unanswered(said: Answer, target: Target) -> BadResponse | ContentFilter:
    """Why there are no candidates: the prompt was blocked, or this is no answer."""
    if blocked(said):
        return ContentFilter(f"{target.name} will not answer this for reasons of content", code="content_filter")
    return BadResponse("an answer without candidates")


def finish_read(reason: str, *, called: bool) -> str:
    """The finish reason in our words; an unknown one as it is. Raises `BadResponse` where the answer is spoilt."""
    if reason in _SPOILT:
        raise BadResponse(f"the model's answer went wrong ({reason.lower()})")
    if reason in _FILTERED:
        return "content_filter"
    return "tool_calls" if called and reason == "STOP" else _READ.get(reason, reason)


def finish_told(finish: str) -> str:
    """The finish reason in Google's words; an unknown one is told as one of no special meaning."""
    return _TOLD.get(finish, finish if finish.isupper() else "OTHER")


def usage_in(raw: Raw) -> m.Usage | None:
    """The usage in our words; None when it says nothing usable."""
    try:
        said = _USAGE.decode(raw)
    except wire.BROKEN:
        return None
    if said.prompt_token_count is None and said.candidates_token_count is None:
        return None
    asked = (said.prompt_token_count or 0) + (said.tool_use_prompt_token_count or 0)
    thought = said.thoughts_token_count or 0
    return m.Usage(
        input=asked,
        output=(said.candidates_token_count or 0) + thought,
        cached=min(said.cached_content_token_count or 0, asked),
        reasoning=thought,
    )


def usage_told(usage: m.Usage) -> dict[str, object]:
    """The usage in Google's words."""
    told: dict[str, object] = {
        "promptTokenCount": usage.input,
        "candidatesTokenCount": max(0, usage.output - usage.reasoning),
        "totalTokenCount": usage.input + usage.output,
    }
    if usage.reasoning:
        told["thoughtsTokenCount"] = usage.reasoning
    if usage.cached:
        told["cachedContentTokenCount"] = usage.cached
    return told


def _counted(parts: Sequence[m.Part], request: m.Request, target: Target) -> m.Usage:
    words = (part.arguments if isinstance(part, m.ToolCall) else getattr(part, "text", "") for part in parts)
    return estimate.of_answer(words, request, target)


def _read(candidate: Candidate, answer: str) -> tuple[m.Part, ...]:
    """What the model said. Pictures and the vendor's own tools have no place in ours."""
    parts: list[m.Part] = []
    calls = 0
    for part in (candidate.content.parts if candidate.content is not None else None) or ():
        if part.thought:
            parts.append(gemini_turns.thought(part))
        elif part.function_call is not None:
            gemini_turns.signed(parts, part)
            call = part.function_call
            parts.append(m.ToolCall(call_id(call, answer, calls), call.name, gemini_turns.arguments(call)))
            calls += 1
        elif part.text:
            parts.append(m.Text(part.text))
    return tuple(_joined(parts))


def _joined(parts: list[m.Part]) -> list[m.Part]:
    """Neighbouring pieces of text as one."""
    joined: list[m.Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, m.Text) and isinstance(last, m.Text):
            joined[-1] = m.Text(last.text + part.text)
        else:
            joined.append(part)
    return joined


def call_id(call: Call, answer: str, number: int) -> str:
    """The call's own id; for a model that gives none, one that is the same each time and no other call's."""
    if call.id:
        return call.id
    seed = f"{answer}/{number}/{call.name}/{gemini_turns.arguments(call)}"
    return f"call_{blake2s(seed.encode(), digest_size=12).hexdigest()}"


def render(reply: m.Reply) -> bytes:
    """An answer that says what the reply says."""
    content = {"role": "model", "parts": told(reply.parts)}
    return wire.dumps(
        {
            "candidates": [{"content": content, "finishReason": finish_told(reply.finish), "index": 0}],
            "usageMetadata": usage_told(reply.usage),
            "modelVersion": reply.model,
            "responseId": reply.id or blake2s(reply.raw, digest_size=12).hexdigest(),
        }
    )


def thought_told(text: str, signature: str) -> dict[str, object]:
    """A thought, with the signature that somebody else than Google has put on it."""
    told: dict[str, object] = {"text": text, "thought": True}
    if signature and not signatures.own(signature):
        told["thoughtSignature"] = signatures.told(signature)
    return told


def told(parts: Sequence[m.Part]) -> list[dict[str, object]]:
    """What the model said, for a caller; Google's own signature goes with the part behind the thoughts."""
    written: list[dict[str, object]] = []
    signature = ""
    for part in parts:
        if isinstance(part, m.Reasoning):
            signature = signatures.own(part.signature)
            if part.text or (part.signature and not signature):
                written.append(thought_told(part.text, part.signature))
        elif (said := gemini_contents.part_told(part, [])) is not None:
            written.append(said | {"thoughtSignature": signature} if signature else said)
            signature = ""
    return written
