"""Google's dialect beyond its golden files: what passes through, what is refused, what breaks, and the laws."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.dialects import DIALECTS, signatures
from outlast.model import messages as m
from outlast.model.continuing import Beginning, ask_on
from outlast.model.errors import (
    BadResponse,
    Caller,
    Conflict,
    ContentFilter,
    ContextLength,
    Failure,
    Legal,
    Missing,
    Permission,
    Quota,
    Throttled,
    TimedOut,
    Transient,
    Unauthorized,
    Unsupported,
)
from outlast.model.target import Quirks

from .test_crossing import ARGUMENTS, IDS, IMAGE, PDF, TEXT, WORDS, said

GEMINI = DIALECTS["gemini"]
STREAM = "/v1/models/some/model:streamGenerateContent"
HI = {"role": "user", "parts": [{"text": "hi"}]}


def encoded(wire, request, **facts):
    outgoing = GEMINI.encode(request, wire.target("gemini", **facts))
    return wire.sent(outgoing), outgoing


def file_at(url):
    return {"contents": [{"parts": [{"fileData": {"fileUri": url, "mimeType": "application/pdf"}}]}]}


# -- what callers ask --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "model", "stream"),
    [
        ("/v1beta/models/default:generateContent", "default", False),
        ("/v1/models/openai/gpt-x:generateContent", "openai/gpt-x", False),
        ("/v1/models/ollama/llama3:8b:generateContent", "ollama/llama3:8b", False),
        ("/v1beta/models/m:streamGenerateContent?alt=sse", "m", True),
        ("/v1beta/models/m:streamGenerateContent?%24alt=sse&prettyPrint=false", "m", True),
    ],
)
def test_the_path_says_who_is_asked_and_how(path, model, stream):
    """The model, whatever is in its name, and whether the answer is streamed."""
    request = GEMINI.parse("chat", json.dumps({"contents": [HI]}).encode(), path)
    assert (request.model, request.stream) == (model, stream)


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (STREAM, {"contents": [HI]}, "alt=sse"),
        ("/v1/models/x", {"contents": [HI]}, "must name a model"),
        ("", {}, "contents is required"),
        ("", {"contents": []}, "contents must not be empty"),
        ("", {"contents": "hi"}, "contents must be array, not str"),
        ("", {"contents": [HI], "generationConfig": {"maxOutputTokens": "x"}}, "generationConfig.maxOutputTokens"),
        ("", {"contents": [HI], "generation_config": {"max_output_tokens": 0}}, "generationConfig.maxOutputTokens"),
    ],
)
def test_what_is_wrong_is_named(path, body, words):
    """In words that say where, and what to do."""
    with pytest.raises(Caller, match=words):
        GEMINI.parse("chat", json.dumps(body).encode(), path or "/v1/models/m:generateContent")


DEPTHS = [30, 400, 600, 900, 2000, 20_000]


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("deep", ['{"anyOf":[', '{"items":', '{"properties":{"a":'])
def test_what_is_too_deep_for_us_is_the_caller_s(wire, deep, depth):
    """However deep: read, or refused in words; in names of either spelling, and in schemas of both kinds."""
    closing = deep.translate(str.maketrans("{[", "}]", '":,abcdefghijklmnopqrstuvwxyzO'))[::-1]
    schema = deep * depth + "{}" + closing * depth
    asked = json.dumps({"contents": [HI], "safety_settings": "HERE", "generationConfig": {"responseSchema": "HERE"}})
    theirs = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": ["HERE"]})
    tool = f'{{"type":"function","function":{{"name":"f","parameters":{schema}}}}}'
    for dialect, body in (
        ("gemini", asked.replace('"HERE"', schema, 1).replace('"HERE"', "{}")),
        ("gemini", asked.replace('"HERE"', "[]", 1).replace('"HERE"', schema)),
        ("openai", theirs.replace('"HERE"', tool)),
    ):
        refusing = contextlib.nullcontext() if depth == DEPTHS[0] else contextlib.suppress(Caller)
        with refusing:
            request = DIALECTS[dialect].parse("chat", body.encode(), "/v1/models/m:generateContent")
            request.content()
            assert GEMINI.encode(request, wire.target("gemini")).body


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"contents": [{"role": "system", "parts": [{"text": "x"}]}]}, "systemInstruction"),
        ({"toolConfig": {"functionCallingConfig": {"mode": "SOME"}}}, "AUTO, ANY, NONE"),
    ],
)
def test_what_only_a_whole_reading_finds_is_named_too(wire, fields, words):
    """When the request must be written anew."""
    with pytest.raises(Caller, match=words):
        wire.ask_gemini(**fields).content()


def test_what_the_engine_must_know(wire):
    """Limit, choices, needs, JSON, and an estimate that leaves inline pictures out."""
    parts = [{"inlineData": {"mimeType": "image/png", "data": "A" * 9000}}, {"inlineData": {"mimeType": "audio/wav"}}]
    options = {"maxOutputTokens": 7, "candidateCount": 2, "responseJsonSchema": {"type": "object"}}
    request = wire.ask_gemini(
        contents=[{"parts": parts}], generationConfig=options, tools=[{"functionDeclarations": [{"name": "f"}]}]
    )
    assert (request.max_tokens, request.choices, request.json) == (7, 2, True)
    assert request.needs == m.Needs(tools=True, vision=True, schema=True, documents=True)
    assert request.tokens < 1000


@pytest.mark.parametrize(
    ("fields", "needs"),
    [
        ({}, m.NOTHING_SPECIAL),
        ({"tools": [{"googleSearch": {}}]}, m.Needs(native=True)),
        ({"tools": [{"functionDeclarations": [{"name": "f"}], "url_context": {}}]}, m.Needs(tools=True, native=True)),
        (
            {"tools": [{"function_declarations": [{"name": "f"}]}, {"code_execution": {}}]},
            m.Needs(tools=True, native=True),
        ),
        ({"cachedContent": "cachedContents/1"}, m.Needs(state=True)),
        (file_at("https://generativelanguage.googleapis.com/v1beta/files/1"), m.Needs(documents=True, state=True)),
        (file_at("https://example.test/a.pdf"), m.Needs(documents=True)),
    ],
)
def test_what_google_alone_has_is_asked_of_google_alone(wire, fields, needs):
    """Its own tools, and what one of its accounts keeps."""
    assert wire.ask_gemini(**fields).needs == needs


# -- passing on --------------------------------------------------------------------------------------------------


def test_a_caller_s_own_bytes_go_to_google(wire):
    """Unknown fields and the shape of the contents as they came; only the model is another, and it is in the path."""
    body = {"contents": [HI], "model": "models/x", "safetySettings": [{"a": 12345678901234567890123}], "odd": {"b": 1}}
    sent, outgoing = encoded(wire, wire.ask_gemini(**body))
    assert sent == {name: value for name, value in body.items() if name != "model"}
    assert outgoing.path == b"/v1beta/models/m-1:generateContent"
    assert outgoing.dropped == ()
    assert encoded(wire, wire.ask_gemini(stream=True))[1].path == b"/v1beta/models/m-1:streamGenerateContent?alt=sse"


def test_what_the_target_does_not_take_is_taken_out(wire):
    """Addresses, what its row says, sampling of newer models, a limit above the model's."""
    options = {"temperature": 0.5, "topK": 3, "maxOutputTokens": 99}
    request = wire.ask_gemini(generationConfig=options, host="x", store=True)
    sent, outgoing = encoded(wire, request, quirks=Quirks(drops=("store",)), sampling=False, max_output=50)
    assert sent == {"contents": [HI], "generationConfig": {"maxOutputTokens": 50}}
    assert outgoing.dropped == ("host", "store", "temperature", "topK", "max_tokens above 50")


def test_a_row_may_have_other_paths(wire):
    """Such as another version, with a query."""
    quirks = Quirks(path_chat="/v1/models/{model}", query="key=1")
    _, outgoing = encoded(wire, wire.ask_gemini(stream=True), quirks=quirks, model="a/b")
    assert outgoing.path == b"/v1/models/a%2Fb:streamGenerateContent?alt=sse&key=1"


def test_a_changed_request_keeps_google_s_own_fields(wire):
    """A request whose bytes no longer hold keeps its dialect, and what only its provider understands."""
    thoughts = {"includeThoughts": True}
    options = {"candidateCount": 2, "responseModalities": ["TEXT"], "topK": 3, "thinkingConfig": thoughts}
    config = {"functionCallingConfig": {"mode": "AUTO"}, "retrievalConfig": {"languageCode": "de"}}
    tools = [{"functionDeclarations": [{"name": "f"}]}, {"googleSearch": {}}]
    body = {"contents": [HI], "tools": tools, "toolConfig": config, "generationConfig": options, "store": True}
    changed = m.Request(model="x", dialect="gemini", read=lambda _: wire.ask_gemini(**body).content())
    sent, outgoing = encoded(wire, changed)
    assert (sent, outgoing.dropped) == (body, ())


def test_another_maker_s_signature_is_not_sent_to_google(wire):
    """A conversation that Claude answered in part goes on at Gemini, and the other way round."""
    turn = {"role": "model", "parts": [{"functionCall": {"id": "t", "name": "f", "args": {}}}]}
    turn["parts"][0]["thoughtSignature"] = signatures.told("Claudes")
    result = {"role": "user", "parts": [{"functionResponse": {"id": "t", "name": "f", "response": {"output": "1"}}}]}
    sent, outgoing = encoded(wire, wire.ask_gemini(contents=[HI, turn, result]), sampling=False)
    assert sent["contents"][1]["parts"][0]["thoughtSignature"] == signatures.UNSIGNED
    assert outgoing.dropped == ("messages.reasoning",)
    blocks = [{"type": "thinking", "thinking": "hm", "signature": "gemini:Q3M="}, {"type": "text", "text": "so"}]
    turns = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": "y"},
    ]
    out = DIALECTS["anthropic"].encode(wire.ask("anthropic", messages=turns), wire.target("anthropic"))
    assert wire.sent(out)["messages"][1] == {"role": "assistant", "content": "so"}
    assert out.dropped == ("messages.reasoning",)


@given(st.text(st.characters(codec="utf-8")))
def test_a_signature_comes_back_as_it_was(text):
    """Whoever made it, and whatever it looks like."""
    assert signatures.read(signatures.told(text)) == text
    assert signatures.told(signatures.read("Q3M=")) == "Q3M="


# -- going on ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spoken", ["gemini", "openai", "anthropic"])
@pytest.mark.parametrize("prefill", [True, False])
def test_google_is_asked_for_the_rest(wire, spoken, prefill):
    """What was said as the model's last turn, and the question to go on unless the model takes it as its beginning."""
    options = {"maxOutputTokens": 50, "responseMimeType": "application/json"}
    fields = {
        "gemini": {"generationConfig": options},
        "openai": {"max_tokens": 50, "response_format": {"type": "json_object"}},
        "anthropic": {"max_tokens": 50},
    }
    request = wire.ask(spoken, **fields[spoken]).going_on(Beginning("This is the"), 10)
    sent, _ = encoded(wire, request, prefill=prefill)
    asking = {"role": "user", "parts": [{"text": ask_on("This is the")}]}
    assert sent["contents"][1:] == [
        {"role": "model", "parts": [{"text": "This is the"}]},
        *([] if prefill else [asking]),
    ]
    assert sent["generationConfig"]["maxOutputTokens"] == 40
    assert ("responseMimeType" in sent["generationConfig"]) is (spoken != "anthropic" and not prefill)


def test_the_caller_s_own_beginning_becomes_one_with_it(wire):
    """The answer began with it."""
    mine = {"role": "model", "parts": [{"text": "Well."}]}
    request = wire.ask_gemini(contents=[HI, mine]).going_on(Beginning("So it"), 1)
    assert encoded(wire, request, prefill=True)[0]["contents"][1]["parts"] == [{"text": "Well."}, {"text": "So it"}]


# -- what breaks -------------------------------------------------------------------------------------------------


NO_EVENTS = {b"", b"{}", b'{"choices":[]}', b'{"candidates":[]}'}
"""What says nothing in a stream, which may have any number of it."""


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", BadResponse),
        (b"<html>", BadResponse),
        (b"{}", BadResponse),
        (b'{"choices":[]}', BadResponse),
        (b'{"candidates":[]}', BadResponse),
        (b'{"candidates":{"a":1}}', BadResponse),
        (b'{"candidates":[{"content":{"parts":[{"text":"\xff"}]}}]}', BadResponse),
        (b'{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":1}}', ContentFilter),
        (b'{"error":{"code":503,"status":"UNAVAILABLE","message":"x"}}', Transient),
        (b'{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}', BadResponse),
        (b'{"candidates":[{"finishReason":"UNEXPECTED_TOOL_CALL","content":{"parts":[{"text":"x"}]}}]}', BadResponse),
    ],
)
def test_an_answer_that_is_none(wire, body, kind):
    """Whole, or as the first event of a stream, it is the failure that it means."""
    with pytest.raises(kind):
        GEMINI.decode(body, wire.ask(), wire.target("gemini"))
    if body not in NO_EVENTS:
        with pytest.raises(kind):
            wire.read("gemini", b"data: " + body + b"\r\n\r\n")


@pytest.mark.parametrize("reason", ["", "FINISH_REASON_UNSPECIFIED"])
def test_a_finish_reason_that_says_nothing_finishes_nothing(wire, reason):
    """The stream goes on behind it, and is whole only once there is one that says why."""
    event = wire.candidate("hel", finish=None).replace(b'"index"', b'"finishReason": "%b", "index"' % reason.encode())
    assert not wire.read("gemini", wire.candidates(event))[0].last
    batch, _ = wire.read("gemini", wire.candidates(event, wire.candidate("lo")))
    assert (wire.text(batch.chunks), [chunk.finish for chunk in batch.chunks if chunk.finish]) == ("hello", ["stop"])
    assert GEMINI.decode(event, wire.ask(), wire.target("gemini")).finish == "stop"


@pytest.mark.parametrize("blocked", ["SAFETY", "OTHER", "LATER"])
def test_a_prompt_is_blocked_with_an_empty_list_too(wire, blocked):
    """Nobody is asked again; and feedback that blocks nothing is none of anybody's business."""
    told = b'{"candidates":[],"promptFeedback":{"blockReason":"%b"}}' % blocked.encode()
    with pytest.raises(ContentFilter):
        wire.read("gemini", wire.candidates(told))
    with pytest.raises(ContentFilter):
        GEMINI.decode(told, wire.ask(), wire.target("gemini"))
    usage = '"usageMetadata":{"promptTokenCount":3}'
    for feedback in ('{"safetyRatings":[]}', '{"blockReason":"BLOCK_REASON_UNSPECIFIED"}', "null"):
        event = f'{{"promptFeedback":{feedback},{usage}}}'.encode()
        assert wire.read("gemini", wire.candidates(event, wire.candidate("hi")))[0].last


def test_events_of_a_later_kind_are_none_of_our_business(wire):
    """They pass; and a stream that has nothing else is no answer."""
    odd = b'{"laterAddition":{"a":1}}'
    batch, _ = wire.read("gemini", wire.candidates(odd, wire.candidate("hi")))
    assert (wire.text(batch.chunks), batch.last) == ("hi", True)
    assert not wire.read("gemini", wire.candidates(odd, odd))[0].last


def test_a_stream_without_a_finish_reason_is_not_whole(wire):
    """However it ends: between events, inside one, before the first."""
    data = wire.candidates(wire.candidate("hel", finish=None), wire.candidate("lo"))
    assert wire.read("gemini", data)[0].last
    for end in range(len(data) - 4):
        assert not wire.read("gemini", data[:end])[0].last


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (b"data: {oops\r\n\r\n", BadResponse),
        (b'data: {"error":{"code":503,"status":"UNAVAILABLE"}}\r\n\r\n', Transient),
        (b'{"error":{"code":503,"status":"UNAVAILABLE"}}\n\n', Transient),
        (b'data: {"promptFeedback":{"blockReason":"OTHER"}}\r\n\r\n', ContentFilter),
    ],
)
@pytest.mark.parametrize("size", [None, 1, 9])
def test_what_goes_wrong_in_a_stream_is_told_behind_what_came_before(wire, event, kind, size):
    """The words before it are handed on first, and then the failure."""
    data = wire.candidates(wire.candidate("hel", finish=None)) + event
    reader = GEMINI.reader(wire.ask(stream=True), wire.target("gemini"))
    chunks = []

    def read():
        for at in range(0, len(data), size or len(data)):
            chunks.extend(reader.feed(data[at : at + (size or len(data))]).chunks)
        reader.close()

    with pytest.raises(kind):
        read()
    assert wire.text(chunks) == "hel"


@given(
    words=st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=4),
    size=st.integers(1, 99),
    end=st.sampled_from([b"\n", b"\r", b"\r\n"]),
    extra=st.sampled_from([b"", b": ping\r\n\r\n", b"id: 1\r\n"]),
)
def test_framing_changes_nothing(wire, words, size, end, extra):
    """Line ends, comments, fields without data and cuts make no difference, and are not passed on."""
    events = [wire.candidate(word, finish=None) for word in words]
    data = wire.candidates(*events, wire.candidate("!"))
    once, _ = wire.read("gemini", data)
    assert wire.text(once.chunks) == "".join(words) + "!"
    odd = (extra + data.replace(b"\r\n\r\n", b"\r\n\r\n" + extra, 2)).replace(b"\r\n", end)
    assert wire.read("gemini", odd, size=size)[0] == once


@given(junk=st.binary(max_size=60), at=st.integers(0, 300))
def test_noise_is_a_failure_or_an_answer_and_nothing_else(wire, junk, at):
    """Whatever bytes stand wherever: our own classes of failure, or chunks."""
    data = wire.candidates(wire.candidate("hel", finish=None), wire.candidate("lo"))
    for decode in (
        lambda: wire.read("gemini", data[:at] + junk + data[at:]),
        lambda: GEMINI.decode(junk, wire.ask(), wire.target("gemini")),
    ):
        try:
            decode()
        except Failure:
            continue


def test_a_prompt_that_is_too_long_is_told_with_its_numbers(wire):
    """So that it can be shortened by as much, and callers be told in their own words."""
    words = "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."
    body = json.dumps({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": words}}).encode()
    failure = GEMINI.classify(400, lambda _: None, body, wire.target("gemini"))
    assert failure.message == "prompt is too long: 1200000 tokens > 1048576 maximum"
    told = GEMINI.error(failure, "req-1")[1]
    assert GEMINI.classify(400, lambda _: None, told, wire.target("gemini")).kind == "context_length"


@pytest.mark.parametrize(
    "failure",
    [
        Caller("wrong", status=422), Conflict("busy"), ContentFilter("no"), ContextLength("long"), Missing("gone"),
        Permission("no"), Quota("money"), Throttled("slow", retry_after=1.5), Transient("down", status=504),
        Legal("no"), Unauthorized("who"), TimedOut("late", phase="head"),
    ],
    ids=lambda failure: failure.kind,
)  # fmt: skip
def test_another_gateway_reads_the_class_of_a_failure(wire, failure):
    """What is told to Google's callers means the same to one who asks us as it would ask Google."""
    status, body = GEMINI.error(failure, "req-1")
    read = GEMINI.classify(status, lambda _: None, body, wire.target("gemini"))
    same = {"rejected": "credential", "timeout": "transient"}
    assert read.kind == same.get(failure.kind, failure.kind)
    assert read.retry_after == failure.retry_after
    assert json.loads(body)["error"]["code"] == status


def test_a_broken_signature_of_another_maker_is_none():
    """Not base64, or not UTF-8: nobody of ours has told it."""
    for broken in ("b3V0bGFzdDo!", "b3V0bGFzdDr/"):
        assert signatures.read(broken) == f"gemini:{broken}"


# -- embeddings --------------------------------------------------------------------------------------------------


def embed(body, method="batchEmbedContents"):
    return GEMINI.parse("embed", json.dumps(body).encode(), f"/v1beta/models/default:{method}")


ONE = {"content": {"parts": [{"text": "a"}]}, "output_dimensionality": 2, "taskType": "RETRIEVAL_QUERY"}
TWO = {"requests": [{"model": "models/x", "content": {"parts": [{"text": text}]}} for text in "ab"]}


def test_embeddings_of_google_s_callers(wire):
    """One content or several; in bytes of their own to Google, written anew to others."""
    sent, outgoing = encoded(wire, embed(TWO))
    assert outgoing.path == b"/v1beta/models/m-1:batchEmbedContents"
    assert [row["model"] for row in sent["requests"]] == ["models/m-1"] * 2
    sent, outgoing = encoded(wire, embed(ONE, "embedContent"))
    assert outgoing.path == b"/v1beta/models/m-1:embedContent"
    assert sent == {"content": ONE["content"], "outputDimensionality": 2, "taskType": "RETRIEVAL_QUERY"}
    out = DIALECTS["openai"].encode(embed(ONE, "embedContent"), wire.target())
    assert wire.sent(out) == {"model": "m-1", "input": ["a"], "dimensions": 2}
    assert out.dropped == ("taskType",)


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (embed(ONE, "embedContent"), {"embedding": {"values": [1.0]}}),
        (embed(TWO), {"embeddings": [{"values": [1.0]}, {"values": [2.0]}]}),
    ],
)
def test_embeddings_of_others_for_google_s_callers(wire, ask, told):
    """In the shape that was asked for."""
    rows = [{"index": index, "embedding": [index + 1.0]} for index in range(len(ask.content().input))]
    body = json.dumps({"data": rows, "usage": {"prompt_tokens": 3}}).encode()
    reply = DIALECTS["openai"].decode(body, ask, wire.target())
    assert json.loads(GEMINI.render(reply, ask)) == told | {
        "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3}
    }


@pytest.mark.parametrize(
    ("body", "ask", "told"),
    [
        (b'{"embedding":{"values":[1.0]}}', embed(ONE, "embedContent"), {"embedding": {"values": [1.0]}}),
        (b'{"embeddings":[{"values":[1.0]}]}', embed(ONE, "embedContent"), {"embedding": {"values": [1.0]}}),
        (
            b'{"embedding":{"values":[1.0]}}',
            embed({"requests": TWO["requests"][:1]}),
            {"embeddings": [{"values": [1.0]}]},
        ),
    ],
)
def test_embeddings_that_were_asked_for_by_the_other_method(wire, body, ask, told):
    """An answer that was kept for one method is told to the other in its own shape."""
    answer = json.loads(GEMINI.render(GEMINI.decode(body, ask, wire.target("gemini")), ask))
    assert answer.items() >= told.items()


def test_embeddings_of_google_for_others(wire):
    """Texts go as one batch; the numbers of tokens cannot, and another target may take them."""
    ask = DIALECTS["openai"].parse("embed", b'{"model":"m","input":["a","b"],"dimensions":3,"user":"u"}')
    sent, outgoing = encoded(wire, ask)
    content = [{"parts": [{"text": text}]} for text in "ab"]
    assert sent == {"requests": [{"model": "models/m-1", "content": one, "outputDimensionality": 3} for one in content]}
    assert outgoing.dropped == ("user",)
    reply = GEMINI.decode(b'{"embeddings":[{"values":[1]},{"values":[2]}]}', ask, wire.target("gemini"))
    assert (reply.vectors, reply.usage.estimated) == ([[1.0], [2.0]], True)
    numbers = DIALECTS["openai"].parse("embed", b'{"model":"m","input":[1,2]}')
    with pytest.raises(Unsupported):
        GEMINI.encode(numbers, wire.target("gemini"))


@pytest.mark.parametrize(
    "body", [b"{}", b'{"embeddings":[]}', b'{"embeddings":[{"values":[1]}]}', b'{"embeddings":[{"values":["x"]}]}']
)
def test_embeddings_that_are_none(wire, body):
    """No rows, too few, or no numbers."""
    with pytest.raises(BadResponse):
        GEMINI.decode(body, embed(TWO), wire.target("gemini"))
    with pytest.raises(Transient):
        GEMINI.decode(b'{"error":{"status":"UNAVAILABLE"}}', embed(TWO), wire.target("gemini"))


@pytest.mark.parametrize(
    "body", [{}, ONE | TWO, {"requests": []}, {"content": {"parts": []}}, {"content": {"parts": [{"inlineData": {}}]}}]
)
def test_what_cannot_be_embedded_is_refused(body):
    """Nothing, both at once, no text."""
    with pytest.raises(Caller):
        embed(body)


# -- counts ------------------------------------------------------------------------------------------------------


def counting(body):
    return GEMINI.parse("count", json.dumps(body).encode(), "/v1beta/models/default:countTokens")


@pytest.mark.parametrize(
    "body", [{"contents": [HI]}, {"generate_content_request": {"model": "models/x", "contents": [HI]}}]
)
def test_counts_are_asked_for_whole_requests(wire, body):
    """In whichever of the two forms a caller asks."""
    request = counting(body)
    assert (request.operation, request.model, request.stream) == ("count", "default", False)
    sent, outgoing = encoded(wire, request)
    assert sent == {"generateContentRequest": {"model": "models/m-1", "contents": [HI]}}
    assert outgoing.path == b"/v1beta/models/m-1:countTokens"
    reply = GEMINI.decode(b'{"totalTokens": 7}', request, wire.target("gemini"))
    assert (reply.tokens, json.loads(GEMINI.render(reply, request))) == (7, {"totalTokens": 7})
    reply.raw = b""
    assert GEMINI.render(reply, request) == b'{"totalTokens":7}'


def test_what_is_no_count(wire):
    """Both forms at once, nothing, an answer without a number, an error."""
    for body in ({}, {"contents": [HI], "generateContentRequest": {}}, {"generateContentRequest": {}}):
        with pytest.raises(Caller):
            counting(body)
    request = counting({"contents": [HI]})
    with pytest.raises(BadResponse):
        GEMINI.decode(b"{}", request, wire.target("gemini"))
    with pytest.raises(Transient):
        GEMINI.decode(b'{"error":{"status":"UNAVAILABLE"}}', request, wire.target("gemini"))


# -- the laws ----------------------------------------------------------------------------------------------------

FILE = st.builds(m.Document, data=st.just(PDF), media_type=st.just("application/pdf"))


@st.composite
def chats(draw):
    """Conversations that Google can say: a system, then turns of user and model, with tools."""
    messages = [m.Message("system", (draw(TEXT),))] if draw(st.booleans()) else []
    for number in range(draw(st.integers(1, 3))):
        messages.append(m.Message("user", tuple(draw(st.lists(TEXT | IMAGE | FILE, min_size=1, max_size=3)))))
        calls = tuple(m.ToolCall(f"c{number}{n}", draw(IDS), draw(ARGUMENTS)) for n in range(draw(st.integers(0, 2))))
        thought = (m.Reasoning("", "gemini:Q3M="),) if calls and draw(st.booleans()) else ()
        messages.append(m.Message("assistant", (draw(TEXT), *thought, *calls)))
        messages += [m.Message("tool", (m.ToolResult(call.id, (draw(TEXT),), draw(st.booleans())),)) for call in calls]
    messages.append(m.Message("user", (draw(TEXT),)))
    tools = tuple(draw(st.lists(st.builds(m.Tool, IDS, WORDS, st.just({"type": "object"})), max_size=2)))
    return m.Chat(
        tuple(messages),
        tools=tools,
        tool_choice=draw(st.sampled_from([None, "auto", "any", "none", "pick"])) if tools else None,
        max_tokens=draw(st.none() | st.integers(1, 9999)),
        temperature=draw(st.none() | st.floats(0, 1)),
        top_p=draw(st.none() | st.floats(0, 1)),
        stop=tuple(draw(st.lists(WORDS, max_size=5))),
        seed=draw(st.none() | st.integers(-(2**31), 2**31 - 1)),
        schema=draw(st.none() | st.sampled_from([m.Schema(), m.Schema({"type": "object"})])),
        effort=draw(st.sampled_from([None, "none", "low", "medium", "high"])),
        extra=draw(st.sampled_from([{}, {"top_k": 3}, {"presence_penalty": 0.5, "frequency_penalty": 0.25}])),
    )


@given(chat=chats())
def test_chats_survive_being_written(wire, chat):
    """What is written for Google reads the same again, and nothing is named as dropped."""
    outgoing = GEMINI.encode(m.Request(model="x", read=lambda _: chat), wire.target("gemini", reasoning=True))
    back = GEMINI.parse("chat", outgoing.body, outgoing.path.decode()).content()
    assert outgoing.dropped == ()
    assert said(back) == said(chat)
    for name in m.Chat.__struct_fields__:
        assert name == "messages" or getattr(back, name) == getattr(chat, name)


REPLIES = st.tuples(
    st.builds(m.Reasoning, WORDS) | st.none(),
    TEXT | st.none(),
    st.lists(st.tuples(st.booleans(), st.builds(m.ToolCall, IDS, IDS, ARGUMENTS)), max_size=3),
)


@given(said=REPLIES, finish=st.sampled_from(["stop", "length", "content_filter"]))
def test_answers_survive_being_rendered(wire, said, finish):
    """What a caller of Google's is told reads the same again, whole and streamed."""
    thought, text, calls = said
    signed = [[m.Reasoning("", "gemini:Q3M="), call] if with_signature else [call] for with_signature, call in calls]
    parts = tuple(part for part in (thought, text, *(part for pair in signed for part in pair)) if part is not None)
    finish = "tool_calls" if calls and finish == "stop" else finish
    usage = m.Usage(9, 8, 3, 0, 2)
    reply = m.Reply(id="r", model="m", finish=finish, usage=usage, read=lambda: parts)
    back = GEMINI.decode(GEMINI.render(reply, wire.ask_gemini()), wire.ask(), wire.target("gemini"))
    assert (said_by(back.parts), back.finish, back.usage) == (said_by(parts), finish, usage)
    data = streamed(wire, parts, finish, usage)
    batch, _ = wire.read("gemini", data, size=13)
    assert (said_by(heard(batch.chunks)), wire.usage(batch.chunks)) == (said_by(parts), usage)
    assert [chunk.finish for chunk in batch.chunks if chunk.finish] == [finish]


def said_by(parts):
    """The parts with each signature on the thoughts before it."""
    joined = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, m.Reasoning) and isinstance(last, m.Reasoning) and not part.text and not last.signature:
            joined[-1] = m.Reasoning(last.text, part.signature)
        else:
            joined.append(part)
    return joined


def streamed(wire, parts, finish, usage):
    """The parts as a writer tells them, each tool call in two pieces."""
    writer = GEMINI.writer(wire.ask_gemini(stream=True))
    data, number = writer.start(m.Opening("r", "m")), 0
    for part in parts:
        match part:
            case m.Reasoning():
                data += writer.write([m.Chunk(reasoning=part.text, signature=part.signature)])
            case m.Text():
                data += writer.write([m.Chunk(part.text)])
            case m.ToolCall():
                data += writer.write([m.Chunk(tool=m.ToolDelta(number, part.id, part.name, part.arguments[:1]))])
                data += writer.write([m.Chunk(tool=m.ToolDelta(number, arguments=part.arguments[1:]))])
                number += 1
    return data + writer.write([m.Chunk(finish=finish, usage=usage)]) + writer.end()


def heard(chunks):
    """The parts that chunks make."""
    for chunk in chunks:
        if chunk.reasoning or chunk.signature:
            yield m.Reasoning(chunk.reasoning, chunk.signature)
        if chunk.text:
            yield m.Text(chunk.text)
        if chunk.tool is not None:
            yield m.ToolCall(chunk.tool.id, chunk.tool.name, chunk.tool.arguments)


def test_a_stream_of_several_answers_ends_with_all_of_them(wire):
    """Each with its own finish reason."""
    writer = GEMINI.writer(wire.ask_gemini(stream=True))
    data = writer.start(m.Opening("r", "m")) + writer.write([m.Chunk("a"), m.Chunk("b", choice=1)])
    data += writer.write([m.Chunk(finish="stop"), m.Chunk(finish="length", choice=1)]) + writer.end()
    batch, _ = wire.read("gemini", data)
    assert [(chunk.choice, chunk.finish) for chunk in batch.chunks if chunk.finish] == [(0, "stop"), (1, "length")]


def test_a_writer_goes_on_behind_the_provider_s_bytes(wire):
    """Under the same id, with one end."""
    writer = GEMINI.writer(wire.ask_gemini(stream=True))
    data = writer.go_on(m.Opening("r", "m")) + writer.write([m.Chunk(" rest"), m.Chunk(finish="stop")])
    first, last = (json.loads(line[6:]) for line in (data + writer.end()).decode().splitlines() if line)
    assert (first["responseId"], first["candidates"][0]["content"]["parts"]) == ("r", [{"text": " rest"}])
    assert last["candidates"][0]["finishReason"] == "STOP"
    assert GEMINI.writer(wire.ask_gemini()).end() == b""


def test_what_has_ended_in_the_provider_s_bytes_is_not_ended_again(wire):
    """The finish stands in them, and so does the usage; both are told once."""
    writer = GEMINI.writer(wire.ask_gemini(stream=True))
    told = writer.go_on(m.Opening("r", "m")) + writer.write([m.Chunk(usage=m.Usage(3, 2))])
    assert told + writer.end() == b""
