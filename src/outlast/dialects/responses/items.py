"""Turns of ours as items of the Responses API."""

from __future__ import annotations

from collections.abc import Iterable

from outlast.dialects.media import data_url
from outlast.model.messages import Document, Image, Message, Reasoning, Refusal, Text, ToolCall, ToolResult
from outlast.model.target import Target

_Json = dict[str, object]


def items_of(turns: tuple[Message, ...], target: Target, dropped: list[str]) -> tuple[str, list[_Json]]:
    """The instructions, and the items of all other turns; what cannot be said is named in `dropped`."""
    instructions, first = "", turns[0] if turns else None
    if first is not None and first.role == "system" and len(turns) > 1:
        (*texts,) = first.parts
        if len(texts) == 1 and isinstance(texts[0], Text) and not first.name:
            instructions, turns = texts[0].text, turns[1:]
    system = "developer" if target.provider.quirks.developer_role else "system"
    items: list[_Json] = []
    for turn in turns:
        items += _items(turn, system if turn.role == "system" else turn.role, dropped)
    return instructions, items


def _items(turn: Message, role: str, dropped: list[str]) -> Iterable[_Json]:
    if turn.name:
        dropped.append("messages.name")
    if role == "tool":
        return [_result(part, dropped) for part in turn.parts if isinstance(part, ToolResult)]
    if role == "assistant":
        return _of_assistant(turn, dropped)
    pieces = [piece for part in turn.parts if (piece := _piece(part)) is not None]
    if len(pieces) == 1 and isinstance(turn.parts[0], Text):
        return [{"role": role, "content": turn.parts[0].text}]
    return [{"role": role, "content": pieces}] if pieces else [{"role": role, "content": ""}]


def _of_assistant(turn: Message, dropped: list[str]) -> list[_Json]:
    """Its words, and between them the tools that it asked for."""
    items: list[_Json] = []
    for part in turn.parts:
        if isinstance(part, ToolCall):
            items.append(
                {"type": "function_call", "call_id": part.id, "name": part.name, "arguments": part.arguments or "{}"}
            )
        elif isinstance(part, Text):
            items.append({"role": "assistant", "content": part.text})
        elif isinstance(part, Refusal):
            items.append({"role": "assistant", "content": [{"type": "refusal", "refusal": part.text}]})
        else:
            dropped.append("messages.reasoning" if isinstance(part, Reasoning) else "messages.content")
    return items


def _result(result: ToolResult, dropped: list[str]) -> _Json:
    if result.error:
        dropped.append("messages.tool_result.is_error")
    output: object = [_piece(part) for part in result.parts]
    if len(result.parts) <= 1 and all(isinstance(part, Text) for part in result.parts):
        output = "".join(part.text for part in result.parts if isinstance(part, Text))
    return {"type": "function_call_output", "call_id": result.id, "output": output}


def _piece(part: object) -> _Json | None:
    if isinstance(part, Text):
        return {"type": "input_text", "text": part.text}
    if isinstance(part, Image):
        url = part.url or data_url(part.media_type, part.data)
        return {"type": "input_image", "image_url": url, "detail": part.detail or "auto"}
    if isinstance(part, Document):
        if not part.data:
            return {"type": "input_file", "file_url": part.url}
        data = data_url(part.media_type, part.data)
        return {"type": "input_file", "file_data": data, "filename": part.name or "document"}
    return None
