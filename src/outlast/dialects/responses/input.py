"""The input of a request to the Responses API: items, which become turns of ours.

    reasoning · message of the assistant · function_call …   neighbours become one turn of the assistant
    function_call_output                                     a turn of the tool
    message of user, system or developer                     a turn

What other vendors' models thought is marked in `encrypted_content` by a word of ours, with their signature behind it:
so callers who send items back as they came keep what its maker wants to see again, and nobody else ever sees it.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct

from outlast.dialects import wire
from outlast.dialects.media import split_data_url
from outlast.model.errors import Caller
from outlast.model.messages import (
    Document,
    Image,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)

KNOWN = frozenset({"message", "function_call", "function_call_output", "reasoning", "item_reference"})
"""Types of items that we take apart."""
PASSING = frozenset({
    "code_interpreter_call", "file_search_call", "image_generation_call", "mcp_call", "mcp_list_tools",
    "web_search_call",
})  # fmt: skip
"""What a provider's own tools did earlier: of use, but what came of it is in the words that follow."""

SIGNED = "outlast.signed."
REDACTED = "outlast.redacted."
"""Before the signature of reasoning that is another vendor's, which may have none."""


class Piece(Struct):
    """One part of a message, of a tool's result or of reasoning."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None
    detail: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None
    file_id: str | None = None


class Item(Struct):
    """One item; of those types that we do not know, only that."""

    type: str = "message"
    role: Literal["developer", "system", "user", "assistant"] | None = None
    content: str | list[Piece] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: Any = None
    output: Any = None
    summary: list[Piece] | None = None
    encrypted_content: str | None = None

    def pieces(self) -> list[Piece]:
        """The parts of a tool's result that is a list. Raises `Caller`."""
        if not isinstance(self.output, list):
            raise Caller("the output of a function_call_output must be a text or a list of parts")
        return wire.ask(_PIECES, wire.dumps(self.output))


_PIECES = msgspec.json.Decoder(list[Piece])
_ITEM_KEYS = frozenset({
    "arguments", "call_id", "content", "encrypted_content", "id", "name", "output", "phase", "role", "status",
    "summary", "type",
})  # fmt: skip
_PIECE_KEYS = frozenset(Piece.__struct_fields__)
_ROLES: dict[str, Role] = {"developer": "system", "system": "system", "user": "user", "assistant": "assistant"}


def messages(given: str | list[Item] | None, raw: Raw, extra: dict[str, object]) -> list[Message]:
    """The turns; what has no place in them is named in `extra`. Raises `Caller`."""
    if not isinstance(given, list):
        return [Message("user", (Text(given),))] if given else []
    _name_unknown(wire.value(raw), extra)
    turns: list[Message] = []
    own: list[Part] = []  # of the assistant, until somebody else speaks
    for item in given:
        parts = _of_assistant(item, extra)
        if parts is not None:
            own += parts
            continue
        turn = _of_others(item, extra)
        if turn is not None:
            turns += [Message("assistant", tuple(own)), turn] if own else [turn]
            own = []
    return [*turns, Message("assistant", tuple(own))] if own else turns


def _name_unknown(items: object, extra: dict[str, object]) -> None:
    for item in items if isinstance(items, list) else ():
        if item.get("type", "message") in KNOWN:
            wire.name_unknown(item, _ITEM_KEYS, "input", extra)
            if isinstance(item.get("content"), list):
                wire.name_unknown(item["content"], _PIECE_KEYS, "input.content", extra)


def _of_assistant(item: Item, extra: dict[str, object]) -> list[Part] | None:
    """The parts of what the assistant said; None for what others say."""
    if item.type == "message" and item.role == "assistant":
        return _parts(item.content, extra)
    if item.type == "function_call":
        if not (item.call_id and item.name):
            raise Caller("an item of type function_call must have call_id, name and arguments")
        if not isinstance(item.arguments, (str, type(None))):
            raise Caller("the arguments of a function_call must be a text of JSON, not the JSON itself")
        return [ToolCall(item.call_id, item.name, item.arguments or "")]
    if item.type == "reasoning":
        thought = reasoning(item)
        if item.encrypted_content and not item.encrypted_content.startswith((SIGNED, REDACTED)):
            extra["input.reasoning.encrypted_content"] = True
        return [thought] if thought != Reasoning() else []
    return None


def reasoning(item: Item) -> Reasoning:
    """What the model thought, as far as it can be read; and what lets another vendor verify it."""
    pieces = item.summary or (item.content if isinstance(item.content, list) else None) or []
    text = "\n\n".join(piece.text or "" for piece in pieces)
    sealed = item.encrypted_content or ""
    if sealed.startswith(REDACTED):
        return Reasoning(text, data=sealed.removeprefix(REDACTED))
    return Reasoning(text, sealed.removeprefix(SIGNED) if sealed.startswith(SIGNED) else "")


def sealed(part: Reasoning) -> str:
    """The encrypted content that says whose reasoning it is not, and brings back what its maker needs to verify it."""
    return REDACTED + part.data if part.data else SIGNED + part.signature


def _of_others(item: Item, extra: dict[str, object]) -> Message | None:
    if item.type == "message":
        if item.role is None:
            raise Caller("a message of the input must have a role")
        return Message(_ROLES[item.role], tuple(_parts(item.content, extra)))
    if item.type == "function_call_output":
        return Message("tool", (_result(item, extra),))
    extra[f"input.{item.type}"] = True
    return None


def _result(item: Item, extra: dict[str, object]) -> ToolResult:
    if not item.call_id:
        raise Caller("an item of type function_call_output must have a call_id")
    content = item.output if isinstance(item.output, str) else item.pieces() if item.output is not None else ""
    parts = _parts(content, extra)
    return ToolResult(item.call_id, tuple(part for part in parts if isinstance(part, (Text, Image, Document))))


def _parts(content: str | list[Piece] | None, extra: dict[str, object]) -> list[Part]:
    if content is None or isinstance(content, str):
        return [Text(content)] if content else []
    return [part for piece in content if (part := _part(piece, extra)) is not None]


def _part(piece: Piece, extra: dict[str, object]) -> Part | None:
    """The part, or None for a kind that no other dialect knows, which is then named in `extra`."""
    if piece.type in {"input_text", "output_text", "text"} and piece.text is not None:
        return Text(piece.text)
    if piece.type == "refusal" and piece.refusal is not None:
        return Refusal(piece.refusal)
    if piece.type == "input_image" and piece.image_url:
        media_type, data = split_data_url(piece.image_url)
        detail = "" if piece.detail in {None, "auto"} else piece.detail or ""
        return Image(url="" if data else piece.image_url, data=data, media_type=media_type, detail=detail)
    if piece.type == "input_file" and (piece.file_data or piece.file_url):
        return _document(piece)
    extra[f"input.content.{piece.type or 'unknown'}"] = True
    return None


def _document(piece: Piece) -> Document:
    if not piece.file_data:
        return Document(url=piece.file_url or "", name=piece.filename or "")
    media_type, data = split_data_url(piece.file_data)
    return Document(data=data or piece.file_data, media_type=media_type or "application/pdf", name=piece.filename or "")
