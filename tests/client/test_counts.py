"""`count`: how many tokens a conversation has, and who says so; `fit`: what happens when these are too many."""

import asyncio
import json

import pytest

from outlast import AsyncClient, Client
from outlast.config import parse
from outlast.model.errors import Caller, ContextLength
from outlast.model.tokens import count
from outlast.testing import status

WORDS = "How long is the coast of Norway, with all its fjords and islands?"
TOOLS = [{"type": "function", "function": {"name": "measure", "description": "Measure a coast.", "parameters": {}}}]
SMALL = "[providers.alpha.models.m]\nwindow = 2000\n"
SHAPE = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
LONG = [
    *(
        {"role": role, "content": f"{place} " + "tell me more " * 30}
        for place in range(20)
        for role in ("user", "assistant")
    ),
    {"role": "user", "content": "And now?"},
]


@pytest.fixture
def small(config):
    """A client of one target whose window is small."""
    with Client(config(SMALL, providers=("alpha",))) as client:
        yield client


@pytest.mark.parametrize(
    ("dialect", "path"),
    [
        ("anthropic", "/v1/messages/count_tokens"),
        ("gemini", "/models/m:countTokens"),
    ],
)
def test_a_provider_that_counts_is_asked_in_its_own_words(provider, config, dialect, path):
    with Client(config(providers=("alpha",), dialects={"alpha": dialect})) as client:
        counted = client.count(WORDS, tools=TOOLS, max_tokens=50, temperature=0.5, stream=True, logit_bias={"1": 2})
    (seen,) = provider.requests("alpha")
    assert seen.path.endswith(path)
    assert b"Norway" in seen.body
    assert b"measure" in seen.body
    assert (counted.tokens > 0, counted.estimated, counted.source, counted.target) == (
        True,
        False,
        "primary",
        "alpha/m",
    )


def test_who_speaks_responses_beside_chat_completions_counts_too(provider, toml):
    text = toml(providers=("alpha",)).replace("key =", 'quirks = {also = ["responses"]}\nkey =')
    with Client(parse(text, {})) as client:
        assert not client.count(WORDS, tools=TOOLS, max_tokens=50, logit_bias={"1": 2}).estimated
    assert provider.requests("alpha")[0].path.endswith("/responses/input_tokens")


def test_where_nobody_counts_we_do_and_say_so(provider, config):
    with Client(config()) as client:
        counted = client.count(WORDS)
        more = client.count(
            [{"role": "system", "content": "Be brief."}, {"role": "user", "content": WORDS}], tools=TOOLS
        )
    assert (counted.estimated, counted.source, counted.usage.input) == (True, "estimate", 0)
    assert count(WORDS, "llama3") <= counted.tokens < more.tokens
    assert provider.requests() == []


def test_when_who_counts_fails_we_do(provider, config):
    provider.script("alpha", default=status(500))
    with Client(config(providers=("alpha",), dialects={"alpha": "anthropic"})) as client:
        assert client.count(WORDS).estimated


def test_it_is_there_with_an_event_loop_too(config):
    async def counted():
        async with AsyncClient(config()) as client:
            return await client.count(WORDS)

    assert asyncio.run(counted()).estimated


def test_what_is_wrong_with_the_request_is_told(config):
    with Client(config()) as client:
        with pytest.raises(Caller, match="messages"):
            client.count([])
        with pytest.raises(Caller, match="does not exist"):
            client.count(WORDS, model="none")


def test_what_is_too_long_is_shortened_where_the_call_wants_it(provider, small):
    reply = small.chat(LONG, max_tokens=100, fit="drop_oldest")
    sent = provider.requests("alpha")[0].json["messages"]
    assert (reply.cut.fit, reply.cut.of, reply.cut.messages) == ("drop_oldest", 41, 41 - len(sent))
    assert sent[-1] == {"role": "user", "content": "And now?"}


def test_every_way_of_asking_takes_it(provider, config):
    shape = {"max_tokens": 100, "fit": "middle_out"}
    with Client(config(SMALL, providers=("alpha",))) as client:
        assert client.answer(LONG, **shape).response.cut.fit == "middle_out"
        with client.stream(LONG, **shape) as stream:
            assert (stream.cut.fit, stream.degraded, stream.attempts, stream.dropped) == ("middle_out", False, 1, ())
        assert client.extract(LONG, schema=SHAPE, **shape).reply.cut.fit == "middle_out"
        with client.extract_stream(LONG, schema=SHAPE, **shape) as parts:
            assert list(parts)
        assert parts.stream.cut.fit == "middle_out"
    assert all(json.loads(seen.body)["messages"][0]["content"].startswith("0 ") for seen in provider.requests("alpha"))


def test_the_call_s_own_word_goes_before_the_route_s(config):
    text = SMALL + '[routes.short]\ntargets = ["alpha/m"]\nfit = "drop_oldest"\n'
    with Client(config(text, providers=("alpha",))) as client:
        assert client.chat(LONG, model="short", max_tokens=100).cut is not None
        with pytest.raises(ContextLength):
            client.chat("tell me more " * 4000, model="short", max_tokens=100)
        assert client.chat(LONG[-3:], model="short", max_tokens=100, fit="error").cut is None


@pytest.mark.parametrize(("wrong", "said"), [({"fit": "drop_odest"}, "drop_oldest"), ({"priority": "hihg"}, "high")])
def test_a_misspelt_word_is_told_with_the_known_ones(provider, config, wrong, said):
    with Client(config()) as client, pytest.raises(ValueError, match=f"must be one of .*{said}"):
        client.chat("hi", **wrong)
    assert provider.requests() == []
