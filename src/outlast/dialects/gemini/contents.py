"""Our messages as Google's `contents`: turns of user and model, each a list of parts.

A signature stands on the part that follows the thoughts it was made of, which is where Google gave it and wants it.
"""

from __future__ import annotations

from collections.abc import Iterable

from outlast.dialects import signatures
from outlast.dialects.arguments import as_object
from outlast.dialects.gemini.turns import guessed
from outlast.model import messages as m

_Json = dict[str, object]


def written(messages: Iterable[m.Message], dropped: list[str], *, unsigned: str = "") -> list[_Json]:
    """Messages as turns; `unsigned` stands for the signature of a call that has none, where one is needed."""
    contents: list[_Json] = []
    names: dict[str, str] = {}
    for message in messages:
        if message.name:
            dropped.append("messages.name")
        names |= {part.id: part.name for part in message.parts if isinstance(part, m.ToolCall)}
        if message.role == "tool":
            _answer(contents, [_answered(part, names, dropped) for part in message.parts if _is_result(part)])
        else:
            _say(contents, "model" if message.role == "assistant" else "user", _told(message, dropped, unsigned))
    return contents


def _is_result(part: m.Part) -> bool:
    return isinstance(part, m.ToolResult)


def _say(contents: list[_Json], role: str, parts: list[_Json]) -> None:
    """Add what was said to the turn of the same speaker, if that is the last one and holds no function's answer."""
    if not parts:
        return
    last = contents[-1] if contents else None
    if last is not None and last["role"] == role and not _answers(last):
        _list(last).extend(parts)
    else:
        contents.append({"role": role, "parts": parts})


def _answer(contents: list[_Json], parts: list[_Json]) -> None:
    """The answers to the calls of one turn stand together, and apart from what is said after them."""
    if contents and _answers(contents[-1]):
        _list(contents[-1]).extend(parts)
    elif parts:
        contents.append({"role": "user", "parts": parts})


def _answers(content: _Json) -> bool:
    return any("functionResponse" in part for part in _list(content))


def _list(content: _Json) -> list[_Json]:
    parts = content["parts"]
    return parts if isinstance(parts, list) else []


def _told(message: m.Message, dropped: list[str], unsigned: str) -> list[_Json]:
    told: list[_Json] = []
    signature = ""
    for part in message.parts:
        if isinstance(part, m.Reasoning):
            signature = signatures.own(part.signature)
            if not signature:
                dropped.append("messages.reasoning")  # nobody but its maker takes it back
            continue
        said = part_told(part, dropped)
        if said is None:
            continue
        if not signature and "functionCall" in said and not any("functionCall" in one for one in told):
            signature = unsigned
        told.append({**said, "thoughtSignature": signature} if signature else said)
        signature = ""
    return told


def part_told(part: m.Part, dropped: list[str]) -> _Json | None:
    """The part; None when there is nothing to say, or no way to say it, which is then named."""
    if isinstance(part, (m.Text, m.Refusal)):
        return {"text": part.text} if part.text else None
    if isinstance(part, (m.Image, m.Document)):
        return _media_told(part, dropped)
    if isinstance(part, m.ToolCall):
        return {"functionCall": call_told(part, dropped)}
    return None


def call_told(call: m.ToolCall, dropped: list[str]) -> _Json:
    """A call; arguments that are no object are kept as text under `arguments`, and named."""
    told: _Json = {"id": call.id} if call.id else {}
    return told | {"name": call.name, "args": as_object(call, dropped)}


def _media_told(part: m.Image | m.Document, dropped: list[str]) -> _Json:
    if isinstance(part, m.Image) and part.detail not in {"", "auto"}:
        dropped.append("messages.image.detail")
    if isinstance(part, m.Document) and part.name:
        dropped.append("messages.document.name")
    if part.url:
        return {"fileData": {"mimeType": part.media_type or _as_asked(part), "fileUri": part.url}}
    return {"inlineData": {"mimeType": part.media_type, "data": part.data}}


def _as_asked(part: m.Image | m.Document) -> str:
    """The type of what stands at an address: a picture or a file as the caller says, whatever the address ends like."""
    kind = guessed(part.url)
    if isinstance(part, m.Image):
        return kind if kind.startswith("image/") else "image/jpeg"
    return kind if kind != "application/octet-stream" else "application/pdf"


def _answered(part: m.Part, names: dict[str, str], dropped: list[str]) -> _Json:
    if not isinstance(part, m.ToolResult):
        raise TypeError("not what a tool gave back")
    words = "".join(piece.text for piece in part.parts if isinstance(piece, m.Text))
    told: _Json = {"id": part.id} if part.id else {}
    told |= {"name": names.get(part.id, part.id), "response": {"error" if part.error else "output": words}}
    media = [piece for piece in part.parts if isinstance(piece, (m.Image, m.Document))]
    if any(piece.url for piece in media):
        dropped.append("messages.tool_result.media")
    inline = [_media_told(piece, dropped) for piece in media if not piece.url]
    return {"functionResponse": told | {"parts": inline} if inline else told}
