"""Callers of OpenAI's Responses API on the way through the engine: who may answer them, what is a sign of life."""

import json

import pytest

from outlast.dialects import DIALECTS
from outlast.lab.answer import SimEvent, compose
from outlast.lab.rendering import answer_events, sent, stream_head
from outlast.lab.script import body
from outlast.lab.steps import End, Pause
from outlast.model.events import TargetSkipped
from outlast.testing import Behaviour, cut, ok

ALSO = '\n[providers.{}.quirks]\nalso = ["responses"]\nkeeps_state = {}'
SEARCH = {"type": "response.web_search_call.searching", "sequence_number": 2, "output_index": 0, "item_id": "ws_1"}


def ask(stream=False, **fields):
    """A request in these words."""
    body = {"model": "default", "input": "hi", "stream": stream, **fields}
    return DIALECTS["responses"].parse("chat", json.dumps(body).encode())


def also(*names, keeps="true"):
    """These providers serve responses beside chat completions."""
    return "".join(ALSO.format(name, keeps) for name in names)


def paths(world):
    """Where requests went."""
    return [(sent.target, sent.path.decode()) for sent in world.io.sent]


def searching(seconds, times):
    """Words behind a search that tells of itself every few seconds."""

    def play(asked):
        search = SimEvent(f"event: {SEARCH['type']}\ndata: {json.dumps(SEARCH)}\n\n".encode())
        yield stream_head(asked)
        for _ in range(times):
            yield Pause(seconds)
            yield sent(search)
        yield from map(sent, answer_events(asked, compose(asked)))
        yield End()

    return Behaviour("searching", play)


def test_work_of_a_providers_own_tool_is_a_sign_of_life(make):
    """Five times four seconds are more than any silence may be; one search of twelve is too long."""
    world = make(["alpha/m"], also("alpha"))
    world.script("alpha/m", searching(4.0, 5))
    part = world.hear(ask(stream=True, tools=[{"type": "web_search"}]))
    assert (part.error, part.finish) == (None, "stop")
    world.script("alpha/m", searching(12.0, 2))
    assert world.fail(ask(stream=True, tools=[{"type": "web_search"}])).kind == "timeout"


def test_what_a_search_has_begun_nobody_else_goes_on_with(make):
    """Another target has not found what this one has."""
    world = make(["alpha/m", "beta/m"], also("alpha", "beta"))

    def play(asked):
        yield from list(searching(0.0, 1).play(asked))[:8]
        yield from list(cut(0).play(asked))[-1:]

    world.script("alpha/m", Behaviour("searching", play))
    part = world.hear(ask(stream=True, tools=[{"type": "web_search"}]))
    assert part.error.kind == "broken_stream"
    assert "the work of a provider's own tool" in part.error.message


@pytest.mark.parametrize(
    ("fields", "went"),
    [
        ({}, [("alpha/m", "/chat/completions")]),
        ({"tools": [{"type": "web_search"}]}, [("beta/m", "/responses")]),
        ({"previous_response_id": "resp_sim1"}, [("gamma/m", "/responses")]),
        ({"background": True}, [("gamma/m", "/responses")]),
    ],
    ids=["plain", "hosted tools", "previous answer", "background"],
)
def test_a_request_goes_only_where_it_can_be_answered(make, fields, went):
    """Others are passed by, and it is told why."""
    more = also("beta", keeps="false") + also("gamma")
    world = make(["alpha/m", "beta/m", "gamma/m"], more)
    world.ask(ask(**fields))
    assert paths(world) == went
    skipped = [event.target for event in world.io.sink.of(TargetSkipped)]
    assert skipped == ["alpha/m", "beta/m", "gamma/m"][: len(skipped)]
    assert len(skipped) == ["alpha/m", "beta/m", "gamma/m"].index(went[0][0])


def test_what_is_kept_is_asked_of_its_keeper_alone(make):
    """The route's first that keeps anything; its other models are of the same account."""
    more = also("alpha", "beta")
    world = make(["alpha/m", "beta/m", "alpha/n"], more)
    world.script("alpha/m", 500)
    world.script("alpha/n", ok())
    assert world.ask(ask(previous_response_id="resp_sim1")).target == "alpha/n"
    assert {target for target, _ in paths(world)} == {"alpha/m", "alpha/n"}
    reasons = {event.reason for event in world.io.sink.of(TargetSkipped)}
    assert reasons == {"what the request refers to is kept by another provider"}


def test_a_route_without_a_keeper_says_what_to_do(make):
    """Before anything is sent; in a word for each lack."""
    world = make(["alpha/m", "beta/m"], also("beta", keeps="false"))
    failure = world.fail(ask(previous_response_id="resp_1"))
    assert (failure.kind, failure.status) == ("caller", 400)
    assert "send the whole conversation as input" in failure.message
    assert world.io.sent == []


def test_a_failover_crosses_dialects(make):
    """From the native answer of one to the chat completions of another, behind one circuit each."""
    world = make(["alpha/m", "beta/m"], also("alpha"))
    world.script("alpha/m", 500)
    assert world.ask(ask()).target == "beta/m"
    assert {path for target, path in paths(world) if target == "alpha/m"} == {"/responses"}
    assert [path for target, path in paths(world) if target == "beta/m"] == ["/chat/completions"]


def test_what_an_account_keeps_is_not_answered_from_memory(make):
    """The answer is to be written into a conversation there: each request is one, and nobody else stands in."""
    rules = '[routes.default]\ntargets = ["alpha/m"]\ncache = {fresh = 60}\n'
    rules += 'degrade = ["weaker", "simplify"]\nweaker = "less"\n'
    world = make(
        ["alpha/m", "beta/m"],
        rules + '[routes.less]\ntargets = ["beta/m"]\n[coalesce]\nenabled = true' + also("alpha", "beta"),
    )
    for _ in range(2):
        assert world.ask(ask(conversation="conv_1")).source == "primary"
    assert len(world.io.sent) == 2
    world.script("alpha/m", 500)
    assert world.fail(ask(conversation="conv_1")).kind == "transient"
    assert {target for target, _ in paths(world)} == {"alpha/m"}
    assert [world.ask(ask()).source for _ in range(2)] == ["weaker", "weaker"]


def test_an_answer_in_the_background_is_no_json_yet(make):
    """It is not judged, and not kept: its caller asks for it later."""
    world = make(["alpha/m"], also("alpha"))
    queued = {"id": "resp_1", "object": "response", "status": "queued", "output": [], "model": "m"}
    world.script("alpha/m", body(json.dumps(queued).encode()))
    wanted = {"format": {"type": "json_schema", "name": "a", "schema": {"type": "object"}}}
    reply = world.ask(ask(background=True, text=wanted))
    assert (reply.finish, json.loads(reply.raw)) == ("queued", queued)
