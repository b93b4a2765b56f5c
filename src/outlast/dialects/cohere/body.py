"""Chat requests for Cohere, ready to be sent: the caller's own fields where they are Cohere's, else written anew.

Cohere refuses every field that it does not know, even inside a tool. A particular tool cannot be forced by name: it
is, when it is the only one that is offered. No format can be asked for together with tools, but in words.
"""

from __future__ import annotations

from msgspec.structs import replace

from outlast.dialects import bodies, going_on, wire
from outlast.dialects.cohere.request import LOGPROBS
from outlast.dialects.cohere.turns import turns_of
from outlast.model.errors import SCHEMA_REFUSED, Unsupported
from outlast.model.messages import Chat, Request, Tool
from outlast.model.target import Target

_SAMPLING = frozenset({"temperature", "p", "k"})
_NOT_PREFILLED = frozenset({"thinking", "response_format"})
"""A prefill goes with no thinking, and with no format for a whole answer."""
_PENALTIES = ("frequency_penalty", "presence_penalty")
_MOST_STOPS = 5
_LEAST_P, _MOST_P = 0.01, 0.99
_MOST_K = 500
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 24576, "xhigh": 32768, "max": 65536}
_CHOICES = {"any": "REQUIRED", "none": "NONE"}
_NO_PARAMETERS: dict[str, object] = {"type": "object", "properties": {}}


def passed_on(request: Request, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """The caller's own body for this target, and the names of what had to be taken out."""
    return bodies.passed_on(request, target, sampling=_SAMPLING, prefilled=_NOT_PREFILLED)


def written(request: Request, target: Target, own: bool) -> tuple[bytes, tuple[str, ...]]:
    """A body made from `Chat`, and the names of what Cohere's words cannot say.

    `own` says that the extra fields are the caller's for this dialect, to be written whatever they are.

    Raises:
        Unsupported: a format is asked for together with tools.
    """
    chat = bodies.asked(request)
    dropped: list[str] = []
    turns = turns_of(chat, target, dropped)
    prefill = going_on.prefills(request.begun, target)
    if request.begun is not None:
        turns = going_on.with_turns(turns, request.begun, prefill=prefill)
        chat = replace(chat, max_tokens=request.max_tokens)
    if prefill:
        chat = replace(chat, schema=None, effort=None)
    body: dict[str, object] = {"model": target.model, "messages": turns}
    if request.stream:
        body["stream"] = True
    _tools(body, chat, dropped)
    _format(body, chat, target)
    _options(body, chat, target, dropped)
    _thinking(body, chat, target, dropped)
    _extra(body, chat, own, target, dropped)
    bodies.refuse(body, target, dropped)
    return bodies.closed(body, dropped)


def _tools(body: dict[str, object], chat: Chat, dropped: list[str]) -> None:
    if not chat.tools:
        return
    offered = [tool for tool in chat.tools if tool.name == chat.tool_choice] or list(chat.tools)
    body["tools"] = [_definition(tool) for tool in offered]
    if chat.tool_choice not in {None, "auto"}:
        body["tool_choice"] = _CHOICES.get(chat.tool_choice or "", "REQUIRED")
    strict = [tool.strict for tool in offered if tool.strict is not None]
    if strict:
        body["strict_tools"] = all(strict)
    if any(strict) and not all(tool.strict for tool in offered):
        body["strict_tools"] = False
        dropped.append("tools.strict")
    if chat.parallel_tools is False:
        dropped.append("parallel_tool_calls")


def _definition(tool: Tool) -> dict[str, object]:
    told: dict[str, object] = {"name": tool.name, "parameters": tool.parameters or _NO_PARAMETERS}
    if tool.description:
        told["description"] = tool.description
    return {"type": "function", "function": told}


def _format(body: dict[str, object], chat: Chat, target: Target) -> None:
    if chat.schema is None:
        return
    if chat.tools and chat.schema.worded:
        return
    if chat.tools:
        refused = Unsupported(f"{target.name} cannot be held to a format and offered tools in one request; ask for one")
        refused.code = SCHEMA_REFUSED  # it may still be asked in words
        raise refused
    wanted: dict[str, object] = {"type": "json_object"}
    if chat.schema.schema:
        wanted["json_schema"] = chat.schema.schema
    body["response_format"] = wanted


def _options(body: dict[str, object], chat: Chat, target: Target, dropped: list[str]) -> None:
    limit = bodies.limit(chat, target, dropped)
    if limit is not None:
        body["max_tokens"] = limit
    if len(chat.stop) > _MOST_STOPS:
        dropped.append(f"stop sequences after the {_MOST_STOPS}th")
    if chat.stop:
        body["stop_sequences"] = list(chat.stop[:_MOST_STOPS])
    if chat.seed is not None and chat.seed >= 0:
        body["seed"] = chat.seed
    elif chat.seed is not None:
        dropped.append("seed below 0")
    if chat.user is not None:
        dropped.append("user")
    _sampling(body, chat, target, dropped)


def _sampling(body: dict[str, object], chat: Chat, target: Target, dropped: list[str]) -> None:
    top_k = chat.extra.get("top_k")
    said = {"temperature": chat.temperature, "top_p": chat.top_p, "top_k": top_k if isinstance(top_k, int) else None}
    if not target.sampling:
        dropped.extend(name for name, value in said.items() if value is not None)
        return
    _within(body, "temperature", ("temperature", said["temperature"]), (0.0, 1.0), dropped)
    _within(body, "p", ("top_p", said["top_p"]), (_LEAST_P, _MOST_P), dropped)
    _within(body, "k", ("top_k", said["top_k"]), (0, _MOST_K), dropped)


def _within(
    body: dict[str, object],
    name: str,
    asked: tuple[str, float | None],
    bounds: tuple[float, float],
    dropped: list[str],
) -> None:
    """Write a number as far as Cohere takes it, and name what is beyond that by the caller's word for it."""
    word, value = asked
    low, high = bounds
    if value is None:
        return
    if value < low or value > high:
        dropped.append(f"{word} below {low:g}" if value < low else f"{word} above {high:g}")
    body[name] = min(max(value, low), high)


def _thinking(body: dict[str, object], chat: Chat, target: Target, dropped: list[str]) -> None:
    effort = chat.effort
    if effort is None or (effort == "none" and not target.reasoning):
        return
    if not target.reasoning or (effort != "none" and effort not in _BUDGETS):
        dropped.append("reasoning_effort")
    elif effort == "none":
        body["thinking"] = {"type": "disabled"}
    else:
        body["thinking"] = {"type": "enabled", "token_budget": _budget(_BUDGETS[effort], body.get("max_tokens"))}


def _budget(usual: int, most: object) -> int:
    """Tokens to think with: at most half of the answer's."""
    return min(usual, max(1, most // 2)) if isinstance(most, int) else usual


def _extra(body: dict[str, object], chat: Chat, own: bool, target: Target, dropped: list[str]) -> None:
    _penalties(body, chat, target, dropped)
    for name, value in chat.extra.items():
        if name in {"top_k", *_PENALTIES} or wire.says_nothing(value) or (name == "n" and value == 1):
            continue
        if own and name == LOGPROBS:
            body["logprobs"] = True
        elif "." in name or name in wire.ADDRESSES or not own:
            dropped.append(name)
        else:
            body[name] = value


def _penalties(body: dict[str, object], chat: Chat, target: Target, dropped: list[str]) -> None:
    """Cohere takes penalties from 0 to 1, and only one of them."""
    for name in _PENALTIES:
        value = chat.extra.get(name)
        if not isinstance(value, (int, float)) or not value:
            continue
        if not target.sampling or "frequency_penalty" in body:
            dropped.append(name)
        else:
            _within(body, name, (name, value), (0.0, 1.0), dropped)
