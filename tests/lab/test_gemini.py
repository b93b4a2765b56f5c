"""The simulated Google: what it refuses, field by field, in Google's words, and what its SDK gets from it."""

import base64

import pytest
from google import genai
from google.genai import errors, types

from outlast.lab.answer import Asked
from outlast.lab.conduct import Conduct
from outlast.lab.provider import SimulatedProvider
from outlast.lab.quotas import Limits
from outlast.lab.script import cut, ended, error_event, ok, status
from outlast.lab.vendors.demands import Refusal, check
from outlast.lab.vendors.gemini_side import SIGNATURE

JSON = {"content-type": "application/json"}
HI = {"role": "user", "parts": [{"text": "hi"}]}
CALL = {"functionCall": {"id": "c1", "name": "f", "args": {}}}
RESULT = {"functionResponse": {"id": "c1", "name": "f", "response": {"output": "x"}}}
FUNCTION = {"name": "f", "parametersJsonSchema": {"type": "object"}}


def asked(model="m", kind="chat", **body):
    return Asked("gemini", kind, body if kind == "embeddings" else {"contents": [HI], **body}, place={"model": model})


def counted(**body):
    return Asked("gemini", "count_tokens", body, place={"model": "m"})


def said(*parts, role="user"):
    return {"contents": [{"role": role, "parts": list(parts)}]}


def turns(*contents):
    return {"contents": [HI, *contents]}


def model(*parts):
    return {"role": "model", "parts": list(parts)}


def user(*parts):
    return {"role": "user", "parts": list(parts)}


def options(**fields):
    return {"generationConfig": fields}


def tools(*functions, **config):
    return {"tools": [{"functionDeclarations": list(functions)}]} | (
        {"toolConfig": {"functionCallingConfig": config}} if config else {}
    )


@pytest.mark.parametrize(
    "fine",
    [
        asked(),
        asked(contents=[{"parts": [{"text": "hi"}]}], systemInstruction={"parts": [{"text": "s"}]}),
        asked(
            **said({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}, {"fileData": {"fileUri": "https://x/y"}})
        ),
        asked(**turns(model(CALL), user(RESULT))),
        asked(**turns(model(CALL), user({"functionResponse": {"name": "f", "response": {}}}))),
        asked(**tools(FUNCTION, mode="ANY", allowedFunctionNames=["f"])),
        asked(**tools({"name": "f", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "string"}}}})),
        asked(
            tools=[{"googleSearch": {}}], safetySettings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]
        ),
        asked(**options(responseMimeType="application/json", responseJsonSchema={"type": "object"}, seed=1, topK=40)),
        asked(**options(thinkingConfig={"thinkingLevel": "LOW"}, responseLogprobs=True, logprobs=3, candidateCount=2)),
        asked("gemini-3.8-flash", **turns(model({**CALL, "thoughtSignature": SIGNATURE}), user(RESULT))),
        asked(
            "gemini-3.8-flash",
            **turns(model({**CALL, "thoughtSignature": "skip_thought_signature_validator"}), user(RESULT)),
        ),
        asked("gemini-2.5-flash", **turns(model(CALL), user(RESULT)), **options(thinkingConfig={"thinkingBudget": 0})),
        asked(kind="embeddings", content=HI, outputDimensionality=3),
        asked(kind="count_tokens"),
        counted(generateContentRequest={"model": "models/m", "contents": [HI]}),
        asked(kind="embeddings", requests=[{"model": "models/m", "content": HI}]),
    ],
)
def test_what_google_takes(fine):
    """Nothing is refused that its documents allow."""
    check(fine, JSON)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (asked(contents=[]), "contents: must not be empty"),
        (asked(contents=None), "contents is not specified"),
        (asked(stream=True), 'Unknown name "stream": Cannot find field'),
        (Asked("gemini", "chat", {"contents": [HI], "model": "m"}), 'Unknown name "model"'),
        (asked(**options(max_tokens=3)), "Unknown name \"max_tokens\" at 'generationConfig'"),
        (asked(**options(temperature=3)), "temperature must be at most 2"),
        (asked(**options(maxOutputTokens="x")), "Invalid value at 'generationConfig.maxOutputTokens'"),
        (asked(**options(stopSequences=list("abcdef"))), "must have at most 5 items"),
        (asked(**options(responseJsonSchema={"type": "object"})), "only supports responseMimeType"),
        (
            asked(**options(responseMimeType="application/json", responseJsonSchema={}, responseSchema={})),
            "must be omitted",
        ),
        (
            asked(**options(responseMimeType="application/json", responseSchema={"additionalProperties": False})),
            "additionalProperties",
        ),
        (asked(**options(logprobs=3)), "responseLogprobs"),
        (asked(**options(thinkingConfig={"thinkingBudget": 1, "thinkingLevel": "LOW"})), "only set one of"),
        (asked(**said()), "parts: must not be empty"),
        (asked(**said({"text": "a", "inlineData": {"mimeType": "a/b", "data": ""}})), "one initialized data field"),
        (asked(**said({"thought": True})), "one initialized data field"),
        (asked(**said({"inlineData": {"mimeType": "image/png", "data": "no base64!"}})), "TYPE_BYTES"),
        (asked(**said({"fileData": {"fileUri": "C:/x"}})), "fileUri"),
        (asked(**said({"text": "x"}, role="assistant")), "Invalid value at 'contents[0].role'"),
        (asked(**tools({"name": "no good"})), "name"),
        (asked(**tools({"name": "f", "strict": True})), 'Unknown name "strict"'),
        (asked(**tools(FUNCTION, FUNCTION)), "Duplicate"),
        (asked(**tools(FUNCTION | {"parameters": {"type": "OBJECT"}})), "mutually exclusive"),
        (asked(**tools(FUNCTION, mode="AUTO", allowedFunctionNames=["f"])), "mode is ANY"),
        (asked(**tools(FUNCTION, mode="ANY", allowedFunctionNames=["g"])), "subset"),
        (asked(toolConfig={"functionCallingConfig": {"mode": "ANY"}}), "without function_declarations"),
        (asked(**turns(model(CALL), user({"text": "x"}))), "number of function response parts"),
        (asked(**turns(user(RESULT))), "number of function response parts"),
        (asked(**turns(model(CALL))), "followed by a function response"),
        (asked(**turns(user(CALL))), "in a turn of the model"),
        (asked(**turns(model(CALL), model(RESULT))), "must not be in a turn of the model"),
        (asked(**turns(model(CALL), user({"functionResponse": {"name": "g", "response": {}}}))), "the name"),
        (asked(**turns(model(CALL), user({"functionResponse": {"id": "c2", "name": "f", "response": {}}}))), "the id"),
        (asked(**turns(model(CALL), user({"functionResponse": {"name": "f", "response": "x"}}))), "response"),
        (asked("gemini-3.8-flash", **turns(model(CALL), user(RESULT))), "missing a thought_signature"),
        (asked("gemini-3.8-flash", **turns(model({**CALL, "thoughtSignature": "AAAA"}), user(RESULT))), "Corrupted"),
        (asked("gemini-2.5-flash", **options(thinkingConfig={"thinkingLevel": "LOW"})), "not supported for this model"),
        (asked("gemini-3.8-flash", **options(maxOutputTokens=100_000)), "max_output_tokens"),
        (asked("gemini-2.5-flash", **said({"text": "word " * 1_000_000})), "exceeds the maximum number of tokens"),
        (asked(kind="embeddings"), "content is not specified"),
        (counted(), "one of them is needed"),
        (counted(contents=[HI], generateContentRequest={"model": "models/m", "contents": [HI]}), "mutually exclusive"),
        (counted(generateContentRequest={"model": "models/other", "contents": [HI]}), "the one in the path"),
        (asked(kind="count_tokens", systemInstruction=HI), 'Unknown name "systemInstruction"'),
        (asked(kind="embeddings", requests=[{"model": "models/other", "content": HI}]), "the one in the path"),
    ],
)
def test_what_google_refuses(wrong, words):
    """With the field and the reason."""
    with pytest.raises(Refusal) as refused:
        check(wrong, JSON)
    assert words in refused.value.message


@pytest.fixture
def provider():
    with SimulatedProvider() as running:
        yield running


@pytest.fixture
def google(provider):
    options = types.HttpOptions(base_url=provider.base_url("alpha", vendor="gemini"))
    with genai.Client(api_key="key", http_options=options) as client:
        yield client.models


def test_the_sdk_gets_what_was_scripted(provider, google):
    """Whole and streamed, with usage; each piece is counted."""
    provider.script("alpha", ok("Hello there."), ok("one two three"), ok("x", finish="content_filter"))
    reply = google.generate_content(model="some/model", contents="hi")
    assert (reply.text, reply.usage_metadata.candidates_token_count) == ("Hello there.", 2)
    chunks = list(google.generate_content_stream(model="m", contents="hi"))
    assert "".join(chunk.text or "" for chunk in chunks) == "one two three"
    assert google.generate_content(model="m", contents="hi").candidates[0].finish_reason == "SAFETY"
    whole, streamed, _ = provider.expect("alpha")
    assert (whole.asked.model, streamed.meter.pieces, streamed.meter.finished) == ("some/model", 3, True)


def test_a_cut_stream_is_known_to_be_cut(provider, google):
    """However it ends."""
    provider.script("alpha", ended(2), cut(2, "rst"), error_event(2))
    chunks = list(google.generate_content_stream(model="m", contents="hi"))
    assert len(chunks) == 2
    for _ in range(2):
        with pytest.raises(Exception, match=r"(?i)closed|disconnect|reset|UNAVAILABLE|peer"):
            list(google.generate_content_stream(model="m", contents="hi"))
    assert [seen.meter.finished for seen in provider.expect("alpha")] == [False] * 3


def test_limits_say_in_the_body_when_to_come_again(provider, google):
    """No header does."""
    provider.conduct("alpha", Conduct(limits=Limits(requests_per_minute=1)))
    google.generate_content(model="m", contents="hi")
    with pytest.raises(errors.ClientError) as raised:
        google.generate_content(model="m", contents="hi")
    reason, again = raised.value.details["error"]["details"]
    assert (raised.value.status, reason["reason"]) == ("RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED")
    assert 0 < float(again["retryDelay"].removesuffix("s")) <= 60


def test_a_wrong_key_has_its_reason(provider, google):
    """In the details."""
    provider.conduct("alpha", Conduct(key="another"))
    with pytest.raises(errors.ClientError) as raised:
        google.generate_content(model="m", contents="hi")
    assert (raised.value.code, raised.value.details["error"]["details"][0]["reason"]) == (401, "API_KEY_INVALID")
    provider.conduct("alpha", Conduct(key="key"))
    provider.script("alpha", status(503))
    with pytest.raises(errors.ServerError):
        google.generate_content(model="m", contents="hi")


def test_both_spellings_are_taken(provider, google):
    """A field in snake case is the same field; what is the caller's own stays as it is."""
    config = {"thinking_config": {"include_thoughts": True}, "candidate_count": 2}
    reply = google.generate_content(model="m", contents="hi", config=config)
    assert [part.thought for part in reply.candidates[1].content.parts] == [True, None]


def test_a_signature_is_base64():
    """The SDK decodes it."""
    assert base64.b64decode(SIGNATURE) == b"simulated thoughts"
