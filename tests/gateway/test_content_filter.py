"""What a provider will not say, as each kind of caller is told it; and who asks another instead."""

import json

import pytest

from outlast import Client
from outlast.config import parse
from outlast.model.errors import ContentFilter
from outlast.model.messages import Message, Text
from outlast.testing import ok, status

from .house import toml_of

REFUSES = status(400, error="content_policy_violation", message="blocked")
ENDS = ok("", finish="content_filter")
NEXT = '[routes.default]\ntargets = ["alpha/m", "beta/m"]\non_content_filter = "next"'
HI = [{"role": "user", "content": "hi"}]
SURFACES = {
    "/v1/chat/completions": ({"messages": HI}, 400, "content_filter"),
    "/v1/messages": ({"messages": HI, "max_tokens": 50}, 400, "refusal"),
    "/v1/generate": ({"prompt": "hi"}, 422, "content_filter"),
}
SURFACE = pytest.mark.parametrize("path", SURFACES)
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
DIALECTS = pytest.mark.parametrize("dialect", ["openai", "anthropic"])


def asking(path, stream):
    """A request to that surface."""
    return json.dumps({"model": "default", "stream": stream, **SURFACES[path][0]}).encode()


@SURFACE
@STREAMED
@DIALECTS
def test_it_is_propagated(provider, open_house, path, stream, dialect):
    """422 natively, 400 where the vendor says 400; once, and never again by an SDK."""
    house = open_house(dialects={"alpha": dialect})
    provider.script("alpha", default=REFUSES)
    answer = house.post(path, asking(path, stream))
    assert (answer.status, answer.headers["x-should-retry"]) == (SURFACES[path][1], "false")
    if path == "/v1/chat/completions":
        assert answer.error["code"] == "content_filter"
    assert len(provider.requests()) == 1
    assert house.heard()[0].kind == "content_filter"


@SURFACE
@STREAMED
@DIALECTS
def test_a_finish_in_a_200_stays_one(provider, open_house, path, stream, dialect):
    """In the caller's words, whoever said it."""
    house = open_house(dialects={"alpha": dialect})
    provider.script("alpha", default=ENDS)
    answer = house.post(path, asking(path, stream))
    words = {"refusal", "content_filter"} if path != "/v1/messages" else {"refusal"}
    assert answer.status == 200
    assert any(word in answer.body.decode() for word in words)
    assert len(provider.requests()) == 1


@SURFACE
@STREAMED
@pytest.mark.parametrize("how", [REFUSES, ENDS], ids=["refused", "ended"])
def test_the_next_provider_answers_where_the_route_says_so(provider, open_house, path, stream, how):
    """Of another dialect, too; the caller sees an answer."""
    house = open_house(NEXT, dialects={"beta": "anthropic"})
    provider.script("alpha", default=how)
    provider.script("beta", default=ok("from beta"))
    answer = house.post(path, asking(path, stream))
    assert (answer.status, answer.headers["outlast-target"]) == (200, "beta/m")
    assert b"from" in answer.body
    assert b"content_filter" not in answer.body


def politely(request, failure):
    """OpenAI's messages are read for it; what it gives goes out in the target's dialect."""
    assert request.content().messages[-1].parts == (Text("rude"),)
    assert failure.kind == "content_filter"
    return [Message("user", (Text("kind"),))]


@DIALECTS
def test_a_client_asks_in_other_words(provider, dialect):
    """`Client(rewrite=…)`: blocking, whole and streamed."""
    config = parse(toml_of(provider.url, dialects={"alpha": dialect}), {})
    provider.script("alpha", REFUSES, ok("gladly"), REFUSES, ok("gladly"))
    with Client(config, rewrite=politely) as client:
        assert client.chat("rude").text == "gladly"
        with client.stream("rude") as stream:
            assert "".join(chunk.text for chunk in stream) == "gladly"
    assert [seen.json["messages"][-1]["content"] for seen in provider.requests()] == ["rude", "kind"] * 2


def test_without_other_words_it_is_raised(provider):
    """As the failure that it is."""
    provider.script("alpha", default=REFUSES)
    with Client(parse(toml_of(provider.url), {}), rewrite=lambda request, failure: None) as client:
        with pytest.raises(ContentFilter) as raised:
            client.chat("rude")
        assert (raised.value.status, len(raised.value.attempts)) == (422, 1)
