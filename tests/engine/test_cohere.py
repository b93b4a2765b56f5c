"""Cohere among the targets, in virtual time: what its answers, its errors and its breaks come to."""

import json
from functools import partial

import pytest

from outlast.dialects import DIALECTS
from outlast.lab.vendors.cohere_side import error_event
from outlast.model.errors import Caller, ContextLength, Unsupported
from outlast.testing import cut, ended, ok, pings, stall, status

from .world import chat

FIRST = {"alpha": "cohere", "beta": "openai"}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "w", "schema": {"type": "object"}}}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}


@pytest.fixture
def worlds(make):
    """Makes worlds in which everybody speaks Cohere's dialect, unless told otherwise."""
    return partial(make, dialect="cohere")


def test_it_answers(worlds):
    """Whole and streamed; thoughts are thoughts."""
    world = worlds(["alpha/m"], "[providers.alpha.models.m]\nreasoning = true")
    assert world.ask("hi").text.endswith("You said: hi")
    part = world.hear("hi", stream=True)
    assert (part.text.endswith("You said: hi"), part.finish) == (True, "stop")
    reply = world.ask("hi", reasoning_effort="low")
    assert [type(one).__name__ for one in reply.parts] == ["Reasoning", "Text"]
    assert world.hear("hi", stream=True, reasoning_effort="low").text == part.text


@pytest.mark.parametrize("how", [cut(3), ended(3), stall(3), pings(3)], ids=["cut", "ended", "stall", "pings"])
@pytest.mark.parametrize(
    "dialects", [FIRST, {"alpha": "openai", "beta": "cohere"}, {"alpha": "cohere", "beta": "cohere"}]
)
def test_a_break_is_gone_on_with(worlds, how, dialects):
    """From Cohere to others, from others to Cohere, and from one account to another: one whole text."""
    world = worlds(dialect=dialects)
    world.script("alpha/m", how)
    world.script("beta/m", ok())
    part = world.hear("hi", stream=True)
    assert (part.finish, part.error, part.text.count("You said: hi")) == ("stop", None, 1)
    assert world.last().resumed == 1


def test_the_thoughts_end_the_wait_for_content(worlds):
    """They are a sign of life."""
    world = worlds(
        ["alpha/m"], "[providers.alpha.models.m]\nreasoning = true\n[timers]\nfirst_content = 5.0\nstall = 5.0"
    )
    world.script("alpha/m", ok(first=4.0, between=4.0))
    assert world.hear("hi", stream=True, reasoning_effort="low").finish == "stop"


@pytest.mark.parametrize(
    ("code", "message", "kind", "onward"),
    [
        (429, "You are using a Trial key, which is limited to 1000 API calls / month.", "quota", True),
        (429, "You are using a Trial key, which is limited to 20 API calls / minute.", "throttled", True),
        (402, "Please add or update your payment method", "quota", True),
        (498, "invalid token", "credential", True),
        (404, "model 'm' not found, make sure the correct model ID was used", "missing", True),
        (500, "internal server error", "transient", True),
        (400, "invalid request: list of documents must not be empty", "caller", False),
        (400, "too many tokens: size limit exceeded by 11326 tokens", "context_length", False),
        (422, "unknown field: parameter 'x' is not a valid field", "caller", False),
    ],
)
def test_its_errors(worlds, code, message, kind, onward):
    """Each goes on to the next target, or is the caller's own."""
    world = worlds(dialect=FIRST)
    world.script("alpha/m", status(code, message=message))
    heard = world.hear("hi")
    assert world.story()[0] == ("alpha/m", kind)
    assert getattr(heard, "target", None) == ("beta/m" if onward else "alpha/m")
    assert onward or isinstance(heard, Caller | ContextLength)


def test_an_answer_that_was_given_up_is_asked_for_elsewhere(worlds):
    """Before the first words nobody notices."""
    world = worlds(dialect=FIRST)
    world.script("alpha/m", status(200, body=error_event("overloaded").data.decode()))
    assert world.ask("hi").target == "beta/m"


def test_a_format_beside_tools_is_asked_for_in_words(worlds):
    """Which Cohere takes; any JSON as well."""
    for wanted in (SCHEMA, {"type": "json_object"}):
        world = worlds(["alpha/m"])
        reply = world.ask(chat("hi", tools=[TOOL], response_format=wanted))
        assert json.loads(reply.text) == {}
        assert {"tools", "response_format"} & world.io.sent[-1].json.keys() == {"tools"}
        assert world.io.sent[-1].json["messages"][0]["role"] == "system"


def test_where_answers_are_not_held_to_schemas_others_are_asked(worlds):
    """With nobody else the caller is told what to leave out."""
    asked = {"tools": [TOOL], "response_format": SCHEMA}
    off = "[structured]\nenabled = false"
    world = worlds(more=off, dialect=FIRST)
    assert world.ask(chat("hi", **asked)).target == "beta/m"
    assert world.sent("alpha/m") == 0
    failure = worlds(["alpha/m"], off).fail(chat("hi", **asked))
    assert isinstance(failure, Unsupported)
    assert "ask for one" in failure.message


def test_its_own_callers_are_told_what_its_documents_came_to(worlds):
    """Cited by Cohere; words for another, and the citations named."""
    body = {"model": "default", "messages": [{"role": "user", "content": "hi"}], "documents": ["penguins"]}
    request = DIALECTS["cohere"].parse("chat", json.dumps(body).encode())
    world = worlds(dialect=FIRST)
    reply = world.ask(request)
    assert (reply.dropped, b'"citations"' in reply.raw) == ((), True)
    world.script("alpha/m", status(500, message="x"))
    reply = world.ask(DIALECTS["cohere"].parse("chat", json.dumps(body).encode()))
    assert (reply.target, reply.dropped) == ("beta/m", ("documents.citations",))
    assert b"penguins" in world.io.sent_to("beta/m")[-1].body
