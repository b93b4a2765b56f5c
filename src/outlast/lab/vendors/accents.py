"""How a simulated provider answers that speaks OpenAI's dialect with the accent of one of its kin.

mistral    the usage of a stream comes unasked, with the finish
deepseek   it thinks before it speaks; prefills have a path of their own
groq       the usage of a stream comes a second time, in a place of its own
together   an answer that is complete ends with "eos"; headers tell of tokens by another name
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, cast

Json = dict[str, object]
Parts = list[tuple[Json, bool]]
Accent = Literal["", "mistral", "deepseek", "groq", "together"]
THOUGHT = "The user says something."
_TOKEN_HEADERS = {f"x-ratelimit-{word}-tokens": f"x-tokenlimit-{word}" for word in ("limit", "remaining", "reset")}


def whole(accent: Accent, told: Json) -> Json:
    """A whole chat completion with that accent."""
    for choice in cast("list[Json]", told["choices"]):
        _finished(accent, choice)
        if accent == "deepseek":
            choice["message"] = cast("Json", choice["message"]) | {"reasoning_content": THOUGHT}
    if accent == "deepseek":
        told["usage"] = _cached(cast("Json", told["usage"]))
    return told


def chunks(accent: Accent, parts: Parts, usage: Json) -> Parts:
    """The chunks of a stream with that accent."""
    for chunk, _ in parts:
        for choice in cast("list[Json]", chunk["choices"]):
            _finished(accent, choice)
    last = parts[-1][0]
    if accent == "mistral":
        last["usage"] = usage
    elif accent == "groq":
        parts[0][0]["x_groq"] = {"id": "req_sim"}
        last["x_groq"] = {"id": "req_sim", "usage": usage}
    elif accent == "deepseek":
        first = parts[0][0]
        choice = cast("list[Json]", first["choices"])[0] | {"delta": {"reasoning_content": THOUGHT}}
        return [parts[0], (first | {"choices": [choice]}, True), *parts[1:]]
    return parts


def headers(accent: Accent, pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers that tell how limits stand, by their names there."""
    return [(_TOKEN_HEADERS.get(name, name) if accent == "together" else name, value) for name, value in pairs]


def _finished(accent: Accent, choice: Json) -> None:
    if accent == "together" and choice["finish_reason"] == "stop":
        choice["finish_reason"] = "eos"


def _cached(usage: Json) -> Json:
    """The tokens of the prompt, those in the cache apart."""
    plain = {name: value for name, value in usage.items() if name != "prompt_tokens_details"}
    return plain | {"prompt_cache_hit_tokens": 0, "prompt_cache_miss_tokens": usage["prompt_tokens"]}
