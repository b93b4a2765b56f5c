"""Parts of ours as content blocks of Anthropic's."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64

from outlast.dialects import signatures
from outlast.dialects.arguments import as_object
from outlast.model.messages import Document, Image, Message, Part, Reasoning, Refusal, Text, ToolCall, ToolResult

_Block = dict[str, object]
_ODD = re.compile(r"[^a-zA-Z0-9_-]")


def blocks_of(message: Message, dropped: list[str]) -> list[_Block]:
    """The blocks of one message; empty texts are left out."""
    blocks = [block_of(part, dropped) for part in message.parts]
    return [block for block in blocks if block is not None]


def block_of(part: Part, dropped: list[str]) -> _Block | None:
    """The block of one part; None when there is nothing to say, or no way to say it, which is then named."""
    if isinstance(part, (Text, Refusal)):
        return {"type": "text", "text": part.text} if part.text.strip() else None
    if isinstance(part, Image):
        return _image(part, dropped)
    if isinstance(part, Document):
        return _document(part, dropped)
    if isinstance(part, Reasoning):
        return _thinking(part, dropped)
    if isinstance(part, ToolCall):
        return {"type": "tool_use", "id": tool_id(part.id), "name": part.name, "input": as_object(part, dropped)}
    return result_block(part, dropped)


def result_block(result: ToolResult, dropped: list[str]) -> _Block:
    """What a tool gave back."""
    inner = [block for part in result.parts if (block := block_of(part, dropped)) is not None]
    told: _Block = {"type": "tool_result", "tool_use_id": tool_id(result.id)}
    if len(inner) == 1 and inner[0]["type"] == "text":
        told["content"] = inner[0]["text"]
    elif inner:
        told["content"] = inner
    if result.error:
        told["is_error"] = True
    return told


def tool_id(id_: str) -> str:
    """The id of a tool call with only the letters that Anthropic takes."""
    return _ODD.sub("_", id_) or "toolu_0"


def _image(image: Image, dropped: list[str]) -> _Block:
    if image.detail not in {"", "auto"}:
        dropped.append("messages.image.detail")
    if image.url:
        return {"type": "image", "source": {"type": "url", "url": image.url}}
    return {"type": "image", "source": {"type": "base64", "media_type": image.media_type, "data": image.data}}


def _document(document: Document, dropped: list[str]) -> _Block | None:
    source = _source(document)
    if source is None:
        dropped.append(f"messages.document.{document.media_type or 'unknown'}")
        return None
    block: _Block = {"type": "document", "source": source}
    if document.name:
        block["title"] = document.name
    return block


def _source(document: Document) -> dict[str, str] | None:
    if document.url:
        return {"type": "url", "url": document.url}
    if document.media_type == "application/pdf":
        return {"type": "base64", "media_type": document.media_type, "data": document.data}
    if not document.media_type.startswith("text/"):
        return None
    try:
        text = b64decode(document.data, validate=True).decode()
    except (NotBase64, ValueError):
        return None
    return {"type": "text", "media_type": "text/plain", "data": text}


def _thinking(part: Reasoning, dropped: list[str]) -> _Block | None:
    if part.data:
        return {"type": "redacted_thinking", "data": part.data}
    if part.signature and not signatures.own(part.signature):
        return {"type": "thinking", "thinking": part.text, "signature": part.signature}
    dropped.append("messages.reasoning")  # without its maker's signature it would be refused
    return None
