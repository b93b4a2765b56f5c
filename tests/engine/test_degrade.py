"""The ladder, through the whole engine in virtual time: what a request gets that nobody answered."""

import asyncio
import gc
import json
import weakref
from math import inf

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outlast.config import ConfigError, parse
from outlast.dialects import DIALECTS
from outlast.engine import Asked
from outlast.flow.stream import Stream
from outlast.model.errors import Failure
from outlast.model.events import CacheKept, Degraded, RequestEnded
from outlast.model.freshness import wishes_of
from outlast.testing import cut, ok, silent, slow_headers, status, throttled

from .test_forwarded import DONE, asked, raw
from .world import World, caller, read, toml_of

TARGETS = ("alpha/m", "gamma/small")
LATER = 'degrade = [{static = "Please try again later."}]'


def ladder(rules, more=""):
    """Route `default` with alpha and these rules; route `fast` with gamma."""
    return f'[routes.default]\ntargets = ["alpha/m"]\n{rules}\n[routes.fast]\ntargets = ["gamma/small"]\n{more}'


def rungs(world):
    """Every rung that was tried, and why it brought nothing."""
    return [(event.rung, event.kind, event.reason) for event in world.events(Degraded)]


@pytest.mark.parametrize("stream", [False, True])
def test_words_of_the_configuration(make, stream):
    """When nobody answers; they cost nothing and say what they are, and what they stand in for."""
    world = make(TARGETS, ladder(LATER))
    world.script("alpha/m", 503)
    given_ = world.ask(stream=stream)
    assert (isinstance(given_, Stream), given_.source, given_.attempts) == (stream, "static", world.sent())
    assert (given_.opening.id if stream else given_.id) == "1"
    answer = world.run(read(given_)) if stream else given_
    assert (answer.text, answer.finish) == ("Please try again later.", "stop")
    last = world.last()
    assert (last.kind, last.source, last.instead_of, last.cost, last.target) == ("ok", "static", "transient", 0.0, "")
    assert last.attempts == world.sent() > 0
    assert rungs(world) == [("static", "transient", "")]


@pytest.mark.parametrize("stream", [False, True])
def test_a_weaker_model(make, stream):
    """Another route is asked; the answer has its target and its price."""
    world = make(TARGETS, ladder('degrade = ["weaker"]\nweaker = "fast"'))
    world.script("alpha/m", 503)
    messages = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "3"},
    ]
    answer = world.hear(stream=stream, messages=messages)
    assert answer.finish == "stop"
    assert (world.last().source, world.last().target) == ("weaker", "gamma/small")
    assert world.io.sent[-1].json["messages"] == messages
    assert world.last().route == "default"


@pytest.mark.parametrize("weaker", ["fast", "gamma/small", "gamma/never-heard-of"])
def test_the_weaker_one_is_whoever_a_caller_could_name(make, weaker):
    """A route, a target, or one that nobody listed."""
    world = make(TARGETS, ladder(f'degrade = ["weaker"]\nweaker = "{weaker}"'))
    world.script("alpha/m", 403)
    assert world.ask().source == "weaker"


@pytest.mark.parametrize("stream", [False, True])
def test_less_of_the_question(make, stream):
    """The last message alone, a short system message, few tokens, no tools."""
    world = make(TARGETS, ladder('degrade = ["simplify"]', '[degrade.simplify]\nsystem = "Briefly. {system}"'))
    world.script("alpha/m", 403, ok("short"))
    messages = [
        {"role": "system", "content": "You are a pirate."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three"},
    ]
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    answer = world.hear(messages=messages, tools=tools, temperature=0.5, stream=stream)
    assert (answer.text, world.last().source) == ("short", "simplified")
    body = world.io.sent[-1].json
    assert [(turn["role"], turn["content"]) for turn in body["messages"]] == [
        ("system", "Briefly. You are a pirate."),
        ("user", "three"),
    ]
    assert body["max_tokens"] == 256
    assert body["temperature"] == 0.5
    assert body.get("stream", False) == stream
    assert "tools" not in body


def test_less_is_asked_of_who_has_not_just_failed(make):
    """Of the weaker route, where one is named; of the route itself, where that one has failed before."""
    for rungs_, target in ((["simplify"], "gamma/small"), (["weaker", "simplify"], "alpha/m")):
        world = make(TARGETS, ladder(f'degrade = {json.dumps(rungs_)}\nweaker = "fast"'))
        world.script("alpha/m", 403, ok("short"))
        world.script("gamma/small", *[403][: len(rungs_) - 1], ok("short"))
        reply = world.ask()
        assert (reply.source, reply.target) == ("simplified", target)


def test_pictures_and_the_form_of_the_answer_are_kept(make):
    """Without them it would be another question."""
    world = make(TARGETS, ladder('degrade = ["simplify"]'))
    world.script("alpha/m", 403, ok("{}"))
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    content = [{"type": "text", "text": "what?"}, picture]
    schema = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}
    reply = world.ask(messages=[{"role": "user", "content": content}], response_format=schema, max_tokens=9)
    assert reply.source == "simplified"
    body = world.io.sent[-1].json
    assert body["messages"][-1]["content"][1]["image_url"]["url"] == "https://example.org/a.png"
    assert body["response_format"]["type"] == "json_schema"
    assert body["max_tokens"] == 9


def test_who_waits_for_a_tool_cannot_be_asked_less(make):
    """Its result would be lost."""
    world = make(TARGETS, ladder('degrade = ["simplify"]'))
    world.script("alpha/m", 403)
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "two"},
    ]
    assert world.fail(messages=messages).kind == "permission"
    assert rungs(world) == [("simplify", "permission", "the last word is not the user's")]


def test_the_rungs_are_tried_in_their_order(make):
    """Each that brings nothing says why; the last failure is the request's own."""
    rules = 'cache = {fresh = 1, stale_if_error = 99}\nweaker = "fast"\ndegrade = ["stale", "weaker", "simplify"]'
    world = make(TARGETS, ladder(rules))
    world.script("alpha/m", 403)
    world.script("gamma/small", 404)
    assert world.fail().kind == "permission"
    assert rungs(world) == [
        ("stale", "permission", "nothing is kept"),
        ("weaker", "permission", "missing"),
        ("simplify", "permission", "permission"),
    ]


def test_what_was_kept_comes_where_the_ladder_has_it(make):
    """Before the weaker model, or behind it."""
    for order, source in ((["stale", "weaker"], "stale"), (["weaker", "stale"], "weaker")):
        rules = f'cache = {{fresh = 1, stale_if_error = 99}}\nweaker = "fast"\ndegrade = {json.dumps(order)}'
        world = make(TARGETS, ladder(rules))
        world.ask()
        world.wait(5.0)
        world.script("alpha/m", 403)
        assert (world.ask().source, world.last().instead_of) == (source, "permission")


def test_what_was_kept_is_the_last_thing_where_the_ladder_has_it_not(make):
    """The cache stands above the ladder."""
    rules = 'cache = {fresh = 1, stale_if_error = 99}\nweaker = "fast"\ndegrade = ["weaker"]'
    world = make(TARGETS, ladder(rules))
    world.ask()
    world.wait(5.0)
    world.script("alpha/m", 403)
    world.script("gamma/small", 403)
    assert world.ask().source == "stale"


@pytest.mark.parametrize("stream", [False, True])
def test_a_lesser_answer_is_never_kept_as_a_good_one(make, stream):
    """Whichever rung it came from; the next request is asked anew."""
    for rule in (LATER, 'degrade = ["weaker"]\nweaker = "fast"', 'degrade = ["simplify"]'):
        world = make(TARGETS, ladder(f"cache = {{fresh = 60}}\n{rule}"))
        world.script("alpha/m", 403, ok("short"))
        world.hear(stream=stream)
        assert [event.seconds for event in world.events(CacheKept)] == [0.0]
        world.script("alpha/m", ok("good"))
        assert world.hear(stream=stream).text == "good"
        assert world.last().source == "primary"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (400, "caller"),
        (status(400, error="context_length_exceeded"), "context_length"),
        (status(400, error="content_filter"), "content_filter"),
        (451, "legal"),
    ],
)
def test_the_callers_own_fault_is_told(make, fault, kind):
    """No lesser answer hides it."""
    world = make(TARGETS, ladder(LATER))
    world.script("alpha/m", fault)
    assert world.fail().kind == kind
    assert rungs(world) == []


@pytest.mark.parametrize("fault", [401, 402, 403, 404, 409, 405, 500, 503, throttled(120.0), silent()])
def test_the_providers_fault_is_replaced(make, fault):
    """Whatever it was."""
    world = make(TARGETS, ladder(LATER))
    world.script("alpha/m", status(404, error="model_not_found") if fault == 404 else fault)
    assert world.ask(timeout=30.0).source == "static"


def test_a_caller_over_its_limit_is_told_so(make):
    """It gets nothing instead."""
    limited = '[keys.team]\nkey = "sk-team-0123456789"\n[keys.team.limits]\nrpm = 1'
    world = make(TARGETS, ladder(LATER, limited))
    team = caller("team")
    world.ask(caller=team)
    refused = world.fail(caller=team)
    assert (refused.kind, refused.status) == ("rejected", 429)


def test_the_weaker_answer_takes_no_second_place_under_the_callers_limit(make):
    """One request was made, and one is counted."""
    limited = '[keys.team]\nkey = "sk-team-0123456789"\n[keys.team.limits]\nrpm = 1'
    world = make(TARGETS, ladder('degrade = ["weaker"]\nweaker = "fast"', limited))
    world.script("alpha/m", 403)
    assert world.ask(caller=caller("team")).source == "weaker"


def test_a_full_gateway_has_something_to_say(make):
    """Who is turned away from its queue gets the words of the configuration."""
    world = make(TARGETS, ladder(LATER, "[admission]\nslots = 1\nqueue = 0"))
    world.script("alpha/m", slow_headers(2.0))
    assert sorted(answer.source for answer in world.crowd(3)) == ["primary", "static", "static"]


def test_time_is_kept_for_the_rungs_that_take_some(make):
    """A quarter of it; what is left when the first has failed is all theirs."""
    world = make(TARGETS, ladder('degrade = ["weaker"]\nweaker = "fast"'))
    world.script("alpha/m", silent())
    began = world.now
    assert world.ask(timeout=20.0).source == "weaker"
    assert world.now - began == pytest.approx(15.0, abs=0.01)
    assert world.times("gamma/small")[0] - began == pytest.approx(15.0, abs=0.01)


def test_no_more_time_is_kept_for_the_rungs_than_is_configured(make):
    """Half a minute of a long time is enough, whenever the request came; a rung that takes none changes nothing."""
    world = make(TARGETS, ladder('degrade = ["weaker", {static = "later"}]\nweaker = "fast"'))
    world.wait(1_000.0)
    world.script("alpha/m", silent())
    for timeout, at in ((20.0, 15.0), (140.0, 110.0)):
        world.forget()
        began = world.now
        assert world.ask(timeout=timeout).source == "weaker"
        assert world.times("gamma/small")[0] - began == pytest.approx(at, abs=0.01)
        world.wait(1_000.0)


def test_a_rung_with_just_too_little_time_is_not_tried(make):
    """As an attempt is not begun that could be of no use."""
    world = make(TARGETS, ladder('degrade = ["weaker"]\nweaker = "fast"', "[retry]\nuseful = 1.0"))
    world.script("alpha/m", silent())
    assert world.fail(timeout=4.0).kind == "timeout"
    assert rungs(world) == [("weaker", "timeout", "no time is left")]


def test_what_one_account_keeps_is_asked_of_nobody_else(make):
    """Less of it would mean something else there; a static answer means what it says."""
    also = '[providers.alpha.quirks]\nalso = ["responses"]\nkeeps_state = true'
    world = make(TARGETS, ladder('degrade = ["weaker", "simplify", {static = "later"}]\nweaker = "fast"', also))
    world.script("alpha/m", 403)
    body = {"model": "default", "input": "and then?", "previous_response_id": "resp_alpha"}
    reply = world.ask(DIALECTS["responses"].parse("chat", json.dumps(body).encode()))
    assert (reply.source, world.path()) == ("static", ["alpha/m"])
    kept = "it refers to what one account keeps"
    assert rungs(world) == [
        ("weaker", "permission", kept),
        ("simplify", "permission", kept),
        ("static", "permission", ""),
    ]


def test_what_is_passed_on_unread_has_no_ladder(make):
    """It has all of its time, and nothing is tried in its place."""
    world = make(TARGETS, ladder('degrade = ["weaker", {static = "later"}]\nweaker = "fast"'))
    world.script("alpha/m", slow_headers(16.0, DONE))
    assert world.run(asked(world, raw(), timeout=20.0)) == b'{"done": true}'
    world.script("alpha/m", 403)
    with pytest.raises(Failure):
        world.run(asked(world, raw()))
    assert rungs(world) == []


def test_who_wants_nothing_of_what_is_kept_gets_it_from_no_rung(make):
    """The cache was not asked for it."""
    rules = 'cache = {fresh = 1, stale_if_error = 99}\ndegrade = ["stale", {static = "later"}]'
    world = make(TARGETS, ladder(rules))
    world.ask()
    world.wait(5.0)
    world.script("alpha/m", 403)

    async def story():
        request = DIALECTS["openai"].parse("chat", b'{"model":"default","messages":[{"role":"user","content":"hi"}]}')
        return await world.engine.answer(request, Asked("1", wishes=wishes_of("no-store")))

    assert world.run(story()).source == "static"
    assert rungs(world)[0] == ("stale", "permission", "nothing is kept")


def test_a_failure_that_no_rung_replaces_leaves_no_cycles(make):
    """It is freed by counting references, and waits for no collector."""
    world = make(TARGETS, ladder('degrade = ["weaker"]\nweaker = "fast"'))
    world.script_all(403)
    world.fail()
    gc.collect()
    gc.disable()
    try:
        failure = weakref.ref(world.fail())
        assert failure() is None
    finally:
        gc.enable()


def test_two_rungs_share_the_time_that_is_left(make):
    """The first of them leaves the other its half."""
    world = make(TARGETS, ladder('degrade = ["weaker", "simplify"]\nweaker = "fast"'))
    world.script_all(silent())
    began = world.now
    assert world.fail(timeout=20.0).kind == "timeout"
    assert world.now - began == pytest.approx(20.0, abs=0.01)
    assert [at - began for at in world.times()] == pytest.approx([0.0, 15.0, 17.5], abs=0.01)


def test_when_no_time_is_left_what_needs_none_is_given(make):
    """The deadline has passed, and there is an answer all the same."""
    rules = 'degrade = ["weaker", {static = "later"}]\nweaker = "fast"'
    world = make(TARGETS, ladder(rules, "[degrade]\nreserve = 0.0"))
    world.script("alpha/m", silent())
    began = world.now
    assert world.ask(timeout=5.0).text == "later"
    assert world.now - began == pytest.approx(5.0, abs=0.01)
    assert rungs(world) == [("weaker", "timeout", "no time is left"), ("static", "timeout", "")]


def test_nothing_is_kept_of_the_time_where_no_rung_takes_any(make):
    """The request has all of it."""
    world = make(TARGETS, ladder(LATER))
    world.script("alpha/m", slow_headers(19.0))
    assert world.ask(timeout=20.0).source == "primary"


def test_a_stream_that_broke_is_not_replaced(make):
    """Its beginning has been read."""
    world = make(TARGETS, ladder(f'{LATER}\non_break = "error"'))
    world.script("alpha/m", cut(3))
    part = world.hear(stream=True)
    assert part.error.kind == "broken_stream"
    assert rungs(world) == []


def test_json_is_not_answered_with_words(make):
    """Whoever asked for it reads it with a machine; words that are JSON are given."""
    form = {"type": "json_object"}
    for words, source in (("later", None), ('{\\"later\\": true}', "static")):
        world = make(TARGETS, ladder(f'degrade = [{{static = "{words}"}}]'))
        world.script("alpha/m", 403)
        answer = world.hear(response_format=form)
        assert (None if isinstance(answer, Failure) else answer.source) == source


def test_vectors_are_never_replaced_by_words_or_by_another_models(make):
    """They could not be compared with the others."""
    world = make(TARGETS, ladder('degrade = ["weaker", {static = "later"}]\nweaker = "fast"'))
    world.script("alpha/m", 403)

    async def story():
        request = DIALECTS["openai"].parse("embed", b'{"model":"default","input":"one"}')
        with pytest.raises(Failure):
            await world.engine.answer(request, Asked("1"))

    world.run(story())
    assert {reason for _, _, reason in rungs(world)} == {"only answers in words can be replaced"}


def test_a_caller_who_leaves_is_given_nothing(make):
    """And nobody is asked for it."""
    world = make(TARGETS, ladder('degrade = ["weaker"]\nweaker = "fast"'))
    world.script("alpha/m", silent())

    async def leaves():
        call = asyncio.ensure_future(world.heard())
        await asyncio.sleep(1.0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    world.run(leaves())
    assert world.path() == ["alpha/m"]
    assert rungs(world) == []


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ('degrade = ["weaker"]', 'give weaker = "a route"'),
        ('weaker = "fast"', 'list "weaker" in degrade'),
        ('degrade = ["weaker"]\nweaker = "default"', "no weaker than itself"),
        ('degrade = ["weaker"]\nweaker = "nobody"', "does not exist"),
        ('degrade = ["stale"]', "give cache = {stale_if_error = 600}"),
        ('degrade = ["stale"]\ncache = {fresh = 9}', "give cache = {stale_if_error = 600}"),
        ('degrade = ["simplify", "simplify"]', "listed twice"),
        ('degrade = ["better"]', 'expected "stale", "weaker", "simplify" or {static = "the words"}'),
        ('degrade = [{static = ""}]', 'expected "stale", "weaker", "simplify" or {static = "the words"}'),
    ],
)
def test_a_ladder_that_leads_nowhere_is_refused(rules, said):
    """At the start, with the mend."""
    with pytest.raises(ConfigError) as wrong:
        parse(toml_of(TARGETS, ladder(rules)), {})
    assert said in str(wrong.value)


FAULTS = st.sampled_from([ok("good"), 403, 503, 400, silent(), throttled(120.0)])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(FAULTS, FAULTS, st.floats(0.0, 40.0), st.sampled_from("abc"), st.sampled_from(["ada", "bob"]),
                       st.booleans()), min_size=1, max_size=12),
)  # fmt: skip
def test_over_any_outages_no_answer_is_other_than_it_says(steps):
    """Fresh is at most 20 s old and good, stale at most 80 s; nobody gets another's; lesser answers stay lesser."""
    rules = (
        "cache = {fresh = 20, stale_while_revalidate = 10, stale_if_error = 60}\n"
        'weaker = "fast"\ndegrade = ["stale", "weaker", {static = "later"}]'
    )
    world = World(TARGETS, ladder(rules))
    good: dict[tuple[str, str], float] = {}
    try:
        for first, second, pause, text, who, stream in steps:
            world.script("alpha/m", first)
            world.script("gamma/small", second)
            world.wait(pause)
            kept = len(world.events(CacheKept))
            asked_at = world.now
            world.hear(text, stream=stream, caller=caller(who), timeout=30.0)
            world.wait(31.0)
            last = world.last()
            age = asked_at - good.get((who, text), -inf)
            if last.source == "cache":
                assert age < 20.0
            if last.source == "stale":
                assert age < 80.0
            for event in world.events(CacheKept)[kept:]:
                if not event.reason:
                    good[who, text] = world.now
                    assert last.source in {"primary", "stale"}  # or a renewal behind a stale one
            if last.source in {"weaker", "static"}:
                assert msgspec.structs.asdict(last)["instead_of"]
        assert {event.source for event in world.events(RequestEnded)} <= {
            "", "primary", "cache", "stale", "weaker", "static",
        }  # fmt: skip
    finally:
        left = world.close()
    assert left == {}
