"""Conversations that are too long, over sockets: shortened where wanted, and told in the caller's words where not."""

import json

import anthropic
import openai
import pytest

WORDS = "one two three four five six seven eight nine ten " * 10
SMALL = "[providers.alpha.models.m]\nwindow = 2000\n"


def history(turns=20):
    """Messages of about a hundred tokens each, and a last question."""
    said = [{"role": role, "content": f"{number} {WORDS}"} for number in range(turns) for role in ("user", "assistant")]
    return [*said, {"role": "user", "content": "And now?"}]


@pytest.fixture
def small(open_house):
    """A gateway with one target, whose window is small."""
    return open_house(SMALL, providers=("alpha",))


def ask(house, path, body, *headers):
    """The whole answer to that body."""
    return house.post(path, json.dumps(body).encode(), *headers)


def test_a_header_asks_for_it_and_a_header_tells(provider, small):
    body = {"model": "default", "max_tokens": 100, "messages": history()}
    answer = ask(small, "/v1/chat/completions", body, "outlast-fit: drop_oldest")
    sent = provider.requests("alpha")[0].json["messages"]
    assert answer.headers["outlast-cut"] == f"{41 - len(sent)} of 41 messages; drop_oldest"
    assert sent[-1]["content"] == "And now?"


def test_the_beginning_of_a_stream_tells_it_too(provider, small):
    body = {"model": "default", "max_tokens": 100, "messages": history(), "stream": True}
    answer = ask(small, "/v1/chat/completions", body, "outlast-fit: middle_out")
    assert answer.headers["outlast-cut"].endswith("of 41 messages; middle_out")
    assert b"[DONE]" in answer.body
    assert provider.requests("alpha")[0].json["messages"][0]["content"].startswith("0 ")


def test_our_own_surface_tells_it_in_the_answer(small):
    body = {"messages": history(), "max_tokens": 100}
    told = json.loads(ask(small, "/v1/generate", body, "outlast-fit: drop_oldest").body)["cut"]
    assert (told["fit"], told["of"]) == ("drop_oldest", 41)
    assert told["before"] > 2_000 > told["after"]
    assert json.loads(ask(small, "/v1/generate", {"prompt": "hi"}).body)["cut"] is None


@pytest.mark.parametrize(("messages", "shortened"), [(history(), True), ([{"role": "user", "content": "hi"}], False)])
def test_the_last_event_of_our_own_stream_tells_what_the_whole_answer_does(small, messages, shortened):
    body = {"messages": messages, "max_tokens": 100}
    whole = json.loads(ask(small, "/v1/generate", body, "outlast-fit: drop_oldest").body)
    answer = ask(small, "/v1/generate", body | {"stream": True}, "outlast-fit: drop_oldest")
    last = json.loads(answer.body.split(b"data: ")[-1])
    assert last["done"]
    assert last["cut"] == whole["cut"]
    assert (last["cut"] is not None) is shortened


def test_unasked_everything_is_passed_on(provider, small):
    answer = ask(small, "/v1/chat/completions", {"model": "default", "messages": history()})
    assert "outlast-cut" not in answer.headers
    assert len(provider.requests("alpha")[0].json["messages"]) == 41


def test_nobody_knows_another_way(small):
    answer = ask(small, "/v1/chat/completions", {"model": "default", "messages": history()}, "outlast-fit: squeeze")
    assert (answer.status, b"drop_oldest" in answer.body) == (400, True)


def test_what_fits_nowhere_is_told_in_openai_s_words(small, openai_of):
    sdk = openai_of(small, default_headers={"outlast-fit": "drop_oldest"})
    with pytest.raises(openai.BadRequestError, match=r"tokens > 2000 maximum") as told:
        sdk.whole([{"role": "user", "content": WORDS * 50}])
    assert told.value.code == "context_length_exceeded"


def test_what_fits_nowhere_is_told_in_anthropic_s_words(small, claude_of):
    sdk = claude_of(small, default_headers={"outlast-fit": "drop_oldest"})
    with pytest.raises(anthropic.BadRequestError, match=r"prompt is too long: \d+ tokens > 2000 maximum"):
        sdk.whole([{"role": "user", "content": WORDS * 50}])
