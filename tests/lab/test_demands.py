"""What the simulated vendors refuse, field by field: with the vendor's status, code and the field's own path."""

import pytest

from outlast.lab.answer import Asked
from outlast.lab.vendors.demands import Refusal, check

HI = [{"role": "user", "content": "hi"}]
CHAT = {"model": "m", "messages": HI}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
JSON = {"content-type": "application/json"}

MESSAGES = {"model": "m", "max_tokens": 10, "messages": HI}
CLAUDE_TOOL = {"name": "f", "input_schema": {"type": "object"}}
USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "sunny"}
TEXT = {"type": "text", "text": "hi"}


def chat(**changes):
    return Asked("openai", "chat", {**CHAT, **changes})


def said(*parts, role="user"):
    return {"messages": [{"role": role, "content": list(parts)}]}


def claude(**changes):
    return Asked("anthropic", "chat", {**MESSAGES, **changes})


def refused(asked, headers=JSON):
    with pytest.raises(Refusal) as found:
        check(asked, headers)
    return found.value


def headed(version="2023-06-01"):
    return {**JSON, "anthropic-version": version}


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}


@pytest.mark.parametrize(
    "asked",
    [
        chat(),
        chat(temperature=None, tools=[TOOL], tool_choice="auto", parallel_tool_calls=False),
        chat(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "f"}}),
        chat(**said(TEXT, IMAGE)),
        chat(messages=[*HI, CALLING, {"role": "tool", "tool_call_id": "c1", "content": "sunny"}]),
        chat(messages=[{"role": "assistant", "refusal": "no", "content": None}, *HI]),
        chat(stream=True, stream_options={"include_usage": True}, logprobs=True, top_logprobs=3, stop=["a", "b"]),
        chat(response_format={"type": "json_schema", "json_schema": {"name": "w", "schema": {}, "strict": True}}),
        chat(model="gpt-4o-mini", max_tokens=16_384, temperature=0.5),
        chat(model="gpt-6-luna", max_completion_tokens=100, temperature=1, reasoning_effort="low"),
        Asked("openai", "embeddings", {"model": "e", "input": [[1, 2], [3]], "encoding_format": "base64"}),
    ],
)
def test_openai_takes_what_is_good(asked):
    """Strictness must not refuse what official clients send."""
    check(asked, {**JSON, "authorization": "Bearer any"})


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"temperature": "hot"}, "temperature", "invalid_type"),
        ({"temperature": -0.5}, "temperature", "decimal_below_min_value"),
        ({"temperature": float("nan")}, "temperature", "decimal_above_max_value"),
        ({"top_p": 2}, "top_p", "integer_above_max_value"),
        ({"n": 129}, "n", "integer_above_max_value"),
        ({"n": True}, "n", "invalid_type"),
        ({"max_completion_tokens": 0}, "max_completion_tokens", "integer_below_min_value"),
        ({"stop": ["a"] * 5}, "stop", "array_above_max_length"),
        ({"logit_bias": []}, "logit_bias", "invalid_type"),
        ({"top_logprobs": 3}, "top_logprobs", None),
        ({"service_tier": "gold"}, "service_tier", "invalid_value"),
        ({"tools": []}, "tools", "empty_array"),
        ({"tools": [{"type": "hammer"}]}, "tools[0].type", "invalid_value"),
        ({"tools": [{**TOOL, "x": 1}]}, "tools[0].x", "unknown_parameter"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name", "invalid_value"),
        ({"tool_choice": "auto"}, "tool_choice", None),
        ({"parallel_tool_calls": True}, "parallel_tool_calls", None),
        ({"tools": [TOOL], "tool_choice": "always"}, "tool_choice", "invalid_value"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}},
            "tool_choice",
            None,
        ),
        ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_value"),
        ({"response_format": {}}, "response_format.type", "missing_required_parameter"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
            "response_format.json_schema.name",
            "missing_required_parameter",
        ),
        ({"response_format": {"type": "json_object"}}, "messages", None),
        ({"messages": "hi"}, "messages", "invalid_type"),
        ({"messages": ["hi"]}, "messages[0]", "invalid_type"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role", "missing_required_parameter"),
        (said({"type": "image"}), "messages[0].content[0].type", "invalid_value"),
        (said({"type": "image_url", "image_url": {"url": "cat.png"}}), None, "invalid_image_url"),
        (said({"type": "image_url", "image_url": "cat.png"}), "messages[0].content[0].image_url", "invalid_type"),
        (said(IMAGE, role="system"), "messages[0].content[0].type", "invalid_value"),
        ({"messages": [*HI, {"role": "assistant"}]}, "messages[1].content", None),
        (
            {"messages": [*HI, {"role": "tool", "content": "x"}]},
            "messages[1].tool_call_id",
            "missing_required_parameter",
        ),
        ({"messages": [*HI, CALLING]}, "messages", None),
        ({"messages": [*HI, CALLING, *HI]}, "messages[2]", None),
    ],
    ids=str,
)
def test_openai_refuses_what_is_not(changes, param, code):
    """400, with the path of the field and the code of the mistake."""
    wrong = refused(chat(**changes))
    assert (wrong.status, wrong.param, wrong.code) == (400, param, code)


@pytest.mark.parametrize(
    ("changes", "status", "param", "code", "words"),
    [
        ({"model": "gpt-6-luna", "max_tokens": 9}, 400, "max_tokens", "unsupported_parameter", "max_completion_tokens"),
        ({"model": "gpt-6-luna", "temperature": 0.2}, 400, "temperature", "unsupported_value", "Only the default (1)"),
        ({"model": "gpt-4o-mini", "reasoning_effort": "low"}, 400, None, None, "Unrecognized request argument"),
        ({"model": "gpt-4o-mini", "max_tokens": 16_385}, 400, "max_tokens", "invalid_value", "at most 16384"),
        ({"model": "text-embedding-3-small"}, 404, "model", None, "not a chat model"),
        (
            {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "word " * 110_000}]},
            400,
            "messages",
            "context_length_exceeded",
            "maximum context length is 128000 tokens. However, your messages resulted in 1375",
        ),
        (
            {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "word " * 96_000}], "max_tokens": 16_000},
            400,
            "messages",
            "context_length_exceeded",
            "16000 in the completion",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_openai_knows_the_limits_of_its_models(changes, status, param, code, words):
    """Limits of tokens and what a reasoning model does not take come from the catalog."""
    wrong = refused(chat(**changes))
    assert (wrong.status, wrong.param, wrong.code) == (status, param, code)
    assert words in wrong.message


def test_an_image_is_not_as_long_as_its_bytes():
    """A megabyte of pixels is a thousand tokens and not a quarter of a million."""
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{'A' * 1_000_000}"}}
    check(chat(model="gpt-4o-mini", **said(TEXT, picture)), JSON)


@pytest.mark.parametrize(
    ("changes", "status", "param"),
    [
        ({"input": []}, 400, "input"),
        ({"input": ["a", ""]}, 400, "input"),
        ({"input": ["a"] * 2049}, 400, "input"),
        ({"encoding_format": "hex"}, 400, "encoding_format"),
        ({"dimensions": 0}, 400, "dimensions"),
        ({"temperature": 1}, 400, None),
        ({"model": "gpt-4o-mini"}, 403, None),
    ],
    ids=str,
)
def test_openai_refuses_embeddings_of_nothing(changes, status, param):
    """Empty inputs, odd encodings, too many, and models that do not embed."""
    wrong = refused(Asked("openai", "embeddings", {"model": "e", "input": "a", **changes}))
    assert (wrong.status, wrong.param) == (status, param)


@pytest.mark.parametrize("headers", [{}, {"content-type": "text/plain"}, {**JSON, "authorization": "Basic eDp5"}])
def test_the_headers_must_be_those_of_the_vendor(headers):
    """JSON, and the key after the word Bearer."""
    assert refused(chat(), headers).status == (401 if "authorization" in headers else 415)


@pytest.mark.parametrize(
    "asked",
    [
        claude(),
        claude(system="", temperature=0.1, top_k=5, metadata={"user_id": "u"}, stop_sequences=["END"]),
        claude(
            system=[{**TEXT, "cache_control": {"type": "ephemeral"}}], tools=[CLAUDE_TOOL], tool_choice={"type": "any"}
        ),
        claude(messages=[*HI, {"role": "assistant", "content": [USE]}, {"role": "user", "content": [RESULT, TEXT]}]),
        claude(
            messages=[*HI, {"role": "assistant", "content": [{"type": "web_search_tool_result", "content": []}]}, *HI]
        ),
        claude(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
        claude(max_tokens=2000, thinking={"type": "enabled", "budget_tokens": 1024}),
        claude(**said({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}})),
        claude(model="claude-haiku-4-5", max_tokens=64_000, messages=[*HI, {"role": "assistant", "content": "So"}]),
        Asked("anthropic", "count_tokens", {"model": "m", "messages": HI, "tools": [CLAUDE_TOOL]}),
    ],
)
def test_anthropic_takes_what_is_good(asked):
    """As with the other vendor."""
    check(asked, headed())


@pytest.mark.parametrize(
    ("changes", "param", "words"),
    [
        ({"max_tokens": None}, "max_tokens", "Field required"),
        ({"max_tokens": 0}, "max_tokens", "greater than or equal to 1"),
        ({"messages": []}, "messages", "at least 1 item"),
        ({"messages": [{"role": "user", "content": "hi", "name": "x"}]}, "messages.0.name", "Extra inputs"),
        ({"messages": [{"role": "user"}]}, "messages.0.content", "Field required"),
        ({"top_k": -1}, "top_k", "greater than or equal to 0"),
        ({"stop_sequences": ["  "]}, "stop_sequences.0", "Input should be"),
        ({"metadata": {"user": "u"}}, "metadata.user", "Extra inputs"),
        ({"system": [{"type": "text", "text": ""}]}, "system", "non-empty"),
        ({"tools": [CLAUDE_TOOL, CLAUDE_TOOL]}, "tools", "unique"),
        ({"tools": [{**CLAUDE_TOOL, "name": "a b"}]}, "tools.0.name", "Input should be"),
        ({"tools": [{"name": "f", "input_schema": {}}]}, "tools.0.input_schema.type", "Field required"),
        ({"tool_choice": {"type": "auto"}}, "tool_choice", "while providing tools"),
        ({"tools": [CLAUDE_TOOL], "tool_choice": "auto"}, "tool_choice", "valid object"),
        ({"tools": [CLAUDE_TOOL], "tool_choice": {"type": "tool", "name": "g"}}, "tool_choice", "'g' not found"),
        ({"thinking": {"type": "enabled", "budget_tokens": 10}}, "thinking.budget_tokens", "equal to 1024"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, None, "must be greater than"),
        (
            {"max_tokens": 2000, "temperature": 0.5, "thinking": {"type": "enabled", "budget_tokens": 1024}},
            None,
            "may only be set to 1",
        ),
        (said({"type": "image_url"}), "messages.0.content.0.type", "Input should be 'text'"),
        (
            said({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "!"}}),
            "messages.0.content.0.source.data",
            "valid base64",
        ),
        (
            said({"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": "AAAA"}}),
            "messages.0.content.0.source.media_type",
            "'image/jpeg'",
        ),
        (
            said({"type": "image", "source": {"type": "url", "url": "ftp://x"}}),
            "messages.0.content.0.source.url",
            "HTTP",
        ),
        (said(USE), "messages.0", "only be in `assistant`"),
        (said(RESULT), "messages.0", "must have a `tool_use` block in the previous"),
        ({"messages": [*HI, {"role": "assistant", "content": [USE]}]}, "messages.1", "must have a `tool_result`"),
        (said(*({**TEXT, "cache_control": {"type": "ephemeral"}} for _ in range(5))), None, "Found 5"),
    ],
    ids=str,
)
def test_anthropic_refuses_what_is_not(changes, param, words):
    """400, with the path of the field in the vendor's own way of writing it."""
    wrong = refused(claude(**changes), headed())
    assert (wrong.status, wrong.param) == (400, param)
    assert words in wrong.message


def test_anthropic_counts_no_tokens_of_what_is_no_prompt():
    """The count takes the prompt alone."""
    wrong = refused(Asked("anthropic", "count_tokens", MESSAGES), headed())
    assert (wrong.param, wrong.message) == ("max_tokens", "Extra inputs are not permitted")


@pytest.mark.parametrize(
    ("version", "changes", "words"),
    [
        ("2019-01-01", {}, "is not a valid version"),
        ("2026-10-21", {"top_k": 3}, "not supported by this API version"),
        (
            "2026-10-21",
            {"messages": [*HI, {"role": "assistant", "content": [{"type": "document", "source": {}}]}, *HI]},
            "document blocks",
        ),
        ("2026-10-21", said({**TEXT, "citations": [{}]}), "citations"),
    ],
)
def test_anthropic_goes_by_its_version(version, changes, words):
    """What the newest version no longer takes, and a version that there is not."""
    assert words in refused(claude(**changes), headed(version)).message
    if version > "2023":
        check(claude(**changes), headed())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "claude-haiku-4-5", "max_tokens": 64_001}, "64001 > 64000, which is the maximum allowed"),
        (
            {"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "word " * 200_000}]},
            "tokens > 200000 maximum",
        ),
        ({"model": "claude-haiku-4-5", "temperature": 0.5, "top_p": 0.5}, "cannot both be specified"),
        ({"model": "claude-sonnet-5-5", "temperature": 0.5}, "not supported for this model"),
        (
            {"model": "claude-sonnet-5-5", "messages": [*HI, {"role": "assistant", "content": "So"}]},
            "does not support assistant message prefill",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_anthropic_knows_the_limits_of_its_models(changes, words):
    """Prompt, answer, dice and prefill by model of the catalog."""
    assert words in refused(claude(**changes), headed()).message


RESPONSE = {"model": "m", "input": "hi"}
FLAT = {"type": "function", "name": "f", "parameters": {"type": "object"}}
FLAT_CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
FLAT_RESULT = {"type": "function_call_output", "call_id": "c1", "output": "sunny"}


def response(**changes):
    return Asked("responses", "chat", {**RESPONSE, **changes})


def items(*given):
    return response(input=list(given))


@pytest.mark.parametrize(
    "asked",
    [
        response(),
        response(instructions="be kind", max_output_tokens=16, store=False, include=["reasoning.encrypted_content"]),
        response(tools=[FLAT, {"type": "web_search"}], tool_choice={"type": "function", "name": "f"}),
        response(
            text={"format": {"type": "json_schema", "name": "w", "schema": {}, "strict": True}, "verbosity": "low"}
        ),
        response(stream=True, stream_options={"include_obfuscation": False}, truncation="auto", metadata={"a": "b"}),
        response(input=None, previous_response_id="resp_sim1"),
        items(*HI, FLAT_CALL, FLAT_RESULT, {"type": "reasoning", "id": "rs_sim1", "summary": []}),
        items({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]}),
        items(
            {"role": "user", "content": [{"type": "input_image", "file_id": "f"}, {"type": "input_text", "text": "x"}]}
        ),
        response(model="gpt-6-luna", reasoning={"effort": "low", "summary": "auto"}),
    ],
)
def test_good_responses_are_taken(asked):
    """What the documents allow."""
    check(asked, JSON)


UNSUPPORTED, UNKNOWN, MISSING = "unsupported_parameter", "unknown_parameter", "missing_required_parameter"
VALUE, PIECE = "invalid_value", "input[0].content[0]"


def by(role, **piece):
    return items({"role": role, "content": [piece]})


@pytest.mark.parametrize(
    ("asked", "param", "code"),
    [
        (response(model=None), "model", MISSING),
        (response(input=None), "input", MISSING),
        (response(messages=HI), "messages", UNKNOWN),
        (response(stop=["x"]), "stop", UNKNOWN),
        (response(seed=1), "seed", UNKNOWN),
        (response(max_output_tokens=15), "max_output_tokens", "integer_below_min_value"),
        (response(tools=[{"type": "function", "function": {"name": "f"}}]), "tools[0].name", MISSING),
        (response(tools=[FLAT | {"odd": 1}]), "tools[0].odd", UNKNOWN),
        (response(tools=[FLAT], tool_choice={"type": "function", "name": "g"}), "tool_choice", None),
        (response(tool_choice="required"), "tool_choice", None),
        (response(text={"format": {"type": "json_schema", "schema": {}}}), "text.format.name", MISSING),
        (response(text={"format": {"type": "json_object"}}), "input", None),
        (response(include=["everything"]), "include[0]", VALUE),
        (response(stream_options={}), "stream_options", None),
        (response(background=True, store=False), "background", None),
        (response(previous_response_id="resp_x"), "previous_response_id", "previous_response_not_found"),
        (response(previous_response_id="resp_sim1", conversation="c"), None, None),
        (items(FLAT_RESULT), "input", None),
        (items(*HI, FLAT_CALL), "input", None),
        (by("user", type="text"), f"{PIECE}.type", VALUE),
        (by("assistant", type="input_text"), f"{PIECE}.type", VALUE),
        (by("user", type="input_image"), f"{PIECE}.image_url", MISSING),
        (by("user", type="input_file"), f"{PIECE}.file_id", MISSING),
        (
            items({"type": "reasoning", "summary": [], "encrypted_content": "outlast.signed.x"}),
            "input[0].encrypted_content",
            VALUE,
        ),
        (response(model="gpt-6-luna", temperature=0.5), "temperature", UNSUPPORTED),
        (response(model="gpt-4o-mini", reasoning={"effort": "low"}), "reasoning.effort", UNSUPPORTED),
        (response(model="gpt-4o-mini", max_output_tokens=99_999), "max_output_tokens", VALUE),
        (response(model="gpt-4o-mini", input="x " * 300_000), "messages", "context_length_exceeded"),
        (response(model="text-embedding-3-small"), "model", "model_not_found"),
    ],
)
def test_bad_responses_are_refused(asked, param, code):
    """With the field's path and OpenAI's code."""
    refusal = refused(asked)
    assert (refusal.param, refusal.code, refusal.status) == (param, code, 400)


@pytest.mark.parametrize(
    "item",
    [{"type": "item_reference", "id": "msg_1"}, {"type": "reasoning", "id": "rs_1", "summary": []}],
    ids=["reference", "thoughts"],
)
def test_what_openai_did_not_say_is_not_found(item):
    """It looks up what has nothing but an id; sealed thoughts need none."""
    refusal = refused(items(*HI, item))
    assert (refusal.param, refusal.status) == ("input", 404)
    assert "Item with id" in refusal.message
    check(items(*HI, {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "xyz"}), JSON)
