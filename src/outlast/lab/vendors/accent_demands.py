"""What OpenAI's kin demand of a chat completion otherwise than OpenAI, and how they refuse what they do not take.

body ──with that accent──▶ fields, turns and thoughts that it takes ──as OpenAI says it──▶ body for OpenAI's demands
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from msgspec import Struct

from outlast.lab.answer import Asked, Json
from outlast.lab.refusal import Refusal
from outlast.lab.vendors.accents import Accent

_USUAL = frozenset({
    "model", "messages", "stream", "temperature", "top_p", "n", "stop", "presence_penalty",
    "frequency_penalty", "tools", "tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort",
})  # fmt: skip
_ANY_TURN = {
    "system": frozenset({"role", "content"}),
    "user": frozenset({"role", "content"}),
    "assistant": frozenset({"role", "content", "tool_calls"}),
    "tool": frozenset({"role", "content", "tool_call_id"}),
}


class _Demands(Struct, frozen=True):
    """One accent: fields of body and turns beside the usual ones, or those refused while all else is taken; and how."""

    fields: frozenset[str] = frozenset()
    turns: dict[str, frozenset[str]] = {}
    refused: frozenset[str] = frozenset()
    status: int = 400
    words: str = "property '{}' is unsupported"

    def unknown(self, names: Iterable[str]) -> list[str]:
        """The fields of a body that are not taken."""
        return [name for name in names if (name in self.refused if self.refused else name not in self.fields)]

    def odd(self, role: str, names: Iterable[str]) -> list[str]:
        """The same of a turn."""
        taken = _ANY_TURN.get(role, frozenset()) | self.turns.get(role, frozenset())
        return [] if self.refused else [name for name in names if name not in taken]


_ACCENTS: dict[Accent, _Demands] = {
    "mistral": _Demands(
        _USUAL | {"max_tokens", "random_seed", "safe_prompt", "prediction", "prompt_mode", "guardrails"},
        {"assistant": frozenset({"prefix"}), "tool": frozenset({"name"})},
        status=422,
        words="Extra inputs are not permitted: {}",
    ),
    "groq": _Demands(
        _USUAL | {
            "max_completion_tokens", "max_tokens", "seed", "user", "stream_options", "service_tier", "reasoning_format",
            "include_reasoning", "metadata", "store",
        },
        {"assistant": frozenset({"reasoning"})},
    ),
    # These two pass over what they do not know, a limit under another name among it, which would then be none.
    "deepseek": _Demands(refused=frozenset({"max_completion_tokens"})),
    "together": _Demands(refused=frozenset({"max_completion_tokens"})),
}  # fmt: skip


def plain(asked: Asked) -> Json:
    """The body as OpenAI would be asked. Raises a `Refusal` for what this accent does not take."""
    accent, body = asked.accent, asked.body
    demands = _ACCENTS.get(accent)
    if demands is None:
        return body
    for name in demands.unknown(body):
        raise Refusal(demands.words.format(name), name, status=demands.status)
    turns = [_turn(demands, turn, place) for place, turn in enumerate(_turns(body))]
    if accent == "deepseek":
        _thoughts(turns)
        _beta(asked, turns)
    if accent == "groq" and body.get("n") not in (None, 1):
        raise Refusal("'n' : number must be at most 1", "n")
    if accent == "mistral" and body.get("tool_choice") == "required":
        raise Refusal("Input should be 'auto', 'none' or 'any'", "tool_choice", status=422)
    return _for_openai(body) | ({"messages": [_for_openai(turn) for turn in turns]} if turns else {})


def _turns(body: Json) -> list[Json]:
    turns = body.get("messages")
    good = isinstance(turns, list) and all(isinstance(turn, dict) for turn in turns)
    return cast("list[Json]", turns) if good else []


def _turn(demands: _Demands, turn: Json, place: int) -> Json:
    for name in demands.odd(str(turn.get("role")), turn):
        where = f"messages[{place}].{name}"
        raise Refusal(demands.words.format(where), where, status=demands.status)
    return turn


def _thoughts(turns: list[Json]) -> None:
    """What was thought before tools were called must be told again; what was thought otherwise must not."""
    for turn in turns:
        if turn.get("tool_calls") and "reasoning_content" not in turn:
            raise Refusal("The `reasoning_content` in the thinking mode must be passed back to the API.")
        if not turn.get("tool_calls") and "reasoning_content" in turn:
            raise Refusal("reasoning_content must not be in the messages of the input")


def _beta(asked: Asked, turns: list[Json]) -> None:
    if asked.prefill == "none" and any("prefix" in turn for turn in turns):
        raise Refusal("prefix is only available at the beta base URL")


def _for_openai(fields: Json) -> Json:
    """These fields by OpenAI's names, without what OpenAI does not have."""
    own = {"random_seed": "seed"}
    beside = {"safe_prompt", "prompt_mode", "guardrails", "reasoning_format", "include_reasoning", "thinking", "top_k",
              "min_p", "repetition_penalty", "safety_model", "echo", "reasoning", "context_length_exceeded_behavior",
              "reasoning_content"}  # fmt: skip
    told = {own.get(name, name): value for name, value in fields.items() if name not in beside}
    return told | ({"tool_choice": "required"} if told.get("tool_choice") == "any" else {})
