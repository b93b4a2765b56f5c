"""Google's words around a simulated answer: generated content, its stream, embeddings and errors."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import cast

from outlast.lab.answer import Asked, Json, Said, SimEvent, compose, dumps
from outlast.lab.quotas import Exceeded, Gauge

_STATUSES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ABORTED",
    413: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED", 499: "CANCELLED", 501: "UNIMPLEMENTED", 503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}  # fmt: skip
_REASONS = {401: "API_KEY_INVALID"}
_FINISHES = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}
_RETRY = re.compile(r"Please retry in ([\d.]+)s")
_TYPE = "type.googleapis.com/google.rpc."
_THOUGHT = "I think about it."
SIGNATURE = base64.b64encode(b"simulated thoughts").decode()
"""What a call is signed with."""


def error(
    status: int,
    message: str,
    type: str | None = None,  # noqa: A002
    code: str | None = None,
    param: str | None = None,
) -> Json:
    """The error envelope; when to come again stands in its details."""
    word = type.upper() if type else _STATUSES.get(status, "INTERNAL" if status >= 500 else "FAILED_PRECONDITION")
    details: list[Json] = []
    reason = code.upper() if code else _REASONS.get(status)
    if reason:
        details.append({"@type": f"{_TYPE}ErrorInfo", "reason": reason, "domain": "googleapis.com"})
    if param:
        violation = {"field": param, "description": message}
        details.append({"@type": f"{_TYPE}BadRequest", "fieldViolations": [violation]})
    if wait := _RETRY.search(message):
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{wait[1]}s"})
    return {"error": {"code": status, "message": message, "status": word} | ({"details": details} if details else {})}


def error_event(message: str, type: str | None = None, code: str | None = None) -> SimEvent:  # noqa: A002
    """An error inside a stream."""
    return SimEvent(b"data: " + dumps(error(503, message, type, code)) + b"\r\n\r\n")


def ping() -> SimEvent:
    """A heartbeat: a comment."""
    return SimEvent(b": ping\r\n\r\n")


def whole(asked: Asked, said: Said) -> Json:
    """A whole answer, with as many candidates as were asked for."""
    parts = [*_thoughts(asked), *([_call(asked, said)] if said.tool else [{"text": said.text}])]
    ended: Json = {"finishReason": _FINISHES[said.finish]}
    if _options(asked).get("responseLogprobs") is True:
        ended |= {"avgLogprobs": -0.1, "logprobsResult": {"chosenCandidates": [_likely(one) for one in said.tokens]}}
    candidates = [_candidate(parts, index) | ended for index in range(_choices(asked))]
    return {"candidates": candidates} | _head(asked, _usage(asked, said, len(said.tokens)))


def events(asked: Asked, said: Said) -> list[SimEvent]:
    """The same as a stream: thoughts, the content piece by piece, and why each candidate ended."""
    pieces: list[Json] = [_call(asked, said)] if said.tool else [{"text": token} for token in said.tokens]
    parts = [*_thoughts(asked), *pieces]
    indexes = range(1 if said.tool else _choices(asked))
    told = [
        _event(asked, _candidate([part], index), _usage(asked, said, count), content=True)
        for count, part in enumerate(parts, 1)
        for index in indexes
    ]
    usage = _usage(asked, said, len(said.tokens))
    ended: Json = {"finishReason": _FINISHES[said.finish]}
    return [*told, *(_event(asked, _candidate([{"text": ""}], index) | ended, usage) for index in indexes)]


def count_tokens(asked: Asked) -> Json:
    """How many tokens the prompt has."""
    return {"totalTokens": compose(asked).prompt}


def embeddings(asked: Asked) -> Json:
    """A vector for each content: always the same for the same words."""
    rows = cast("list[Json]", asked.body.get("requests") or [asked.body])
    values = [{"values": _vector(row)} for row in rows]
    told: Json = {"embeddings": values} if "requests" in asked.body else {"embedding": values[0]}
    return told | {"usageMetadata": {"promptTokenCount": input_tokens(asked)}}


def input_tokens(asked: Asked) -> int:
    """Tokens of what is to be embedded."""
    return max(1, len(dumps([asked.body.get("requests"), asked.body.get("content")])) // 4)


def rate_limits(gauges: Iterable[Gauge], epoch: float) -> Iterator[tuple[str, str]]:
    """No headers: Google does not tell how limits stand."""
    del gauges, epoch
    yield from ()


def exceeded(asked: Asked, limit: Exceeded) -> tuple[None, str, str, dict[str, str]]:
    """Type (the usual one), reason and words of the refusal, which say when to come again; and no headers."""
    words = f"You exceeded your current quota. Quota exceeded for metric: {limit.unit}, limit: {limit.limit}"
    words = f"{words}, model: {asked.model}"
    again = "" if limit.wait == math.inf else f"\nPlease retry in {math.ceil(limit.wait * 1000) / 1000}s."
    return None, "RATE_LIMIT_EXCEEDED", f"{words}{again}", {}


def _options(asked: Asked) -> Json:
    return cast("Json", asked.body.get("generationConfig") or {})


def _choices(asked: Asked) -> int:
    return cast("int", _options(asked).get("candidateCount") or 1)


def _thoughts(asked: Asked) -> list[Json]:
    config = cast("Json", _options(asked).get("thinkingConfig") or {})
    return [{"text": _THOUGHT, "thought": True}] if config.get("includeThoughts") is True else []


def _call(asked: Asked, said: Said) -> Json:
    call = {"id": f"call_sim{asked.number:06d}", "name": said.tool, "args": json.loads(said.text)}
    return {"functionCall": call, "thoughtSignature": SIGNATURE}


def _candidate(parts: list[Json], index: int) -> Json:
    return {"content": {"role": "model", "parts": parts}, "index": index}


def _head(asked: Asked, usage: Json) -> Json:
    return {"usageMetadata": usage, "modelVersion": asked.model, "responseId": f"sim{asked.provider}{asked.number:06d}"}


def _event(asked: Asked, candidate: Json, usage: Json, *, content: bool = False) -> SimEvent:
    return SimEvent(b"data: " + dumps({"candidates": [candidate]} | _head(asked, usage)) + b"\r\n\r\n", content)


def _usage(asked: Asked, said: Said, output: int) -> Json:
    thought = len(_thoughts(asked)) * 5
    made = output * _choices(asked)
    told: Json = {"promptTokenCount": said.prompt, "candidatesTokenCount": made}
    return (
        told | {"totalTokenCount": said.prompt + made + thought} | ({"thoughtsTokenCount": thought} if thought else {})
    )


def _likely(token: str) -> Json:
    return {"token": token, "tokenId": sum(token.encode()), "logProbability": -0.1}


def _vector(row: Json) -> list[float]:
    size = cast("int", row.get("outputDimensionality") or 8)
    return [byte / 128 - 1 for byte in hashlib.shake_256(dumps(row.get("content"))).digest(size)]
