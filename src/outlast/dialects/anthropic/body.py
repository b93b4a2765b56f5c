"""Messages requests, ready to be sent: the caller's own fields where they are Anthropic's, else written anew.

Anthropic is strict where OpenAI is not: a limit of tokens must be said, turns must alternate, no text may be empty,
the results of a turn's tools must stand together at the head of the next one.
"""

from __future__ import annotations

from msgspec.structs import replace

from outlast.dialects import bodies, going_on, wire
from outlast.dialects.anthropic.blocks import blocks_of, result_block
from outlast.model.messages import Chat, Message, Reasoning, Request, Tool, ToolCall, ToolResult
from outlast.model.target import Target

_SAMPLING = frozenset({"temperature", "top_p", "top_k"})
_NOT_PREFILLED = frozenset({"thinking", "output_config", "output_format"})
"""A prefill goes with no thinking, and with no format for a whole answer."""
_SHARED = frozenset({"top_k", "thinking"})
"""Fields without a place in `Chat` that mean the same here, whichever dialect they were asked in."""
_MAX_TOKENS = 4096
_LEAST_THINKING = 1024
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 24576, "xhigh": 32768, "max": 65536}
_EFFORTS = {"minimal": "low"}


def passed_on(request: Request, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """The caller's own body for this target, and the names of what had to be taken out."""
    return bodies.passed_on(request, target, sampling=_SAMPLING, prefilled=_NOT_PREFILLED)


def written(request: Request, target: Target, own: bool) -> tuple[bytes, tuple[str, ...]]:
    """A body made from `Chat`, and the names of what Anthropic's words cannot say.

    `own` says that the extra fields are the caller's for this dialect, to be written whatever they are.
    """
    chat = bodies.asked(request)
    dropped: list[str] = []
    system, turns = _turns(chat, dropped)
    prefill = going_on.prefills(request.begun, target)
    if request.begun is not None:
        turns = going_on.with_turns(turns, request.begun, prefill=prefill)
        chat = replace(chat, max_tokens=request.max_tokens)
    if prefill:
        chat = replace(chat, schema=None, effort=None, extra=_without_thinking(chat.extra))
    body: dict[str, object] = {"model": target.model, "max_tokens": _limit(chat, target, dropped), "messages": turns}
    if system:
        body["system"] = system[0]["text"] if len(system) == 1 else system
    _tools(body, chat)
    _schema(body, chat, dropped)
    _extra(body, chat, own, dropped)
    _effort(body, chat, target, dropped)
    _options(body, chat, target, dropped)
    if request.stream:
        body["stream"] = True
    bodies.refuse(body, target, dropped)
    return bodies.closed(body, dropped)


def _without_thinking(extra: dict[str, object]) -> dict[str, object]:
    """A prefill is the beginning of what is said; the thinking is done."""
    return {name: value for name, value in extra.items() if name != "thinking"}


def _limit(chat: Chat, target: Target, dropped: list[str]) -> int:
    if chat.max_tokens is None:
        return target.max_output or _MAX_TOKENS
    if target.max_output and chat.max_tokens > target.max_output:
        dropped.append(f"max_tokens above {target.max_output}")
        return target.max_output
    return chat.max_tokens


def _options(body: dict[str, object], chat: Chat, target: Target, dropped: list[str]) -> None:
    sampling = {"temperature": chat.temperature, "top_p": chat.top_p, "top_k": body.pop("top_k", None)}
    thinks = isinstance(body.get("thinking"), dict)
    for name, value in sampling.items():
        if value is None:
            continue
        if thinks or not target.sampling:
            dropped.append(name)
        else:
            body[name] = value
    if chat.temperature is not None and chat.temperature > 1 and "temperature" in body:
        body["temperature"] = 1.0
        dropped.append("temperature above 1")
    stops = [stop for stop in chat.stop if stop.strip()]
    if stops:
        body["stop_sequences"] = stops
    if len(stops) < len(chat.stop):
        dropped.append("stop sequences of white space")
    if chat.user is not None:
        body["metadata"] = {"user_id": chat.user}
    if chat.seed is not None:
        dropped.append("seed")


def _tools(body: dict[str, object], chat: Chat) -> None:
    if not chat.tools:
        return
    body["tools"] = [_definition(tool) for tool in chat.tools]
    choice: dict[str, object] = {}
    if chat.tool_choice is not None:
        known = chat.tool_choice in {"auto", "any", "none"}
        choice = {"type": chat.tool_choice} if known else {"type": "tool", "name": chat.tool_choice}
    if chat.parallel_tools is not None and chat.tool_choice != "none":
        choice = {"type": "auto", **choice, "disable_parallel_tool_use": not chat.parallel_tools}
    if choice:
        body["tool_choice"] = choice


def _definition(tool: Tool) -> dict[str, object]:
    told: dict[str, object] = {"name": tool.name, "input_schema": tool.parameters or {"type": "object"}}
    if tool.description:
        told["description"] = tool.description
    if tool.strict is not None:
        told["strict"] = tool.strict
    return told


def _schema(body: dict[str, object], chat: Chat, dropped: list[str]) -> None:
    if chat.schema is None:
        return
    if chat.schema.schema:
        body["output_config"] = {"format": {"type": "json_schema", "schema": chat.schema.schema}}
    elif not chat.schema.worded:
        dropped.append("response_format")  # any JSON object, without a schema, cannot be asked for


def _effort(body: dict[str, object], chat: Chat, target: Target, dropped: list[str]) -> None:
    """Newer models, those without sampling, take an effort; the others a number of tokens to think with."""
    if chat.effort in {None, "none"} or "thinking" in body:
        return
    effort = chat.effort or ""
    budget = _budget(effort, body)
    if not target.reasoning or not budget or _forbids_thinking(body, chat):
        dropped.append("reasoning_effort")
    elif target.sampling:
        body["thinking"] = {"type": "enabled", "budget_tokens": budget}
    else:
        config = body.get("output_config")
        effort = _EFFORTS.get(effort, effort)
        body["output_config"] = {**config, "effort": effort} if isinstance(config, dict) else {"effort": effort}
        body["thinking"] = {"type": "adaptive"}


def _budget(effort: str, body: dict[str, object]) -> int:
    """Tokens to think with: at most half of the answer's, 0 if that is too few."""
    most = body["max_tokens"]
    budget = min(_BUDGETS.get(effort, 0), most // 2 if isinstance(most, int) else 0)
    return budget if budget >= _LEAST_THINKING else 0


def _forbids_thinking(body: dict[str, object], chat: Chat) -> bool:
    """Thinking does not go with a forced tool, nor after tool calls whose own thinking is not shown."""
    choice = body.get("tool_choice")
    forced = isinstance(choice, dict) and choice["type"] in {"any", "tool"}
    return forced or any(_called_blindly(message) for message in chat.messages)


def _called_blindly(message: Message) -> bool:
    calls = any(isinstance(part, ToolCall) for part in message.parts)
    shown = any(isinstance(part, Reasoning) and (part.signature or part.data) for part in message.parts)
    return calls and not shown


def _extra(body: dict[str, object], chat: Chat, own: bool, dropped: list[str]) -> None:
    for name, value in chat.extra.items():
        if name in body or wire.says_nothing(value) or (name == "n" and value == 1):
            continue
        if "." in name or name in wire.ADDRESSES or not (own or name in _SHARED):
            dropped.append(name)
        else:
            body[name] = value


def _turns(chat: Chat, dropped: list[str]) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """The system's blocks, and turns of user and assistant that alternate."""
    system: list[dict[str, object]] = []
    turns: list[tuple[str, list[dict[str, object]]]] = []
    for message in chat.messages:
        if message.name:
            dropped.append("messages.name")
        if message.role == "system":
            system.extend(blocks_of(message, dropped))
            continue
        role = "user" if message.role == "tool" else message.role
        if not turns or turns[-1][0] != role:
            turns.append((role, []))
        turns[-1][1].extend(_blocks(message, dropped))
    turns = [(role, blocks) for role, blocks in turns if blocks]
    if not turns:
        system, turns = [], [("user", system)]
    _trim(turns)
    return system, [{"role": role, "content": _content(blocks)} for role, blocks in _joined(turns)]


def _blocks(message: Message, dropped: list[str]) -> list[dict[str, object]]:
    if message.role == "tool":
        return [result_block(part, dropped) for part in message.parts if isinstance(part, ToolResult)]
    return blocks_of(message, dropped)


def _joined(turns: list[tuple[str, list[dict[str, object]]]]) -> list[tuple[str, list[dict[str, object]]]]:
    """Turns that have become neighbours put together, tool results first."""
    joined: list[tuple[str, list[dict[str, object]]]] = []
    for role, blocks in turns:
        if joined and joined[-1][0] == role:
            joined[-1][1].extend(blocks)
        else:
            joined.append((role, blocks))
    return [(role, sorted(blocks, key=lambda block: block["type"] != "tool_result")) for role, blocks in joined]


def _content(blocks: list[dict[str, object]]) -> object:
    return blocks[0]["text"] if len(blocks) == 1 and blocks[0].keys() == {"type", "text"} else blocks


def _trim(turns: list[tuple[str, list[dict[str, object]]]]) -> None:
    """A beginning of the answer, given by the caller, must not end in white space."""
    role, blocks = turns[-1]
    last = blocks[-1] if blocks else {}
    text = last.get("text")
    if role == "assistant" and isinstance(text, str):
        last["text"] = text.rstrip()
