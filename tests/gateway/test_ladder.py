"""Answers that were kept, and lesser ones, over sockets: what callers and the official SDKs see of them."""

import json
import re

import pytest

from outlast.flow.call import Looked
from outlast.gateway.headers import of_cache
from outlast.model.events import CacheRenewed
from outlast.testing import cut, ok, status

from .house import chat

PATH = "/v1/chat/completions"
KEPT = "cache = {fresh = 60, stale_while_revalidate = 60, stale_if_error = 600}"
LATER = 'degrade = [{static = "Please try again later."}]'


def route(rules, more=""):
    """The route `default` over alpha with these rules, and `fast` over beta."""
    return f'[routes.default]\ntargets = ["alpha/m"]\n{rules}\n[routes.fast]\ntargets = ["beta/m"]\n{more}'


def ask(house, body, *headers, path=PATH):
    """One request on a connection of its own."""
    with house.caller() as caller:
        caller.post(path, body, *headers)
        return caller.answer()


def told(answer):
    """What `Cache-Status` says, without the name of the answer; None where there is none."""
    said = answer.headers.get("cache-status")
    return said and said.partition("; key=")[0]


def test_what_the_headers_say(provider, open_house):
    """Miss and stored, then hit; the age, what is left, and what it is."""
    provider.script("alpha", ok("well"))
    house = open_house(route(KEPT))
    first, again = ask(house, chat()), ask(house, chat())
    assert told(first) == "outlast; fwd=miss; stored"
    assert "age" not in first.headers
    assert told(again).startswith("outlast; hit; ttl=")
    left, age = int(told(again).rpartition("=")[2]), int(again.headers["age"])
    assert age >= 0
    assert 59 <= left + age <= 60
    assert (again.headers["outlast-source"], again.headers["outlast-attempts"]) == ("cache", "0")
    assert "outlast-degraded" not in again.headers
    assert again.body == first.body
    assert len(provider.requests("alpha")) == 1


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("no-cache", "outlast; fwd=request; stored"),
        ("max-age=0", "outlast; fwd=request; stored"),
        ("no-store", None),
    ],
)
def test_a_caller_who_wants_a_new_answer(provider, open_house, wanted, said):
    """Its Cache-Control is heeded, and told."""
    provider.script("alpha", ok("one"), ok("two"))
    house = open_house(route(KEPT))
    ask(house, chat())
    answer = ask(house, chat(), f"cache-control: {wanted}")
    assert answer.json["choices"][0]["message"]["content"] == "two"
    assert told(answer) == said


@pytest.mark.parametrize(
    ("looked", "status"),
    [
        (Looked(why="miss", shared=True), b"outlast; fwd=miss; collapsed"),
        (Looked(why="miss", kept=True, key="a:b"), b'outlast; fwd=miss; stored; key="a:b"'),
        (Looked("none", "stale", age=900.0, left=-840.0, kept=True), b"outlast; fwd=stale; stored"),
        (Looked("fresh", "stale", age=0.9, left=59.1, given=True), b"outlast; hit; ttl=59"),
        (Looked("renew", "stale", age=60.5, left=-0.5, given=True), b"outlast; hit; ttl=-1"),
    ],
)
def test_a_cache_status_is_as_the_rfc_has_it(looked, status):
    """Whole seconds, never more than are left; an age only of what was given."""
    headers = dict(of_cache(looked))
    assert headers[b"cache-status"] == status
    assert (b"age" in headers) == looked.given


def test_only_what_is_kept(open_house):
    """504, as the RFC has it, and it is of no use to try again at once."""
    house = open_house(route(KEPT))
    answer = ask(house, chat(), "cache-control: only-if-cached")
    assert (answer.status, answer.json["error"]["code"]) == (504, "not_cached")
    assert told(answer) == "outlast; fwd=miss"
    assert answer.headers["x-should-retry"] == "false"


def test_two_keys_share_nothing(provider, open_house):
    """Each has its own answers, byte for byte the same as the question may be."""
    keys = "\n".join(f'[keys.{name}]\nkey = "sk-{name}-0123456789"' for name in ("ada", "eve"))
    house = open_house(route(KEPT, keys))
    given = [
        ask(house, chat(), f"authorization: Bearer sk-{name}-0123456789").headers["outlast-source"]
        for name in ("ada", "ada", "eve", "eve")
    ]
    assert given == ["primary", "cache", "primary", "cache"]


def test_a_stale_answer_is_renewed_behind_the_callers_back(provider, open_house):
    """It is given at once and says that it is stale; the next caller has the new one."""
    provider.script("alpha", ok("one"), ok("two"))
    house = open_house(route("cache = {fresh = 0, stale_while_revalidate = 60}"))
    ask(house, chat())
    stale = ask(house, chat())
    house.ear.wait(CacheRenewed)
    assert stale.json["choices"][0]["message"]["content"] == "one"
    assert (stale.headers["outlast-source"], stale.headers["outlast-degraded"]) == ("stale", "true")
    assert told(stale).startswith("outlast; hit; ttl=-")
    assert ask(house, chat()).json["choices"][0]["message"]["content"] == "two"
    house.ear.wait(CacheRenewed, 2)


def test_when_nobody_answers_the_old_answer_does(provider, open_house):
    """And says so."""
    provider.script("alpha", ok("one"), status(403))
    house = open_house(route("cache = {fresh = 0, stale_if_error = 60}"))
    ask(house, chat())
    answer = ask(house, chat())
    assert answer.json["choices"][0]["message"]["content"] == "one"
    assert answer.headers["outlast-source"] == "stale"
    assert answer.headers["outlast-instead-of"] == "permission"
    assert told(answer).startswith("outlast; fwd=stale; ttl=-")
    assert told(answer).endswith("; detail=stale-if-error")


def test_one_question_in_all_words_and_manners(provider, open_house):
    """Asked once as OpenAI, then as everybody, whole and streamed."""
    provider.script("alpha", ok("well"))
    house = open_house(route(KEPT))
    turn = [{"role": "user", "content": "hi"}]
    contents = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "generationConfig": {"maxOutputTokens": 9}}
    plain = {"model": "default", "messages": turn, "max_tokens": 9}
    gemini = "/v1beta/models/default:"
    asked = [
        *[("/v1/chat/completions", plain | {"stream": stream}) for stream in (False, True)],
        *[("/v1/messages", plain | {"stream": stream}) for stream in (False, True)],
        *[("/v2/chat", plain | {"stream": stream}) for stream in (False, True)],
        *[
            ("/v1/responses", {"model": "default", "input": "hi", "max_output_tokens": 9, "stream": stream})
            for stream in (False, True)
        ],
        *[
            ("/api/chat", {"model": "default", "messages": turn, "options": {"num_predict": 9}, "stream": stream})
            for stream in (False, True)
        ],
        (f"{gemini}generateContent", contents),
        (f"{gemini}streamGenerateContent?alt=sse", contents),
        *[("/v1/generate", {"prompt": "hi", "max_tokens": 9, "stream": stream}) for stream in (False, True)],
    ]
    given = []
    for path, body in asked:
        answer = ask(house, json.dumps(body).encode(), path=path)
        assert (answer.status, b"well" in answer.body) == (200, True), path
        given.append(answer.headers["outlast-source"])
    assert given == ["primary", *["cache"] * (len(asked) - 1)]
    assert len(provider.requests("alpha")) == 1
    native = ask(house, b'{"prompt": "hi", "max_tokens": 9}', path="/v1/generate").json
    assert (native["source"], native["degraded"], native["cost"]) == ("cache", False, 0.0)


def test_a_stream_that_is_left_is_not_kept(provider, open_house):
    """Half an answer is none."""
    provider.script("alpha", cut(3), cut(3), ok("well"))
    house = open_house(route(f'{KEPT}\non_break = "error"'))
    for _ in range(2):
        assert b"error" in ask(house, chat(stream=True)).body
    assert ask(house, chat()).json["choices"][0]["message"]["content"] == "well"


@pytest.mark.parametrize(
    ("rules", "source", "text"),
    [
        (LATER, "static", "Please try again later."),
        ('degrade = ["weaker"]\nweaker = "fast"', "weaker", "weak"),
        ('degrade = ["simplify"]', "simplified", "short"),
    ],
)
def test_a_lesser_answer_says_what_it_is(provider, open_house, rules, source, text):
    """In the headers of every dialect, and in the body of our own."""
    tries = [status(403), ok("short")] if source == "simplified" else [status(403)]
    provider.script("alpha", *tries * 3)
    provider.script("beta", default=ok("weak"))
    house = open_house(route(rules))
    answer = ask(house, chat())
    assert answer.json["choices"][0]["message"]["content"] == text
    assert (answer.headers["outlast-source"], answer.headers["outlast-degraded"]) == (source, "true")
    assert answer.headers["outlast-instead-of"] == "permission"
    native = ask(house, b'{"prompt": "hi"}', path="/v1/generate").json
    assert (native["text"], native["source"], native["degraded"]) == (text, source, True)
    streamed = ask(house, b'{"prompt": "hi", "stream": true}', path="/v1/generate")
    last = json.loads(streamed.body.strip().rpartition(b"data: ")[2])
    assert (last["source"], last["degraded"]) == (source, True)


# -- the official SDKs -------------------------------------------------------------------------------------------------


def test_openais_sdk_gets_kept_and_lesser_answers(provider, open_house, openai_of):
    """Whole and streamed, as if a provider had answered."""
    provider.script("alpha", ok("well"), status(403), status(403))
    sdk = openai_of(open_house(route(f"{KEPT}\n{LATER}")))
    first, again = sdk.whole(), sdk.whole()
    assert again.model_dump() == first.model_dump()
    assert sdk.streamed().text == "well"
    other = [{"role": "user", "content": "something else"}]
    assert sdk.whole(other).choices[0].message.content == "Please try again later."
    part = sdk.streamed(other)
    assert (part.text, part.finish) == ("Please try again later.", "stop")


def test_anthropics_sdk_gets_kept_and_lesser_answers(provider, open_house, claude_of):
    """Whole and streamed, of a provider that speaks as OpenAI."""
    provider.script("alpha", ok("well"), status(403), status(403))
    sdk = claude_of(open_house(route(f"{KEPT}\n{LATER}")))
    first, again = sdk.whole(), sdk.whole()
    assert again.content[0].text == first.content[0].text == "well"
    assert sdk.streamed().text == "well"
    other = [{"role": "user", "content": "something else"}]
    reply = sdk.whole(other)
    assert (reply.content[0].text, reply.stop_reason) == ("Please try again later.", "end_turn")
    assert sdk.streamed(other).text == "Please try again later."


def test_openais_sdk_may_ask_for_a_new_answer(provider, open_house, openai_of):
    """With the header that HTTP has for it."""
    provider.script("alpha", ok("one"), ok("two"))
    sdk = openai_of(open_house(route(KEPT)))
    sdk.whole()
    new = sdk.whole(extra_headers={"cache-control": "no-cache"})
    assert new.choices[0].message.content == "two"


def test_kept_vectors_are_the_same_numbers(open_house, openai_of):
    """Packed as the SDK asks for them."""
    house = open_house(route(KEPT))
    sdk = openai_of(house)
    asked = [sdk.do(sdk.client.embeddings.create(model="default", input=["one", "two"])) for _ in range(2)]
    assert asked[0].data[0].embedding == asked[1].data[0].embedding
    assert [event.source for event in house.heard(2)] == ["primary", "cache"]


def test_the_story_and_the_numbers_tell_of_it(provider, open_house):
    """What was found, what was tried, and what stood in for what."""
    provider.script("alpha", ok("one"), status(403))
    house = open_house(route(f"{KEPT}\n{LATER}"))
    ask(house, chat())
    ask(house, chat())
    ask(house, chat("something else"))
    with house.caller() as caller:
        caller.request("GET", "/metrics")
        shown = caller.answer().body.decode()
    assert 'cache_lookups_total{found="fresh",route="default"} 1.0' in shown
    assert 'cache_lookups_total{found="none",route="default"} 2.0' in shown
    assert 'cache_kept_total{kept="yes",route="default"} 1.0' in shown
    assert 500.0 < float(re.search(r"^cache_memory_bytes (.*)$", shown, re.MULTILINE)[1]) < 5_000.0
    assert 'degrade_rungs_total{answered="yes",route="default",rung="static"} 1.0' in shown
    assert 'degraded_total{source="static"} 1.0' in shown
