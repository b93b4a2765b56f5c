"""The simulated Cohere: what it answers, whole and streamed, and what it refuses, as the vendor would."""

import json

import pytest
from tests.dialects.conftest import Wire

from outlast.dialects import DIALECTS
from outlast.lab.answer import Asked, compose
from outlast.lab.metering import Meter
from outlast.lab.metering import Usage as Metered
from outlast.lab.reception import whereabouts
from outlast.lab.rendering import answer_body, answer_events
from outlast.lab.vendors.cohere_side import error, error_event, ping
from outlast.lab.vendors.demands import Refusal, check
from outlast.model.messages import Usage

COHERE = DIALECTS["cohere"]
HI = [{"role": "user", "content": "hi"}]
JSON = {"content-type": "application/json"}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}
CALL = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
CALLING = {"role": "assistant", "tool_plan": "look", "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "sunny"}


def chat(**fields):
    return Asked("cohere", "chat", {"model": "m", "messages": HI} | fields, provider="alpha", number=7)


def embed(**fields):
    return Asked("cohere", "embeddings", {"model": "e", "input_type": "search_query"} | fields, number=7)


def request_of(asked):
    operation = "embed" if asked.kind == "embeddings" else "chat"
    return COHERE.parse(operation, json.dumps(asked.body).encode())


def answered(wire, asked):
    """The whole answer, as the library reads it."""
    return COHERE.decode(answer_body(asked, compose(asked)), request_of(asked), wire.target("cohere"))


def streamed(wire, asked):
    """The streamed answer, as the library reads it."""
    data = b"".join(event.data for event in answer_events(asked, compose(asked)))
    batch, _ = wire.read("cohere", data, request_of(asked))
    assert batch.last
    return batch.chunks


@pytest.fixture(scope="module")
def wire():
    """Reads answers as the library does."""
    return Wire()


@pytest.mark.parametrize(
    ("fields", "text", "finish"),
    [
        ({}, "This is the simulated provider alpha, no model at all. You said: hi", "stop"),
        ({"max_tokens": 2}, "This is", "length"),
        ({"response_format": {"type": "json_object", "json_schema": PARAMETERS}}, '{"city": "text"}', "stop"),
        ({"response_format": {"type": "json_object"}}, "{}", "stop"),
        ({"tools": [TOOL], "tool_choice": "NONE"}, "This is", "stop"),
    ],
)
def test_words(wire, fields, text, finish):
    """Whole and streamed alike."""
    reply = answered(wire, chat(**fields))
    assert reply.text.startswith(text)
    assert (reply.finish, reply.usage.input > 0) == (finish, True)
    chunks = streamed(wire, chat(stream=True, **fields))
    assert "".join(chunk.text for chunk in chunks) == reply.text
    assert (chunks[-1].finish, chunks[-1].usage) == (finish, reply.usage)


def test_a_tool_call(wire):
    """Its plan, its id, its name, and arguments that its schema accepts."""
    asked = chat(tools=[TOOL], tool_choice="REQUIRED")
    reply = answered(wire, asked)
    assert (reply.finish, reply.tool_calls[0].name, reply.tool_calls[0].arguments) == (
        "tool_calls", "get_weather", '{"city": "text"}',
    )  # fmt: skip
    chunks = streamed(wire, chat(tools=[TOOL], tool_choice="REQUIRED", stream=True))
    assert "".join(chunk.tool.arguments for chunk in chunks if chunk.tool) == '{"city": "text"}'
    assert chunks[0].reasoning


def test_thoughts(wire):
    """Where the model is told to think; none where it is told not to."""
    asked = {"thinking": {"type": "enabled", "token_budget": 9}, "max_tokens": 2}
    assert [type(part).__name__ for part in answered(wire, chat(**asked)).parts] == ["Reasoning", "Text"]
    chunks = streamed(wire, chat(stream=True, **asked))
    assert (bool(chunks[0].reasoning), "".join(chunk.text for chunk in chunks)) == (True, "This is")
    assert len(answered(wire, chat(thinking={"type": "disabled"})).parts) == 1


def test_citations_and_likelihoods():
    """Where there are documents, and where they are asked for."""
    asked = chat(documents=["x"], logprobs=True)
    told = json.loads(answer_body(asked, compose(asked)))
    assert (told["message"]["citations"][0]["text"], told["logprobs"][0]["text"]) == ("This", "This")
    kinds = [json.loads(event.data.partition(b"data: ")[2])["type"] for event in answer_events(asked, compose(asked))]
    assert kinds[-4:] == ["citation-start", "citation-end", "content-end", "message-end"]
    assert b"citations" not in answer_body(chat(documents=["x"], citation_options={"mode": "OFF"}), compose(asked))


@pytest.mark.parametrize("kind", ["float", "base64", "int8", "ubinary"])
def test_vectors(wire, kind):
    """One for each input, the same each time."""
    first, second = (answered(wire, embed(texts=["a", "b", "a"], embedding_types=[kind])) for _ in range(2))
    assert first.vectors == second.vectors
    assert first.vectors[0] == first.vectors[2] != first.vectors[1]
    assert len(first.vectors[0]) == 8
    assert first.usage == Usage(5)


def test_errors():
    """Words alone; in a stream an end that was given up."""
    assert error(400, "is wrong", param="k")["message"] == "k: is wrong"
    assert b'"finish_reason":"ERROR"' in error_event("x").data
    assert ping().data == b": ping\n\n"


def test_what_is_sent_is_counted():
    """Pieces and tokens of a stream, and whether it was complete; what a whole answer says of its use."""
    for asked, pieces, tokens in (
        (chat(stream=True, max_tokens=3), 3, 3),
        (chat(stream=True, tools=[TOOL], tool_choice="REQUIRED"), 4, 2),
    ):
        meter = Meter(asked)
        for event in answer_events(asked, compose(asked))[:-1]:
            meter.feed(event.data)
        assert (meter.pieces, meter.tokens, meter.finished) == (pieces, tokens, False)
        meter.feed(error_event("x").data)
        assert not meter.finished
        meter.feed(answer_events(asked, compose(asked))[-1].data)
        assert meter.finished
    whole = Meter(chat(max_tokens=3))
    assert whole.whole(answer_body(chat(max_tokens=3), compose(chat(max_tokens=3)))) == Metered(9, 3)
    assert whole.whole(b'{"message":"no"}') is None
    assert Meter(embed()).whole(answer_body(embed(texts=["abcdefgh"]), compose(embed()))) == Metered(4)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/v2/chat", ("", "v2/chat")), ("/alpha/v2/chat?x=1", ("alpha", "v2/chat")),
        ("/a/b/v2/embed", ("a/b", "v2/embed")), ("/v1/chat/completions", ("", "chat/completions")),
        ("/v2/v1/messages", ("v2", "messages")),
    ],
)  # fmt: skip
def test_where_a_request_goes(path, place):
    """A provider's name before the version."""
    assert whereabouts(path) == place


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}
DOCUMENT = {"type": "document", "document": {"data": {"a": "b"}}}
THINKING = {"role": "assistant", "content": [{"type": "thinking", "thinking": "x"}, {"type": "text", "text": "y"}]}


@pytest.mark.parametrize(
    "asked",
    [
        chat(),
        chat(tools=[TOOL], tool_choice="REQUIRED", strict_tools=True, stream=True),
        chat(messages=[{"role": "system", "content": "x"}, *HI, CALLING, RESULT]),
        chat(messages=[{"role": "user", "content": [{"type": "text", "text": "x"}, IMAGE, DOCUMENT]}, THINKING]),
        chat(documents=["x", {"data": "y", "id": "1"}], citation_options={"mode": "FAST"}),
        chat(k=0, p=0.5, seed=0, temperature=0, stop_sequences=["a"] * 5, safety_mode="STRICT", priority=1),
        chat(thinking={"type": "enabled", "token_budget": 5}, frequency_penalty=1, logprobs=True),
        embed(texts=["a"]), embed(images=["data:image/png;base64,AAAA"], embedding_types=["int8"]),
        embed(inputs=[{"content": [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "y"}}]}]),
    ],
)  # fmt: skip
def test_it_takes_what_is_good(asked):
    """Strictness must not refuse what the official client sends."""
    check(asked, JSON | {"authorization": "Bearer any"})


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        (chat(model=""), 400, "a model parameter is required"),
        (chat(top_p=1), 422, "parameter 'top_p' is not a valid field"),
        (chat(tools=[{**TOOL, "function": TOOL["function"] | {"strict": True}}]), 422, "parameter 'strict'"),
        (chat(tools=[{"type": "function", "function": {"name": "f"}}]), 400, "parameters is required"),
        (chat(temperature="hot"), 422, "temperature is of the wrong type"),
        (chat(temperature=1.1), 400, "temperature must be at most 1"),
        (chat(p=0), 400, "p must be at least 0.01"),
        (chat(seed=-1), 400, "seed must be at least 0"),
        (chat(stop_sequences=["a"] * 6), 400, "at most 5 items"),
        (chat(messages=[]), 400, "messages must not be empty"),
        (chat(tools=[TOOL], tool_choice="auto"), 400, "tool_choice must be one of"),
        (chat(tool_choice="NONE"), 400, "tool_choice requires tools"),
        (chat(messages=[*HI, {"role": "system", "content": "x"}]), 400, "system turn must be the first"),
        (chat(messages=[{"role": "system", "content": "x"}]), 400, "other than the system's"),
        (chat(messages=[{"role": "user", "content": ""}]), 400, "message must not be empty in a turn"),
        (chat(messages=[*HI, {"role": "assistant", "tool_plan": "x"}]), 400, "message must not be empty in a turn"),
        (chat(messages=[*HI, RESULT]), 400, "must answer a call"),
        (chat(messages=[*HI, CALLING]), 400, "answers the calls c1"),
        (chat(messages=[*HI, CALLING, *HI]), 400, "answers the calls c1"),
        (chat(response_format={"type": "json_object"}, tools=[TOOL]), 400, "not supported with tools"),
        (chat(safety_mode="OFF", documents=["x"]), 400, "not supported with documents"),
        (chat(frequency_penalty=0.5, presence_penalty=0.5), 400, "cannot specify both"),
        (chat(model="command-a-03-2025", max_tokens=8193), 400, "too many tokens: max tokens must be"),
        (chat(model="command-a-03-2025", thinking={"type": "enabled"}), 400, "does not support thinking"),
        (chat(model="command-a-03-2025", documents=["word " * 250_000]), 400, "too many tokens: size limit exceeded"),
        (chat(model="embed-v4.0"), 400, "not supported by the chat API"),
        (embed(), 400, "exactly one of"),
        (embed(texts=["a"], images=["b"]), 400, "exactly one of"),
        (embed(texts=["a"], input_type=None), 400, "valid input_type"),
        (embed(texts=["a"] * 97), 400, "at most 96 items"),
        (embed(texts=["a"], model="command-a-03-2025"), 400, "not supported by the embed API"),
    ],
)
def test_it_refuses_what_is_not(asked, status, words):
    """In the vendor's own words, which the library understands."""
    with pytest.raises(Refusal) as found:
        check(asked, JSON)
    assert words in found.value.message
    assert found.value.status == status
