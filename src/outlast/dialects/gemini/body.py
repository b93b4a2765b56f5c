"""`generateContent` requests, ready to be sent: the caller's own fields where they are Google's, else written anew.

The model, and whether the answer is streamed, go into the path. Schemas go into the fields that take JSON schemas,
since Google's own kind knows less.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from outlast.dialects import bodies, going_on, wire
from outlast.dialects.gemini import contents as gemini_contents
from outlast.dialects.gemini import schema as gemini_schema
from outlast.dialects.gemini.request import THOUGHTS
from outlast.dialects.signatures import FOREIGN, UNSIGNED
from outlast.model.continuing import Beginning, ask_on
from outlast.model.messages import Chat, Request, Tool
from outlast.model.target import Target

_Json = dict[str, object]

_ENCODER = msgspec.json.Encoder()
_TURNS = msgspec.json.Decoder(list[dict[str, object]])
_SAMPLING = frozenset({"temperature", "topP", "topK"})
_FORMATS = frozenset({"responseMimeType", "responseSchema", "responseJsonSchema", "_responseJsonSchema"})
_SHARED = {"top_k": "topK", "presence_penalty": "presencePenalty", "frequency_penalty": "frequencyPenalty"}
"""Options without a place in `Chat` that mean the same here, whichever dialect they were asked in."""
_MOST_STOPS = 5
_MODES = {"auto": "AUTO", "any": "ANY", "none": "NONE"}
_LEVELS = {"minimal": "LOW", "low": "LOW", "medium": "MEDIUM"}
"""Efforts as levels; all above are HIGH. Not every model has MINIMAL or more than HIGH."""
_BUDGETS = {"none": 0, "minimal": 1024, "low": 2048, "medium": 8192, "high": 24576}


def passes(request: Request) -> bool:
    """May the caller's own bytes be sent? Not where they hold another maker's signature."""
    return bool(request.body) and FOREIGN not in request.body


def passed_on(request: Request, target: Target) -> tuple[bytes, tuple[str, ...]]:
    """The caller's own body for this target, and the names of what had to be taken out."""
    fields = wire.fields(request.body)
    dropped: list[str] = []
    fields.pop("model", None)  # it stands in the path
    bodies.withhold(fields, target, dropped)
    if "generationConfig" in fields or request.begun is not None:
        options = wire.fields(bytes(fields.get("generationConfig", b"{}")) if "generationConfig" in fields else b"{}")
        _cut(options, request, target, dropped)
        if request.begun is not None:
            _pass_on_begun(fields, options, request, target, dropped)
        fields["generationConfig"] = Raw(_ENCODER.encode(options))
    return _ENCODER.encode(fields), tuple(dropped)


def _cut(options: dict[str, Raw], request: Request, target: Target, dropped: list[str]) -> None:
    if not target.sampling:
        wire.take_out(options, _SAMPLING, dropped)
    if bodies.too_many(request, target):
        options["maxOutputTokens"] = Raw(b"%d" % target.max_output)
        dropped.append(f"max_tokens above {target.max_output}")


def _pass_on_begun(
    fields: dict[str, Raw], options: dict[str, Raw], request: Request, target: Target, dropped: list[str]
) -> None:
    """Ask for the rest of an answer; a prefill goes with no format for a whole answer."""
    if request.begun is None:
        return
    prefill = going_on.prefills(request.begun, target)
    turns = wire.ask(_TURNS, bytes(fields["contents"]))
    fields["contents"] = Raw(_ENCODER.encode(_with_begun(turns, request.begun, prefill=prefill)))
    if request.max_tokens:
        options["maxOutputTokens"] = Raw(b"%d" % request.max_tokens)
    if prefill:
        wire.take_out(options, _FORMATS, dropped)


def _with_begun(turns: list[_Json], begun: Beginning, *, prefill: bool) -> list[_Json]:
    """These turns, and those that say what was said and ask for the rest."""
    said: _Json = {"text": begun.text}
    last = turns[-1]
    parts = last.get("parts")
    if last.get("role") == "model" and isinstance(parts, list):
        turns = [*turns[:-1], {**last, "parts": [*parts, said]}]
    else:
        turns = [*turns, {"role": "model", "parts": [said]}]
    return turns if prefill else [*turns, {"role": "user", "parts": [{"text": ask_on(begun.text)}]}]


def written(request: Request, target: Target, own: bool) -> tuple[bytes, tuple[str, ...]]:
    """A body made from `Chat`, and the names of what Google's words cannot say.

    `own` says that the extra fields are the caller's for this dialect, to be written whatever they are.
    """
    chat = bodies.asked(request)
    dropped: list[str] = []
    system, contents = _turns(chat, target, dropped)
    if request.begun is not None:
        prefill = going_on.prefills(request.begun, target)
        contents = _with_begun(contents, request.begun, prefill=prefill)
        chat = replace(chat, max_tokens=request.max_tokens, schema=None if prefill else chat.schema)
    body: _Json = {"contents": contents}
    if system:
        body["systemInstruction"] = {"parts": system}
    _tools(body, chat, dropped)
    options: _Json = {}
    _options(options, chat, target, dropped)
    _schema(options, chat)
    _thinking(options, chat, target, dropped)
    _extra(body, options, chat, own, dropped)
    if options:
        body["generationConfig"] = options
    bodies.refuse(body, target, dropped)
    return bodies.closed(body, dropped)


def _turns(chat: Chat, target: Target, dropped: list[str]) -> tuple[list[_Json], list[_Json]]:
    """The system's parts, and turns of user and model; where nobody has asked anything, the system has."""
    said = [message for message in chat.messages if message.role == "system"]
    system = [told for message in said for part in message.parts if (told := gemini_contents.part_told(part, dropped))]
    rest = [message for message in chat.messages if message.role != "system"]
    # Older models, those with sampling, ask for no signature; newer ones refuse a call without one.
    contents = gemini_contents.written(rest, dropped, unsigned="" if target.sampling else UNSIGNED)
    return (system, contents) if contents else ([], [{"role": "user", "parts": system or [{"text": ""}]}])


def _tools(body: _Json, chat: Chat, dropped: list[str]) -> None:
    if chat.parallel_tools is False:
        dropped.append("parallel_tool_calls")
    if not chat.tools:
        return
    if any(tool.strict for tool in chat.tools):
        dropped.append("tools.strict")
    body["tools"] = [{"functionDeclarations": [_definition(tool) for tool in chat.tools]}]
    if chat.tool_choice is None:
        return
    calling: _Json = {"mode": _MODES.get(chat.tool_choice, "ANY")}
    if chat.tool_choice not in _MODES:
        calling["allowedFunctionNames"] = [chat.tool_choice]
    body["toolConfig"] = {"functionCallingConfig": calling}


def _definition(tool: Tool) -> _Json:
    told: _Json = {"name": tool.name}
    if tool.description:
        told["description"] = tool.description
    if tool.parameters:
        told["parametersJsonSchema"] = gemini_schema.told(tool.parameters)
    return told


def _options(options: _Json, chat: Chat, target: Target, dropped: list[str]) -> None:
    limit = bodies.limit(chat, target, dropped)
    top_k = chat.extra.get("top_k")
    sampling = bodies.sampling(target, dropped, temperature=chat.temperature, top_p=chat.top_p, top_k=top_k)
    if len(chat.stop) > _MOST_STOPS:
        dropped.append(f"stop sequences after the {_MOST_STOPS}th")
    said = {
        "maxOutputTokens": limit,
        "temperature": sampling.get("temperature"),
        "topP": sampling.get("top_p"),
        "topK": sampling.get("top_k"),
        "stopSequences": list(chat.stop[:_MOST_STOPS]) or None,
        "seed": chat.seed,
    }
    options.update((name, value) for name, value in said.items() if value is not None)
    if chat.user is not None:
        dropped.append("user")


def _schema(options: _Json, chat: Chat) -> None:
    if chat.schema is None:
        return
    options["responseMimeType"] = "application/json"
    if chat.schema.schema:
        options["responseJsonSchema"] = gemini_schema.told(chat.schema.schema)


def _thinking(options: _Json, chat: Chat, target: Target, dropped: list[str]) -> None:
    """Newer models, those without sampling, take a level; the others a number of tokens to think with."""
    effort = chat.effort
    if effort is None or (effort == "none" and not target.reasoning):
        return
    if not target.reasoning or (effort == "none" and not target.sampling):
        dropped.append("reasoning_effort")
        return
    config: _Json = {} if effort == "none" else {"includeThoughts": True}
    if target.sampling:
        config["thinkingBudget"] = _BUDGETS.get(effort, _BUDGETS["high"])
    else:
        config["thinkingLevel"] = _LEVELS.get(effort, "HIGH")
    options["thinkingConfig"] = config


def _extra(body: _Json, options: _Json, chat: Chat, own: bool, dropped: list[str]) -> None:
    for name, value in chat.extra.items():
        place, _, inner = name.rpartition(".")
        if name == "top_k" or (wire.says_nothing(value) and not place) or (name == "n" and value == 1):
            continue
        if name in _SHARED:
            options[_SHARED[name]] = value
        elif own and name == THOUGHTS:
            options["thinkingConfig"] = {"includeThoughts": True}
        elif own and place == "generationConfig":
            options[inner] = value
        elif own and place == "tools":
            _list(body, "tools").append({inner: value})
        elif own and place == "toolConfig":
            body["toolConfig"] = {**_dict(body, "toolConfig"), inner: value}
        elif place or name in wire.ADDRESSES or name in body or not own:
            dropped.append(name)
        else:
            body[name] = value


def _list(body: _Json, name: str) -> list[object]:
    found = body.setdefault(name, [])
    return found if isinstance(found, list) else []


def _dict(body: _Json, name: str) -> _Json:
    found = body.get(name)
    return found if isinstance(found, dict) else {}
