"""Chat requests, ready to be sent: the caller's own fields where they are Ollama's, else written anew.

What we write says `"truncate": false`: a prompt that does not fit is to be refused, not cut without a word. How much
fits is the server's own affair, unless the quirk `num_ctx` says what it is asked for.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from outlast.dialects import bodies, going_on, wire
from outlast.dialects.arguments import as_object
from outlast.dialects.ollama.request import PLAIN
from outlast.model.errors import Unsupported
from outlast.model.messages import (
    Chat,
    Document,
    Image,
    Message,
    Reasoning,
    Refusal,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from outlast.model.target import Target

_ENCODER = msgspec.json.Encoder()
_OPTIONS = msgspec.json.Decoder(dict[str, Raw] | None)
_SAMPLING = frozenset({"temperature", "top_p", "top_k", "min_p"})
_EFFORTS: dict[str, bool | str] = {"none": False, "minimal": "low", "xhigh": "high", "max": "high"}
_PREFIX = "options."


def passed_on(request: Request, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """The caller's own body for this target, and the names of what had to be taken out."""
    dropped: list[str] = []
    fields = bodies.opened(request, target, dropped)
    fields["stream"] = wire.TRUE if request.stream else wire.FALSE
    options = _OPTIONS.decode(fields["options"]) or {} if "options" in fields else {}
    before = dict(options)
    _bound_options(options, request, target, dropped)
    if options != before:
        fields["options"] = Raw(_ENCODER.encode(options))
    if request.begun is not None:
        prefill = going_on.prefills(request.begun, target)
        fields["messages"] = going_on.with_raw_turns(fields["messages"], request.begun, prefill=prefill)
        if prefill:
            wire.take_out(fields, frozenset({"format", "think"}), dropped)
    return _ENCODER.encode(fields), tuple(dropped)


def _bound_options(options: dict[str, Raw], request: Request, target: Target, dropped: list[str]) -> None:
    """Hold the caller's options to what this target takes."""
    wire.take_out(options, frozenset(target.provider.quirks.drops), dropped)
    if not target.sampling:
        wire.take_out(options, _SAMPLING, dropped)
    if request.begun is not None and request.max_tokens:
        options["num_predict"] = Raw(b"%d" % request.max_tokens)
    if bodies.too_many(request, target):
        options["num_predict"] = Raw(b"%d" % target.max_output)
        dropped.append(f"max_tokens above {target.max_output}")
    if "num_ctx" not in options and (size := _context(target)):
        options["num_ctx"] = Raw(b"%d" % size)


def written(request: Request, target: Target, own: bool) -> tuple[bytes, tuple[str, ...]]:
    """A body made from `Chat`, and the names of what Ollama's words cannot say.

    `own` says that the extra fields are the caller's for this dialect, to be written whatever they are.
    """
    chat = bodies.asked(request)
    dropped: list[str] = []
    turns = _messages(chat, target, dropped)
    if request.begun is not None:
        prefill = going_on.prefills(request.begun, target)
        turns = going_on.with_turns(turns, request.begun, prefill=prefill)
        chat = replace(chat, max_tokens=request.max_tokens)
        if prefill:  # what is said is no longer thought about, and is not the whole of a JSON
            chat = replace(chat, schema=None, effort=None)
    body: dict[str, object] = {"model": target.model, "messages": turns, "stream": request.stream, "truncate": False}
    options = _options(chat, target, dropped)
    _tools(body, chat, dropped)
    _think(body, chat, target, dropped)
    if chat.schema is not None:
        body["format"] = chat.schema.schema or "json"
    _extra(body, options, chat, own, dropped)
    for place in (body, options):
        bodies.refuse(place, target, dropped)
    if options:
        body["options"] = options
    return bodies.closed(body, dropped)


def _options(chat: Chat, target: Target, dropped: list[str]) -> dict[str, object]:
    limit = bodies.limit(chat, target, dropped)
    sampling = bodies.sampling(target, dropped, temperature=chat.temperature, top_p=chat.top_p)
    if chat.user is not None:
        dropped.append("user")
    said: dict[str, object] = {"num_predict": limit, **sampling, "seed": chat.seed, "stop": list(chat.stop) or None}
    said["num_ctx"] = _context(target) or None
    return {name: value for name, value in said.items() if value is not None}


def _context(target: Target) -> int:
    """The tokens that the server is asked to load the model with; 0: it knows best."""
    asked = target.provider.quirks.num_ctx
    return min(asked, target.window) if target.window else asked


def _tools(body: dict[str, object], chat: Chat, dropped: list[str]) -> None:
    """The tools that the model may ask for: it can be shown some or none, not be made to ask for any."""
    choice = chat.tool_choice or "auto"
    named = [tool for tool in chat.tools if tool.name == choice]
    shown = [] if choice == "none" else named or chat.tools
    if shown:
        body["tools"] = [{"type": "function", "function": _definition(tool)} for tool in shown]
    if chat.tools and choice != "auto":
        dropped.append("tools" if choice == "none" else "tool_choice")
    if chat.tools and chat.parallel_tools is False:
        dropped.append("parallel_tool_calls")
    if any(tool.strict for tool in shown):
        dropped.append("tools.strict")


def _definition(tool: Tool) -> dict[str, object]:
    told: dict[str, object] = {"name": tool.name}
    if tool.description:
        told["description"] = tool.description
    told["parameters"] = tool.parameters or {"type": "object", "properties": {}}
    return told


def _think(body: dict[str, object], chat: Chat, target: Target, dropped: list[str]) -> None:
    """A model that does not reason refuses to be asked to."""
    if chat.effort is None:
        return
    if target.reasoning:
        body["think"] = _EFFORTS.get(chat.effort, chat.effort)
    elif chat.effort != "none":
        dropped.append("reasoning_effort")


def _extra(body: dict[str, object], options: dict[str, object], chat: Chat, own: bool, dropped: list[str]) -> None:
    for name, value in chat.extra.items():
        if own and name.startswith(_PREFIX):
            options.setdefault(name.removeprefix(_PREFIX), value)
        elif name in PLAIN and name not in options and value is not None:
            options[name] = value
        elif name in body and not (own and name == "truncate"):
            continue
        elif own and "." not in name and name not in wire.ADDRESSES:
            body[name] = value
        elif not (wire.says_nothing(value) or (name == "n" and value == 1)):
            dropped.append(name)


def _messages(chat: Chat, target: Target, dropped: list[str]) -> list[dict[str, object]]:
    names = {part.id: part.name for message in chat.messages for part in message.parts if isinstance(part, ToolCall)}
    turns: list[dict[str, object]] = []
    for message in chat.messages:
        if message.role == "tool":
            results = [part for part in message.parts if isinstance(part, ToolResult)]
            turns.extend(_result(part, names.get(part.id, ""), target, dropped) for part in results)
        else:
            turns.append(_turn(message, target, dropped))
    return turns


def _turn(message: Message, target: Target, dropped: list[str]) -> dict[str, object]:
    if message.name:
        dropped.append("messages.name")
    turn: dict[str, object] = {"role": message.role, **_content(message.parts, target)}
    thoughts = [part for part in message.parts if isinstance(part, Reasoning)]
    if any(part.data for part in thoughts):
        dropped.append("messages.reasoning")
    if thought := "".join(part.text for part in thoughts):
        turn["thinking"] = thought
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    if calls:
        turn["tool_calls"] = [
            {"id": call.id, "function": {"index": place, "name": call.name, "arguments": as_object(call, dropped)}}
            for place, call in enumerate(calls)
        ]
    return turn


def _result(result: ToolResult, name: str, target: Target, dropped: list[str]) -> dict[str, object]:
    if result.error:
        dropped.append("messages.tool_result.is_error")
    turn: dict[str, object] = {"role": "tool", **_content(result.parts, target), "tool_call_id": result.id}
    return {**turn, "tool_name": name} if name else turn


def _content(parts: tuple[object, ...], target: Target) -> dict[str, object]:
    """The words and the pictures of a turn; Ollama has one text, and the pictures beside it."""
    texts: list[str] = []
    pictures: list[str] = []
    for part in parts:
        if isinstance(part, (Text, Refusal)):
            texts.append(part.text)
        elif isinstance(part, Document):
            texts.append(_words(part, target))
        elif isinstance(part, Image):
            pictures.append(_picture(part, target))
    content: dict[str, object] = {"content": "\n".join(texts)}
    return {**content, "images": pictures} if pictures else content


def _picture(image: Image, target: Target) -> str:
    if not image.data:
        raise Unsupported(f"{target.name} takes pictures inline only: send them as data, not by address")
    return image.data


def _words(document: Document, target: Target) -> str:
    """The text of a file, which is all that can be said of one here."""
    if document.data and document.media_type.startswith("text/"):
        try:
            text = b64decode(document.data, validate=True).decode()
        except (NotBase64, ValueError):
            pass
        else:
            return f"{document.name}:\n{text}" if document.name else text
    raise Unsupported(f"{target.name} takes no files but texts: send what this one says as text")
