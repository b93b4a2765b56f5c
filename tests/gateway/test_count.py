"""Counts of tokens through Anthropic's official SDK: the provider's number where one counts, else our estimate."""

import json

import anthropic
import pytest

from outlast.model.events import CountEstimated
from outlast.testing import status

from .sdks import CLAUDE_TOOL, HI

CLAUDES = {"alpha": "anthropic", "beta": "anthropic"}
PATH = "/v1/messages/count_tokens"


@pytest.fixture
def sdk(open_house, claude_of):
    """The SDK before a gateway whose providers speak its dialect."""
    return claude_of(open_house("[retry]\nbase = 0.001", dialects=CLAUDES))


def counted(sdk, **fields):
    """The answer to a count, with its headers."""
    fields = {"model": "default", "messages": HI, **fields}
    raw = sdk.do(sdk.client.messages.with_raw_response.count_tokens(**fields))
    return sdk.do(raw.parse()).input_tokens, raw.headers


def test_the_provider_s_own_count(provider, sdk):
    """The simulated provider refuses any field that a count does not take."""
    tokens, headers = counted(sdk, system="Be brief.", tools=[CLAUDE_TOOL], thinking={"type": "disabled"})
    seen = provider.requests("alpha")[0]
    assert seen.path.partition("?")[0] == f"/alpha{PATH}"
    assert (seen.json["model"], tokens > 0) == ("m", True)
    assert (headers["outlast-source"], headers["outlast-target"]) == ("primary", "alpha/m")


def test_the_beta_client_counts_too(provider, sdk):
    told = sdk.do(sdk.client.beta.messages.count_tokens(model="default", messages=HI))
    assert told.input_tokens > 0
    assert provider.requests("alpha")[0].path.startswith(f"/alpha{PATH}")


def test_the_next_provider_counts_when_the_first_is_down(provider, sdk):
    provider.script("alpha", default=status(503))
    assert counted(sdk)[1]["outlast-source"] == "fallback"


def test_the_estimate_when_all_are_down(provider, sdk):
    provider.script("alpha", default=status(529))
    provider.script("beta", default=status(404))
    tokens, headers = counted(sdk, messages=[{"role": "user", "content": "How are you today, my friend?"}])
    assert 8 <= tokens <= 16
    assert headers["outlast-source"] == "estimate"


def test_the_estimate_where_nobody_counts(provider, open_house, claude_of):
    house = open_house()
    tokens, headers = counted(claude_of(house), tools=[CLAUDE_TOOL])
    assert (tokens > 20, headers["outlast-source"]) == (True, "estimate")
    assert "outlast-degraded" not in headers
    assert provider.requests() == []
    assert house.ear.wait(CountEstimated)[0].target == "alpha/m"


def test_a_count_without_messages_is_refused(sdk):
    with pytest.raises(anthropic.BadRequestError, match="messages must not be empty"):
        sdk.do(sdk.client.messages.count_tokens(model="default", messages=[]))


def test_the_shape_of_the_answer(open_house):
    answer = open_house().post(PATH, json.dumps({"model": "default", "messages": HI}).encode())
    assert json.loads(answer.body).keys() == {"input_tokens"}
