"""What Google demands of a request for content and of one for embeddings, and how it refuses what it does not take."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import cast

from outlast.lab.answer import Asked, Json, plain
from outlast.lab.refusal import (
    Kind,
    Misfit,
    Path,
    Refusal,
    Shape,
    anything,
    fields,
    flag,
    integer,
    items,
    matching,
    number,
    one_of,
    openai_path,
    table,
    text,
)
from outlast.lab.vendors.gemini_side import SIGNATURE
from outlast.lab.vendors.known_models import known, prompt_tokens

_UNSIGNED = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
"""Signatures that say that there is none."""


def _base64(value: object, path: Path) -> None:
    text(value, path)
    try:
        base64.b64decode(str(value).replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error:
        raise Misfit("type", path, "TYPE_BYTES", value) from None


_MEDIA = fields({"mimeType": matching(r"[a-z]+/[\w.+-]+"), "data": _base64})
_FILE = fields({"fileUri": matching(r"(?:https?://|gs://|files/)\S+"), "mimeType": text}, needed=["fileUri"])
_RESULT = fields(
    {
        "id": text,
        "name": text,
        "response": table,
        "parts": items(fields({"inlineData": _MEDIA, "fileData": _FILE})),
        "willContinue": flag,
        "scheduling": text,
    },
    needed=["name", "response"],
)
_DATA: dict[str, Shape] = {
    "text": text,
    "inlineData": _MEDIA,
    "fileData": _FILE,
    "functionCall": fields({"id": text, "name": text, "args": table}, needed=["name"]),
    "functionResponse": _RESULT,
    "executableCode": table,
    "codeExecutionResult": table,
    "toolCall": table,
    "toolResponse": table,
}
_PART = fields(
    {
        **_DATA,
        "thought": flag,
        "thoughtSignature": _base64,
        "videoMetadata": table,
        "mediaResolution": table,
        "partMetadata": table,
    }
)


def _part(value: object, path: Path) -> None:
    _PART(value, path)
    if len(_DATA.keys() & cast("Json", value).keys()) != 1:
        raise Refusal("must have one initialized data field", openai_path(path))


_CONTENT = fields({"role": one_of("user", "model", "function"), "parts": items(_part, least=1)}, needed=["parts"])
_TYPES = ("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL")
_COUNT = matching(r"\d+")


def _schema(value: object, path: Path) -> None:
    """Google's own kind of schema, which knows less than JSON's."""
    _SCHEMA(value, path)


def _schemas(value: object, path: Path) -> None:
    table(value, path)
    for name, inner in cast("Json", value).items():
        _schema(inner, (*path, name))


def _count(value: object, path: Path) -> None:
    (_COUNT if isinstance(value, str) else integer(0))(value, path)


_SCHEMA = fields(
    {
        "type": one_of(*_TYPES, *map(str.lower, _TYPES)),
        "format": text,
        "title": text,
        "description": text,
        "nullable": flag,
        "enum": items(text),
        "items": _schema,
        "properties": _schemas,
        "required": items(text),
        "propertyOrdering": items(text),
        "anyOf": items(_schema),
        "minimum": number(-1e300, 1e300),
        "maximum": number(-1e300, 1e300),
        "pattern": text,
        "example": anything,
        "default": anything,
        **dict.fromkeys(("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"), _count),
    }
)
_FUNCTION = fields(
    {
        "name": matching(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}"),
        "description": text,
        "behavior": text,
        "parameters": _schema,
        "parametersJsonSchema": table,
        "response": _schema,
        "responseJsonSchema": table,
    },
    needed=["name"],
)
_OWN = (
    "googleSearch",
    "googleSearchRetrieval",
    "codeExecution",
    "urlContext",
    "computerUse",
    "fileSearch",
    "googleMaps",
)
_TOOL = fields({"functionDeclarations": items(_FUNCTION), "mcpServers": items(table), **dict.fromkeys(_OWN, table)})
_CALLING = fields(
    {"mode": one_of("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"), "allowedFunctionNames": items(text)}
)
_THINKING = fields(
    {
        "includeThoughts": flag,
        "thinkingBudget": integer(-1),
        "thinkingLevel": one_of("MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH", "minimal", "low", "medium", "high"),
    }
)
_GENERATION = fields(
    {
        "stopSequences": items(text, most=5),
        "responseMimeType": one_of("text/plain", "application/json", "text/x.enum"),
        "responseSchema": _schema,
        "responseJsonSchema": table,
        "responseModalities": items(text),
        "candidateCount": integer(1, 8),
        "maxOutputTokens": integer(1),
        "temperature": number(0, 2),
        "topP": number(0, 1),
        "topK": number(1, 1000),
        "seed": integer(-(2**31), 2**31 - 1),
        "presencePenalty": number(-2, 2),
        "frequencyPenalty": number(-2, 2),
        "responseLogprobs": flag,
        "logprobs": integer(0, 20),
        "enableEnhancedCivicAnswers": flag,
        "speechConfig": table,
        "thinkingConfig": _THINKING,
        "imageConfig": table,
        "mediaResolution": text,
    }
)
_SAFETY = fields(
    {
        "category": matching(r"HARM_CATEGORY_\w+"),
        "threshold": one_of("BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF"),
    },
    needed=["category", "threshold"],
)
_ASKED: dict[str, Shape] = {
    "contents": items(_CONTENT, least=1),
    "systemInstruction": _CONTENT,
    "tools": items(_TOOL),
    "toolConfig": fields({"functionCallingConfig": _CALLING, "retrievalConfig": table}),
    "safetySettings": items(_SAFETY),
    "generationConfig": _GENERATION,
    "cachedContent": text,
    "serviceTier": text,
    "store": flag,
}
_ASK = fields(_ASKED, needed=["contents"])
_COUNT_OF = fields({**_ASKED, "model": matching(r"models/.+")}, needed=["model", "contents"])
_COUNTED = fields({"contents": items(_CONTENT, least=1), "generateContentRequest": _COUNT_OF})
_EMBED: dict[str, Shape] = {
    "model": matching(r"models/.+"),
    "content": _CONTENT,
    "taskType": text,
    "title": text,
    "outputDimensionality": integer(1),
}
_EMBED_ONE = fields(_EMBED, needed=["content"])
_EMBED_SEVERAL = fields(
    {"requests": items(fields(_EMBED, needed=["model", "content"]), least=1, most=100)}, needed=["requests"]
)


def gemini_words(misfit: Misfit) -> Refusal:
    """What Google says of a value that is not of its shape."""
    name, bound = openai_path(misfit.path), misfit.bound
    if misfit.kind == "unknown":
        place = openai_path(misfit.path[:-1])
        at = f" at '{place}'" if place else ""
        unknown = f'Invalid JSON payload received. Unknown name "{misfit.path[-1]}"{at}: Cannot find field.'
        return Refusal(unknown, place or None)
    said: dict[Kind, str] = {
        "type": f"Invalid value at '{name}' ({bound}), {misfit.value!r}",
        "low": f"{name} must be at least {bound}",
        "high": f"{name} must be at most {bound}",
        "value": f"Invalid value at '{name}': {misfit.value!r}",
        "missing": f"* {name}: {name} is not specified",
        "long": f"* {name}: must have at most {bound} items",
        "empty": f"* {name}: must not be empty",
    }
    return Refusal(said[misfit.kind], name)


def check_content(asked: Asked) -> None:
    """Raises a `Refusal` for a request for content, or for a count of its tokens, that Google would not take."""
    if asked.kind == "count_tokens":
        _check_count(asked)
        return
    _shaped(_ASK, asked.body)
    contents = cast("list[Json]", asked.body["contents"])
    _together(asked.body)
    _answered(contents)
    _of_its_model(asked, contents)


def _check_count(asked: Asked) -> None:
    _shaped(_COUNTED, asked.body)
    if len(asked.body) != 1:
        raise Refusal("contents and generateContentRequest are mutually exclusive, and one of them is needed.")
    whole = cast("Json", asked.body.get("generateContentRequest") or {})
    if whole.get("model") not in {None, f"models/{asked.model}"}:
        raise Refusal("The model in generateContentRequest must be the one in the path.", "generateContentRequest")


def check_embed(asked: Asked) -> None:
    """Raises a `Refusal` for a request for embeddings that Google would not take."""
    _shaped(_EMBED_SEVERAL if "requests" in asked.body else _EMBED_ONE, asked.body)
    rows = cast("list[Json]", asked.body.get("requests") or [asked.body])
    if any(row.get("model") not in {None, f"models/{asked.model}"} for row in rows):
        raise Refusal("The model in each request must be the one in the path.", "requests")


def _shaped(shape: Shape, body: Json) -> None:
    try:
        shape(body, ())
    except Misfit as misfit:
        raise gemini_words(misfit) from None


def _together(body: Json) -> None:
    """Fields that go only with others, or not with them."""
    options = cast("Json", body.get("generationConfig") or {})
    schemas = [name for name in ("responseSchema", "responseJsonSchema") if options.get(name) is not None]
    if schemas and options.get("responseMimeType") not in {"application/json", "text/x.enum"}:
        raise Refusal(f"{schemas[0]} only supports responseMimeType `application/json`.", "generationConfig")
    if len(schemas) > 1:
        raise Refusal("responseSchema must be omitted when responseJsonSchema is set.", "generationConfig")
    if options.get("logprobs") is not None and options.get("responseLogprobs") is not True:
        raise Refusal("logprobs may only be set when responseLogprobs is true.", "generationConfig")
    thinking = cast("Json", options.get("thinkingConfig") or {})
    if "thinkingBudget" in thinking and "thinkingLevel" in thinking:
        raise Refusal("You can only set one of thinking_budget and thinking_level.", "generationConfig")
    _choosable(body)


def _choosable(body: Json) -> None:
    tools = cast("list[Json]", body.get("tools") or [])
    functions = [one for tool in tools for one in cast("list[Json]", tool.get("functionDeclarations") or [])]
    names = [str(one["name"]) for one in functions]
    if len(set(names)) < len(names):
        raise Refusal("Duplicate function declaration found.", "tools")
    if any("parameters" in one and "parametersJsonSchema" in one for one in functions):
        raise Refusal("parameters and parametersJsonSchema are mutually exclusive.", "tools")
    config = cast("Json", body.get("toolConfig") or {})
    calling = cast("Json", config.get("functionCallingConfig") or {})
    allowed = cast("list[str]", calling.get("allowedFunctionNames") or [])
    if allowed and calling.get("mode") not in {"ANY", "VALIDATED"}:
        raise Refusal("allowed_function_names should only be set when the mode is ANY or VALIDATED.", "toolConfig")
    if not set(allowed) <= set(names):
        raise Refusal("allowed_function_names must be a subset of the declared functions.", "toolConfig")
    if calling.get("mode") == "ANY" and not names:
        raise Refusal("Function calling config is set without function_declarations.", "toolConfig")


def _of(content: Json, name: str) -> list[Json]:
    parts = cast("list[Json]", content["parts"])
    return [cast("Json", part[name]) for part in parts if name in part]


def _answered(contents: list[Json]) -> None:
    """The calls of a turn are answered in the next one: as many, by the same names and ids."""
    waiting: list[Json] = []
    for content in contents:
        results, calls = _of(content, "functionResponse"), _of(content, "functionCall")
        if content.get("role") == "model" and results:
            raise Refusal("Function responses must not be in a turn of the model.", "contents")
        if content.get("role") != "model" and calls:
            raise Refusal("Function calls must be in a turn of the model.", "contents")
        if len(results) != len(waiting):
            raise Refusal(
                "Please ensure that the number of function response parts is equal to the number of function call "
                "parts of the function call turn."
            )
        if waiting:
            _match(results, waiting)
        waiting = calls
    if waiting:
        raise Refusal("Please ensure that function call turn is followed by a function response turn.")


def _match(results: Sequence[Json], calls: Sequence[Json]) -> None:
    """By name each; and by id, where one is given, which Google's own SDK does not always do."""
    ids = {call.get("id"): call["name"] for call in calls}
    if any(result.get("id") and ids.get(result["id"]) != result["name"] for result in results):
        raise Refusal("Each function response must have the id and the name of its function call.")
    if sorted(str(result["name"]) for result in results) != sorted(str(call["name"]) for call in calls):
        raise Refusal("Each function response must have the name of its function call.")


def _of_its_model(asked: Asked, contents: list[Json]) -> None:
    """What the model that is asked for does not take."""
    row = known(asked)
    if row is None:
        return
    prompt = prompt_tokens(plain(asked))
    if row.window and prompt > row.window:
        raise Refusal(f"The input token count ({prompt}) exceeds the maximum number of tokens allowed ({row.window}).")
    options = cast("Json", asked.body.get("generationConfig") or {})
    most = options.get("maxOutputTokens")
    if isinstance(most, int) and row.max_output and most > row.max_output:
        raise Refusal(f"max_output_tokens must be from 1 to {row.max_output}.", "generationConfig.maxOutputTokens")
    thinking = cast("Json", options.get("thinkingConfig") or {})
    if row.sampling and "thinkingLevel" in thinking:
        raise Refusal("Thinking level is not supported for this model.", "generationConfig.thinkingConfig")
    if not row.sampling and "gemini" in row.at:
        _signed(contents)


def _signed(contents: list[Json]) -> None:
    """Newer models want the first call of each turn as it was signed."""
    for place, content in enumerate(contents):
        first = next((part for part in cast("list[Json]", content["parts"]) if "functionCall" in part), None)
        if first is None:
            continue
        signature = first.get("thoughtSignature")
        if signature is None:
            name = cast("Json", first["functionCall"])["name"]
            raise Refusal(f"Function call `{name}` in the {place + 1}. content block is missing a thought_signature.")
        if signature != SIGNATURE and signature not in _UNSIGNED:
            raise Refusal("Corrupted thought signature.")
