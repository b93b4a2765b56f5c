"""A simulated Ollama: what its official client gets from it, and what it refuses."""

import asyncio
import json

import ollama
import pytest

from outlast.lab.answer import Asked, compose
from outlast.lab.metering import Meter
from outlast.lab.rendering import answer_body, answer_events
from outlast.lab.vendors.demands import Refusal, check
from outlast.testing import SimulatedProvider, cut, error_event, ok, status

HI = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}
CALL = {"function": {"name": "f", "arguments": {}}}
JSON = {"content-type": "application/json"}


@pytest.fixture
def provider():
    with SimulatedProvider(models=("sim-ok", "other")) as running:
        yield running


@pytest.fixture
def client(provider):
    with ollama.Client(provider.base_url("alpha", vendor="ollama"), trust_env=False) as made:
        yield made


def test_whole_and_streamed(provider, client):
    """The same words both ways, the reason and the tokens at the end."""
    provider.script("alpha", ok("one two three"), ok("one two three"))
    reply = client.chat("m", HI)
    assert (reply.message.content, reply.done_reason, reply.eval_count) == ("one two three", "stop", 3)
    parts = list(client.chat("m", HI, stream=True))
    assert "".join(part.message.content for part in parts) == "one two three"
    assert [part.done for part in parts] == [False, False, False, True]
    seen = provider.wait(2, "alpha", ended=True)
    assert [(one.bill.prompt > 0, one.bill.completion, one.complete) for one in seen] == [(True, 3, True)] * 2


def test_tools_schemas_thoughts_and_limits(provider, client):
    """A tool when one is called for, an instance of the schema, thoughts if asked for, no more than wanted."""
    for stream in (False, True):
        said = client.chat("m", [{"role": "user", "content": "the weather?"}], tools=[TOOL], stream=stream)
        parts = list(said) if stream else [said]
        calls = [call for part in parts for call in part.message.tool_calls or ()]
        assert [(call.function.name, call.function.arguments) for call in calls] == [("get_weather", {})]
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    assert json.loads(client.chat("m", HI, format=schema).message.content) == {"city": "text"}
    assert json.loads(client.chat("m", HI, format="json").message.content) == {}
    assert client.chat("m", HI, think=True).message.thinking == "Let me see."
    short = client.chat("m", HI, options={"num_predict": 2})
    assert (short.eval_count, short.done_reason) == (2, "length")


def test_embeddings_and_models(provider, client):
    """A row for each text, always the same; and the list of models."""
    one, two = client.embed("m", ["a", "b"], dimensions=4).embeddings
    assert len(one) == len(two) == 4
    assert client.embed("m", "a", dimensions=4).embeddings == [one]
    assert {model.model for model in client.list().models} == {"sim-ok", "other"}


def test_errors(provider, client):
    """By status, inside a stream, and a connection that is cut."""
    provider.script("alpha", 503, status(404), status(500, message="broken"))
    for code, words in [(503, "maximum pending"), (404, "try pulling"), (500, "broken")]:
        with pytest.raises(ollama.ResponseError, match=words) as failed:
            client.chat("m", HI)
        assert failed.value.status_code == code
    provider.script("alpha", error_event(after=2), cut(after=2))
    parts = client.chat("m", HI, stream=True)
    with pytest.raises(ollama.ResponseError, match="failed"):
        list(parts)
    with pytest.raises(Exception, match="peer closed"):
        list(client.chat("m", HI, stream=True))


def test_the_async_client(provider):
    """As well."""

    async def told():
        async with ollama.AsyncClient(provider.base_url("alpha", vendor="ollama"), trust_env=False) as client:
            provider.script("alpha", ok("one two"))
            return [part.message.content async for part in await client.chat("m", HI, stream=True)]

    assert "".join(asyncio.run(told())) == "one two"


def chat(**fields):
    return Asked("ollama", "chat", {"model": "m", "messages": HI} | fields)


@pytest.mark.parametrize(
    "asked",
    [
        chat(stream=False, keep_alive="5m", truncate=False, shift=True, logprobs=True, top_logprobs=2),
        chat(keep_alive=-1, think="low", format="", tools=[]),
        chat(
            tools=[TOOL], format={"type": "object"}, options={"num_ctx": 4096, "stop": ["a"], "min_p": 0.1, "seed": -1}
        ),
        chat(messages=[{"role": "user", "content": "x", "images": ["AAAA"]}]),
        chat(
            messages=[
                *HI,
                {"role": "assistant", "tool_calls": [CALL]},
                {"role": "tool", "content": "x", "tool_name": "f"},
            ]
        ),
        chat(model="gpt-oss:20b", think=True, tools=[TOOL]),
        Asked("ollama", "embeddings", {"model": "m", "input": ["a"], "truncate": False, "dimensions": 4}),
    ],
)
def test_what_is_good_is_taken(asked):
    """Strictness must not refuse what its clients send."""
    check(asked, JSON)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (chat(model=""), "model is required"),
        (chat(messages=[]), "messages must not be empty"),
        (chat(messages="hi"), "cannot unmarshal string into Go struct field messages of type array"),
        (chat(messages=[{"role": "developer", "content": "x"}]), "messages.0.role"),
        (chat(messages=[{"role": "user", "content": [{"type": "text"}]}]), "messages.0.content of type string"),
        (chat(messages=[{"role": "user", "content": "x", "images": ["https://x/y.png"]}]), "illegal base64"),
        (chat(messages=[{"role": "user"}]), "messages.0.content is required"),
        (chat(messages=[{"role": "tool", "content": "x"}]), "without a call"),
        (
            chat(messages=[{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}]),
            "object",
        ),
        (chat(temperature=1), 'unknown field "temperature"'),
        (chat(max_tokens=1), 'unknown field "max_tokens"'),
        (chat(tool_choice="auto"), 'unknown field "tool_choice"'),
        (chat(options={"max_tokens": 1}), 'unknown field "options.max_tokens"'),
        (chat(options={"num_predict": "many"}), "options.num_predict"),
        (chat(options={"stop": "x"}), "options.stop"),
        (chat(format="xml"), "invalid format"),
        (chat(think="much"), "invalid think value"),
        (chat(top_logprobs=21), "top_logprobs must be at most 20"),
        (chat(stream="yes"), "stream"),
        (chat(tools=[{"type": "function", "function": {"name": "f"}}]), "parameters is required"),
        (chat(model="llama3.3", think=True), "does not support thinking"),
        (chat(model="gpt-oss:20b", truncate=False, options={"num_ctx": 4}), "exceeds the context length"),
        (chat(model="text-embedding-3-small"), "does not support chat"),
        (Asked("ollama", "embeddings", {"model": "m", "input": ""}), "invalid input"),
        (Asked("ollama", "embeddings", {"model": "m", "input": [1, 2]}), "input.0"),
        (Asked("ollama", "embeddings", {"model": "m", "input": ["a"], "encoding_format": "float"}), "encoding_format"),
        (Asked("ollama", "embeddings", {"model": "llama3.3", "input": ["a"]}), "does not support embeddings"),
    ],
)
def test_what_is_wrong_is_refused(asked, words):
    """In its own words, with the field; also what the real one would pass over without a word."""
    with pytest.raises(Refusal) as refused:
        check(asked, JSON)
    assert words in refused.value.message


def test_a_header_of_others_is_refused():
    """A client that sends it means somebody else."""
    with pytest.raises(Refusal):
        check(chat(), {**JSON, "anthropic-version": "2023-06-01"})


@pytest.mark.parametrize(
    "fields", [{}, {"think": True}, {"tools": [TOOL], "messages": [{"role": "user", "content": "tool"}]}]
)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_pieces_are_counted_however_the_bytes_are_cut(fields, size):
    """Each line with words or thoughts is a piece, and so is a tool call; the end tells the tokens."""
    asked = chat(**fields)
    said = compose(asked)
    data = b"".join(event.data for event in answer_events(asked, said))
    meter = Meter(asked)
    for at in range(0, len(data), size):
        meter.feed(data[at : at + size])
    pieces = 1 if said.tool else len(said.tokens) + bool(fields)
    assert (meter.pieces, meter.tokens, meter.finished) == (pieces, len(said.tokens), True)
    whole = Meter(chat(stream=False, **fields))
    whole.feed(answer_body(asked, said))
    assert whole.whole().completion == len(said.tokens)
