"""A request is only sent where it can be answered: past who cannot and who is down, to who can. The reason is told."""

import json

import pytest

from outlast.testing import behaviour, status

from .house import chat

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
CLAUDES = {"name": "look", "input_schema": {"type": "object"}}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PICTURE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}]}]
FILE = {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjQ="}
PAPER = [{"role": "user", "content": [{"type": "file", "file": FILE}]}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
CHAT, CLAUDE, OURS, EMBED = "/v1/chat/completions", "/v1/messages", "/v1/generate", "/v1/embeddings"
HI = [{"role": "user", "content": "hi"}]
ASKING = {
    "tools": ("tools", CHAT, {"messages": HI, "tools": [TOOL]}, "it takes no tools"),
    "Claude's tools": (
        "tools",
        CLAUDE,
        {"messages": HI, "tools": [CLAUDES], "max_tokens": 9},
        "it takes no tools",
    ),
    "our tools": ("tools", OURS, {"prompt": "hi", "tools": [{"name": "look"}]}, "it takes no tools"),
    "a picture": ("vision", CHAT, {"messages": PICTURE}, "it takes no images"),
    "a document": ("documents", CHAT, {"messages": PAPER}, "it takes no documents"),
    "a schema": ("schema", CHAT, {"messages": HI, "response_format": SCHEMA}, "it cannot be held to a schema"),
    "an embedding": ("embeds", EMBED, {"input": "hi"}, "it makes no embeddings"),
}


def without(ability, *providers):
    """The models there lack that ability, and nobody is held to a schema in words."""
    return "[structured]\nenabled = false\n" + "\n".join(
        f"[providers.{name}.models.m]\n{ability} = false" for name in providers
    )


@pytest.mark.parametrize("case", ASKING)
def test_past_who_cannot_and_who_is_down_to_who_can(provider, open_house, case):
    """alpha cannot, beta is down, gamma cannot, delta can: it answers, and the others' reasons stand in the answer."""
    ability, path, fields, reason = ASKING[case]
    names = ("alpha", "beta", "gamma", "delta")
    house = open_house(without(ability, "alpha", "gamma"), providers=names)
    provider.script("beta", default=status(401, error="invalid_api_key"))
    answer = house.post(path, json.dumps({"model": "default", **fields}).encode())
    assert (answer.status, answer.headers["outlast-target"]) == (200, "delta/m")
    assert [len(provider.requests(name)) for name in names] == [0, 1, 0, 1]
    assert answer.headers["outlast-skipped"] == f"alpha/m ({reason}), gamma/m ({reason})"
    page = house.get("/metrics").body.decode()
    assert 'targets_skipped_total{model="m",provider="alpha"} 1.0' in page


@pytest.mark.parametrize("case", ASKING)
def test_where_nobody_can_each_reason_is_told_and_nobody_is_asked(provider, open_house, case):
    """In the caller's dialect, with the name of every target."""
    ability, path, fields, reason = ASKING[case]
    house = open_house(without(ability, "alpha", "beta"))
    answer = house.post(path, json.dumps({"model": "default", **fields}).encode())
    assert (answer.status, answer.headers["x-should-retry"]) == (400, "false")
    assert f"alpha/m, beta/m: {reason}" in answer.error["message"]
    assert ("type" in answer.json) == (path == CLAUDE)
    assert provider.requests() == []


def test_who_can_is_down_and_its_failure_is_told(provider, open_house):
    """Not the lack of the others, which the headers name."""
    house = open_house(without("tools", "alpha"))
    provider.script("beta", default=behaviour("status-503"))
    answer = house.chat(tools=[TOOL])
    assert (answer.status, answer.headers["outlast-target"]) == (503, "beta/m")
    assert answer.headers["outlast-skipped"] == "alpha/m (it takes no tools)"


def test_an_open_circuit_is_named_too(provider, open_house):
    """Until it closes, the answers say who was passed by."""
    house = open_house()
    provider.script("alpha", default=status(500))
    while "outlast-skipped" not in (answer := house.chat()).headers:
        assert answer.status == 200
    assert answer.headers["outlast-skipped"] == "alpha/m (its circuit is open)"


def test_nothing_is_named_where_nobody_was_passed_by(house):
    """The plain case has no such header."""
    assert "outlast-skipped" not in house.post(CHAT, chat()).headers
