"""OpenAI's kin, simulated: what each refuses that OpenAI takes, and how each answers."""

import json

import pytest

from outlast.config.errors import ConfigError
from outlast.lab.answer import Asked, compose
from outlast.lab.conduct import conduct_of
from outlast.lab.rendering import answer_body, answer_events
from outlast.lab.vendors.accents import headers
from outlast.lab.vendors.demands import Refusal, check
from outlast.testing import Conduct, Limits, SimulatedProvider

JSON = {"content-type": "application/json"}
HI = {"role": "user", "content": "hi"}
TOOL = {"type": "function", "function": {"name": "f"}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "x"}
BEGUN = {"role": "assistant", "content": "one", "prefix": True}


def ask(accent, prefill="message", **fields):
    body = {"model": "m", "messages": [HI]} | fields
    return Asked(body=body, accent=accent, prefill=prefill, provider="alpha")


@pytest.mark.parametrize(
    "asked",
    [
        ask("mistral", tools=[TOOL], tool_choice="any", random_seed=3, safe_prompt=True, max_tokens=9),
        ask("mistral", prefill="prefix", messages=[HI, BEGUN]),
        ask("groq", reasoning_format="parsed", max_completion_tokens=9, seed=1, n=1),
        ask("deepseek", messages=[HI, CALLED | {"reasoning_content": ""}, RESULT, HI | {"name": "bob"}]),
        ask("deepseek", prefill="prefix", messages=[HI, BEGUN], thinking={"type": "enabled"}),
        ask("together", top_k=3, reasoning={"enabled": True}, seed=1, max_tokens=9),
    ],
)
def test_they_take_what_is_good(asked):
    """What OpenAI does not know among it."""
    check(asked, JSON)


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        (ask("mistral", seed=3), 422, "not permitted: seed"),
        (ask("mistral", max_completion_tokens=3), 422, "not permitted: max_completion_tokens"),
        (ask("mistral", messages=[HI | {"name": "bob"}]), 422, "messages[0].name"),
        (ask("mistral", tools=[TOOL], tool_choice="required"), 422, "'auto', 'none' or 'any'"),
        (ask("mistral", prefill="prefix", messages=[HI, {"role": "assistant", "content": "x"}]), 400, "prefix True"),
        (ask("groq", logprobs=True), 400, "property 'logprobs' is unsupported"),
        (ask("groq", n=2), 400, "number must be at most 1"),
        (ask("groq", messages=[{"role": "assistant", "content": "x", "reasoning_content": "y"}]), 400, "unsupported"),
        (ask("deepseek", messages=[HI, CALLED, RESULT]), 400, "must be passed back"),
        (ask("deepseek", messages=[{"role": "assistant", "content": "x", "reasoning_content": "y"}]), 400, "must not"),
        (ask("deepseek", prefill="none", messages=[HI, BEGUN]), 400, "beta"),
        (ask("together", max_completion_tokens=3), 400, "unsupported"),
        (ask("together", temperature="hot"), 400, "Invalid type for 'temperature'"),
        (ask("groq", messages="hi"), 400, "Invalid type for 'messages'"),
    ],
)
def test_they_refuse_what_is_not(asked, status, words):
    """Each in its own words, and OpenAI's for the rest."""
    with pytest.raises(Refusal) as found:
        check(asked, JSON)
    assert (found.value.status, words in found.value.message) == (status, True), found.value.message


def test_their_answers():
    """Finish reasons, thoughts, and where the usage is."""
    told = {
        name: json.loads(answer_body(ask(name), compose(ask(name)))) for name in ("together", "deepseek", "groq", "")
    }
    assert told["together"]["choices"][0]["finish_reason"] == "eos"
    assert told["groq"] == told[""]
    assert told["deepseek"]["choices"][0]["message"]["reasoning_content"]
    assert told["deepseek"]["usage"]["prompt_cache_miss_tokens"] == told["deepseek"]["usage"]["prompt_tokens"]


def chunks(accent):
    asked = ask(accent, stream=True)
    return [json.loads(event.data[6:]) for event in answer_events(asked, compose(asked))[:-1]]


def test_their_streams():
    """The same, piece by piece."""
    assert chunks("together")[-1]["choices"][0]["finish_reason"] == "eos"
    assert chunks("deepseek")[1]["choices"][0]["delta"] == {"reasoning_content": "The user says something."}
    assert chunks("mistral")[-1]["usage"]["completion_tokens"] > 5
    first, *_, last = chunks("groq")
    assert ("usage" in first["x_groq"], last["x_groq"]["usage"]["completion_tokens"] > 5) == (False, True)
    assert "usage" not in chunks("")[-1]


def test_together_s_headers():
    """Tokens have names of their own there."""
    pairs = [("x-ratelimit-remaining-tokens", "3"), ("x-ratelimit-remaining-requests", "1")]
    assert headers("together", pairs) == [("x-tokenlimit-remaining", "3"), pairs[1]]
    assert headers("groq", pairs) == pairs


def test_an_accent_is_conduct():
    """Told as everything else; over the wire with its headers."""
    assert conduct_of({"accent": "groq"}).accent == "groq"
    with pytest.raises(ConfigError, match="accent"):
        conduct_of({"accent": "klingon"})
    with SimulatedProvider() as provider:
        provider.conduct("alpha", Conduct(accent="together", limits=Limits(tokens_per_minute=1000)))
        assert provider.conducted("alpha").accent == "together"
