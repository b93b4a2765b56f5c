"""Messages of ours as turns of Cohere's.

The system's words stand before all turns; texts of nothing but white space are left out, for an empty turn is refused.
What a model thought goes to a model that thinks, as thinking; to another one only as the plan behind its tool calls.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64

from outlast.dialects.media import data_url
from outlast.model.messages import (
    Chat,
    Document,
    Image,
    Message,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from outlast.model.target import Target

_Block = dict[str, object]


def turns_of(chat: Chat, target: Target, dropped: list[str]) -> list[_Block]:
    """The turns of this chat; what they cannot say is named."""
    system = [part for message in chat.messages if message.role == "system" for part in message.parts]
    turns: list[_Block] = []
    for message in chat.messages:
        if message.name:
            dropped.append("messages.name")
        if message.role == "tool":
            turns.extend(_result(part, dropped) for part in message.parts if isinstance(part, ToolResult))
        elif message.role != "system":
            turn = _assistant(message, target, dropped) if message.role == "assistant" else _user(message, dropped)
            turns.extend([turn] if turn is not None else [])
    words = _content([block for part in system if (block := _word(part, dropped)) is not None])
    if not words:
        return turns or [{"role": "user", "content": " "}]
    return [{"role": "system", "content": words}, *turns] if turns else [{"role": "user", "content": words}]


def _user(message: Message, dropped: list[str]) -> _Block | None:
    content = _content([block for part in message.parts if (block := _block(part, dropped)) is not None])
    return {"role": "user", "content": content} if content else None


def _assistant(message: Message, target: Target, dropped: list[str]) -> _Block | None:
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    thought = "".join(part.text for part in message.parts if isinstance(part, Reasoning))
    blocks = [
        block
        for part in message.parts
        if not isinstance(part, (ToolCall, Reasoning)) and (block := _word(part, dropped)) is not None
    ]
    turn: _Block = {"role": "assistant"}
    if thought and target.reasoning:
        blocks.insert(0, {"type": "thinking", "thinking": thought})
    elif thought and calls:
        turn["tool_plan"] = thought
    elif thought:
        dropped.append("messages.reasoning")
    if any(isinstance(part, Reasoning) and part.data for part in message.parts):
        dropped.append("messages.reasoning")  # encrypted for its maker alone
    if blocks:
        turn["content"] = _content(blocks)
    if calls:
        turn["tool_calls"] = [_call(call) for call in calls]
    return turn if blocks or calls else None


def _call(call: ToolCall) -> _Block:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}


def _result(result: ToolResult, dropped: list[str]) -> _Block:
    blocks = [block for part in result.parts if (block := _block(part, dropped)) is not None]
    kept = [block for block in blocks if block["type"] != "image_url"]
    if len(kept) < len(blocks):
        dropped.append("messages.tool_result.media")
    if result.error:
        dropped.append("messages.tool_result.is_error")
    return {"role": "tool", "tool_call_id": result.id, "content": _content(kept) or " "}


def _content(blocks: list[_Block]) -> object:
    """One text as a string, everything else as a list of blocks."""
    return blocks[0]["text"] if len(blocks) == 1 and blocks[0]["type"] == "text" else blocks


def _word(part: Part, dropped: list[str]) -> _Block | None:
    """The block of a part where Cohere takes nothing but words: of the system, and of what it said itself."""
    if isinstance(part, (Text, Refusal)):
        return _block(part, dropped)
    dropped.append("messages.content")
    return None


def _block(part: Part, dropped: list[str]) -> _Block | None:
    """The block of one part; None when there is nothing to say, or no way to say it, which is then named."""
    if isinstance(part, (Text, Refusal)):
        return {"type": "text", "text": part.text} if part.text.strip() else None
    if isinstance(part, Image):
        image = {"url": part.url or data_url(part.media_type, part.data)}
        if part.detail:
            image["detail"] = part.detail
        return {"type": "image_url", "image_url": image}
    if isinstance(part, Document):
        return _document(part, dropped)
    return None


def _document(document: Document, dropped: list[str]) -> _Block | None:
    """A text that the answer may cite. Files of other kinds cannot be read, nor addresses fetched."""
    text = _text(document)
    if text is None:
        dropped.append(f"messages.document.{'url' if document.url else document.media_type or 'unknown'}")
        return None
    data = {"title": document.name, "text": text} if document.name else {"text": text}
    return {"type": "document", "document": {"data": data}}


def _text(document: Document) -> str | None:
    if document.url or not document.media_type.startswith("text/"):
        return None
    try:
        return b64decode(document.data, validate=True).decode()
    except (NotBase64, ValueError):
        return None
