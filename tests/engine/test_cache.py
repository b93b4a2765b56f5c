"""The cache, through the whole engine in virtual time: what is given again, to whom, for how long, and what not."""

import asyncio
import json

import pytest

from outlast.config import ConfigError, parse
from outlast.dialects import DIALECTS
from outlast.engine import Asked
from outlast.flow.stream import Stream
from outlast.model.errors import Failure
from outlast.model.events import CacheKept, CacheLooked, CacheRenewed, Fault, RequestEnded, StoreTrouble
from outlast.model.freshness import wishes_of
from outlast.model.messages import ToolCall
from outlast.testing import ScriptedIo, cut, ok, silent

from .world import caller, read

FRESH = "cache = {fresh = 60}"
ALL = "cache = {fresh = 60, stale_while_revalidate = 30, stale_if_error = 600}"


def route(rules, *, targets=("alpha/m", "beta/m"), more=""):
    """A route `default` with these rules."""
    return f"[routes.default]\ntargets = {json.dumps(list(targets))}\n{rules}\n{more}"


@pytest.fixture
def kept(make):
    """Two targets; answers are fresh for 60 s."""
    return make(more=route(FRESH))


@pytest.fixture
def stale(make):
    """The same; then they are renewed for 30 s, and stand in for failures for 600 s."""
    return make(more=route(ALL))


def sources(world):
    """Of all requests so far."""
    return [event.source for event in world.events(RequestEnded)]


def asks(world, dialect, body, operation="chat", wishes="", who=None):
    """What the engine answers to these words of a dialect: a reply, or the text and finish of a stream."""
    world._asked += 1
    asked = Asked(str(world._asked), wishes=wishes_of(wishes), **({"caller": who} if who else {}))
    request = DIALECTS[dialect].parse(operation, json.dumps(body).encode())

    async def story():
        answer = await world.engine.answer(request, asked)
        if not isinstance(answer, Stream):
            return answer, asked
        part = await read(answer)
        part.source, part.cost, part.target = answer.source, answer.cost, answer.target
        return part, asked

    return world.run(story())


def hi(text="hi", **more):
    """A question in OpenAI's words."""
    return {"model": "default", "messages": [{"role": "user", "content": text}], **more}


def hallo(text="hi", **more):
    """The same in Anthropic's."""
    return {"model": "default", "max_tokens": 9, "messages": [{"role": "user", "content": text}], **more}


# -- what is given again -----------------------------------------------------------------------------------------------


def test_the_same_request_gets_the_same_answer_and_nobody_is_asked(kept):
    """It costs nothing, its usage is that of the original, and it says what it is."""
    first, again = kept.ask(), kept.ask()
    assert kept.sent() == 1
    assert (again.text, again.finish, again.id, again.raw) == (first.text, first.finish, first.id, first.raw)
    assert (again.source, again.target, again.cost, again.attempts) == ("cache", "alpha/m", 0.0, 0)
    assert again.usage == first.usage
    assert not again.degraded
    assert sources(kept) == ["primary", "cache"]
    assert [(event.found, event.reason) for event in kept.events(CacheLooked)] == [("none", "miss"), ("fresh", "")]


def test_without_configuration_nothing_is_kept(world):
    """And nothing is told of it."""
    world.ask()
    world.ask()
    assert world.sent() == 2
    assert world.stack.cache is None
    assert world.events(CacheLooked) == []


def test_switched_on_for_all_routes_or_for_one(make):
    """A route's own table counts; one of zeros switches it off."""
    everywhere = make(more="[cache]\nenabled = true")
    everywhere.ask()
    assert everywhere.ask().source == "cache"
    not_here = make(more=f"[cache]\nenabled = true\n{route('cache = {fresh = 0}')}")
    not_here.ask()
    assert not_here.ask().source == "primary"


def test_it_is_fresh_for_so_long_and_no_longer(kept):
    """59 seconds, not 60."""
    kept.ask()
    kept.wait(59.0)
    assert kept.ask().source == "cache"
    kept.wait(1.0)
    assert kept.ask().source == "primary"


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("then", [False, True])
def test_whole_and_streamed_are_the_same_answer(kept, first, then):
    """Whichever it was, and whichever is asked for."""
    before = kept.hear(stream=first)
    after = kept.hear(stream=then)
    assert (after.text, after.finish) == (before.text, before.finish)
    assert kept.sent() == 1
    assert kept.last().source == "cache"
    assert kept.last().cost == 0.0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("first", "then"), [("openai", "anthropic"), ("anthropic", "openai"), ("native", "anthropic"), ("openai", "native")]
)
def test_in_whatever_words_it_was_asked(kept, first, then, stream):
    """One question in two dialects is one question, and its answer can be told in both."""
    bodies = {
        "openai": hi(max_tokens=9),
        "anthropic": hallo(),
        "native": {"prompt": "hi", "max_tokens": 9},
    }
    before, _ = asks(kept, first, bodies[first])
    after, _ = asks(kept, then, bodies[then] | {"stream": stream})
    assert after.text == before.text
    assert (after.source, kept.sent()) == ("cache", 1)


def test_tool_calls_are_given_again(kept):
    """Whole and streamed, with their ids, names and arguments."""
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    first, _ = asks(kept, "openai", hi(tools=tools, tool_choice="required"))
    again, _ = asks(kept, "openai", hi(tools=tools, tool_choice="required"))
    assert first.tool_calls
    assert [(call.id, call.arguments) for call in again.tool_calls] == [
        (call.id, call.arguments) for call in first.tool_calls
    ]
    assert again.source == "cache"


def test_a_streamed_tool_call_is_given_again_as_a_whole(kept):
    """Its pieces are joined."""
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    asks(kept, "openai", hi(tools=tools, tool_choice="required", stream=True))
    again, _ = asks(kept, "openai", hi(tools=tools, tool_choice="required"))
    call = again.tool_calls[0]
    assert (type(call), call.name, json.loads(call.arguments)) == (ToolCall, "look", json.loads(call.arguments))
    assert again.source == "cache"
    assert kept.sent() == 1


@pytest.mark.parametrize("then", ["float", "base64"])
def test_vectors_are_given_again(kept, then):
    """The same numbers."""
    body = {"model": "default", "input": ["one", "two"]}
    first, _ = asks(kept, "openai", body | {"encoding_format": then}, "embed")
    again, _ = asks(kept, "openai", body | {"encoding_format": then}, "embed")
    assert (again.vectors, again.raw, again.source) == (first.vectors, first.raw, "cache")
    assert kept.sent() == 1


# -- what is the same --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {"user": "ada"},
        {"metadata": {"trace": "7"}},
        {"safety_identifier": "x"},
        {"prompt_cache_key": "x"},
        {"stream": True, "stream_options": {"include_usage": True}},
    ],
)
def test_who_asks_and_how_it_is_delivered_changes_no_answer(kept, more):
    """These fields are not looked at."""
    asks(kept, "openai", hi())
    again, _ = asks(kept, "openai", hi(**more))
    assert again.source == "cache"


@pytest.mark.parametrize(
    "more",
    [
        {"temperature": 0.5},
        {"max_tokens": 5},
        {"seed": 7},
        {"stop": ["x"]},
        {"frequency_penalty": 0.5},
        {"reasoning_effort": "low"},
        {"n": 2},
        {"made_up": True},
        {"response_format": {"type": "json_object"}},
        {"model": "alpha/m"},
        {"messages": [{"role": "user", "content": "ho"}]},
        {"messages": [{"role": "user", "content": "hi", "name": "x"}]},
        {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]},
    ],
)
def test_whatever_an_answer_depends_on_makes_another_request(make, more):
    """One field is enough."""
    world = make(more=f"[cache]\nenabled = true\n{route('')}")
    asks(world, "openai", hi())
    again, _ = asks(world, "openai", hi() | more)
    assert again.source == "primary"
    assert world.sent() == 2


def test_what_no_other_dialect_has_words_for_is_compared_to_the_byte(kept):
    """Two sounds are two requests, although the model's words call both the same; so are two amounts of thinking."""

    def sound(data):
        part = {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
        return hi(messages=[{"role": "user", "content": [{"type": "text", "text": "?"}, part]}])

    asks(kept, "openai", sound("AAAA"))
    other, _ = asks(kept, "openai", sound("BBBB"))
    same, _ = asks(kept, "openai", sound("AAAA"))
    assert (other.source, same.source) == ("primary", "cache")


def test_an_answer_with_more_than_can_be_told_again_is_not_kept_as_a_stream(kept):
    """Its log probabilities, say; whole it is kept as it came, for who asks for it whole."""
    body = hi(logprobs=True)
    for _ in range(2):
        part, _ = asks(kept, "openai", body | {"stream": True})
        assert part.source == "primary"
        assert kept.events(CacheKept)[-1].reason == "it is a stream with more than can be told again"
    asks(kept, "openai", body)
    again, _ = asks(kept, "openai", body)
    assert again.source == "cache"


def test_numbers_that_no_json_has_do_no_harm(kept):
    """A schema may hold any."""
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"maximum": 10**30}}}]
    asks(kept, "openai", hi(tools=tools))
    again, _ = asks(kept, "openai", hi(tools=tools))
    assert again.source == "cache"


# -- for whom ----------------------------------------------------------------------------------------------------------

ADA, BOB = caller("ada", key="team", user="ada"), caller("bob", key="team", user="bob")
EVE = caller("eve", key="other")


@pytest.mark.parametrize(
    ("share", "given"),
    [("caller", ["primary", "primary"]), ("key", ["cache", "primary"]), ("everybody", ["cache", "cache"])],
)
def test_nobody_gets_another_callers_answer_unless_that_is_asked_for(make, share, given):
    """Ada asked; then Bob with the same key, and Eve with another."""
    world = make(more=f'[cache]\nenabled = true\nshare = "{share}"')
    world.ask(caller=ADA)
    assert [world.ask(caller=who).source for who in (BOB, EVE)] == given
    assert world.ask(caller=ADA).source == "cache"


# -- what is not kept --------------------------------------------------------------------------------------------------


def test_a_failure_is_not_kept(kept):
    """The next one is asked anew."""
    kept.script_all(400, ok())
    assert kept.fail().kind == "caller"
    assert kept.ask().source == "primary"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("finish", "limit", "again"),
    [
        ("length", None, "primary"),
        ("length", 5, "cache"),
        ("content_filter", None, "primary"),
        ("stop", None, "cache"),
    ],
)
def test_an_answer_that_ended_otherwise_is_not_kept(kept, finish, limit, again, stream):
    """But what was cut where the caller wanted it cut would be cut there again."""
    more = {} if limit is None else {"max_tokens": limit}
    kept.script_all(ok(finish=finish))
    asks(kept, "openai", hi(stream=stream, **more))
    assert asks(kept, "openai", hi(**more))[0].source == again


def test_a_stream_that_is_left_or_broken_is_not_kept(make):
    """Only what was read to its end is."""
    world = make(("alpha/m",), more=route(f'{FRESH}\non_break = "error"', targets=("alpha/m",)))

    async def leaves():
        answer = await world.answer(stream=True)
        await answer.next()
        await answer.aclose()

    world.run(leaves())
    world.script("alpha/m", cut(3), ok())
    assert world.hear(stream=True).error is not None
    assert world.hear(stream=True).finish == "stop"
    assert sources(world) == ["primary"] * 3
    assert [event.reason for event in world.events(CacheKept)] == ["it was not read to its end"] * 2 + [""]


def test_a_stream_that_two_targets_pieced_together_is_not_kept(kept):
    """It is whole, and nobody's answer."""
    kept.script("alpha/m", cut(5), ok())
    assert kept.hear(stream=True).finish == "stop"
    assert kept.events(CacheKept)[0].reason == "it was pieced together"


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_too_large_is_not_kept(make, stream):
    """And is answered all the same."""
    world = make(more="[cache]\nenabled = true\nlargest = 50")
    assert world.hear(stream=stream).finish == "stop"
    assert world.events(CacheKept)[0].reason == "it is too large"
    world.hear()
    assert sources(world) == ["primary"] * 2


# -- when it is stale --------------------------------------------------------------------------------------------------


def test_a_stale_answer_is_given_at_once_and_renewed_behind_the_callers_back(stale):
    """By one call, however many ask; the next one gets the new answer."""
    stale.ask()
    stale.script("alpha/m", ok("new", first=5.0))
    stale.wait(70.0)
    began = stale.now
    assert [reply.source for reply in stale.crowd_alike(5)] == ["stale"] * 5
    assert stale.now == began
    assert stale.last().cost == 0.0
    stale.wait(6.0)
    assert stale.ask().text == "new"
    assert stale.sent() == 2
    assert sources(stale) == ["primary", *["stale"] * 5, "cache"]
    renewed = stale.events(CacheRenewed)
    assert [(event.kind, event.target, event.of) for event in renewed] == [("ok", "alpha/m", "2")]


def test_a_streamed_one_is_renewed_too(stale):
    """It is read to its end for nobody."""
    stale.hear(stream=True)
    stale.script("alpha/m", ok("new"))
    stale.wait(70.0)
    assert stale.hear(stream=True).text != "new"
    stale.wait(1.0)
    assert stale.hear(stream=True).text == "new"
    assert sources(stale) == ["primary", "stale", "cache"]


def test_a_renewal_that_fails_spoils_nothing(stale):
    """The old answer stays for as long as it may, and the next request tries again."""
    stale.ask()
    stale.wait(70.0)
    stale.script_all(400, ok("new"))
    assert stale.ask().source == "stale"
    stale.wait(1.0)
    assert stale.events(CacheRenewed)[0].kind == "caller"
    assert stale.ask().source == "stale"
    stale.wait(1.0)
    assert [event.kind for event in stale.events(CacheRenewed)] == ["caller", "ok"]
    assert stale.events(Fault) == []


def test_renewals_end_with_their_time(make):
    """A silent provider is not waited for, for ever."""
    world = make(("alpha/m",), more=f"[cache]\nrenewal = 7.0\n{route(ALL, targets=('alpha/m',))}")
    world.ask()
    world.script("alpha/m", silent())
    world.wait(70.0)
    world.ask()
    world.wait(7.1)
    assert world.events(CacheRenewed)[0].kind == "timeout"


def test_when_nobody_answers_the_old_answer_does(stale):
    """As long as stale_if_error lasts; it says what it is, and what it stands in for."""
    stale.ask()
    stale.wait(500.0)
    stale.script_all(503)
    reply = stale.ask()
    assert (reply.source, reply.degraded, reply.cost) == ("stale", True, 0.0)
    assert (stale.last().kind, stale.last().source, stale.last().instead_of) == ("ok", "stale", "transient")
    stale.wait(200.0)
    assert stale.fail().kind in {"transient", "rejected"}


def test_a_failure_of_the_callers_own_gets_no_old_answer(stale):
    """The request was wrong, and would be so anywhere."""
    stale.ask()
    stale.wait(500.0)
    stale.script_all(400)
    assert stale.fail().kind == "caller"


def test_an_answer_grows_older_while_others_are_waited_for(make):
    """It is too old by the time that nobody has answered."""
    world = make(("alpha/m",), more=route("cache = {fresh = 1, stale_if_error = 20}", targets=("alpha/m",)))
    world.ask()
    world.wait(15.0)
    world.script("alpha/m", silent())
    assert world.fail(timeout=10.0).kind == "timeout"


# -- what was answered by another --------------------------------------------------------------------------------------


def test_a_fallbacks_answer_is_not_the_primarys(kept):
    """It is given again while the primary is out; when that is back, it is asked."""
    kept.script("alpha/m", *[503] * 10)
    for number in range(5):
        kept.hear(f"open the circuit {number}")
    assert kept.breaker().state == "open"
    first = kept.ask()
    assert (first.source, first.target) == ("fallback", "beta/m")
    again = kept.ask()
    assert (again.source, again.target) == ("cache", "beta/m")
    kept.script("alpha/m", ok())
    kept.wait(30.0)
    assert kept.ask().target == "alpha/m"


def test_another_provider_of_the_same_model_answers_as_well(make):
    """Its answer is fresh, whoever is back."""
    same = "\n".join(f'[providers.{name}.models.m]\nfamily = "same"' for name in ("alpha", "beta"))
    world = make(more=route(FRESH, more=same))
    world.script("alpha/m", 401, ok())
    assert world.ask().target == "beta/m"
    world.wait(31.0)
    assert world.ask().source == "cache"


# -- what the caller wants ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wishes", "given", "then"),
    [
        ("no-cache", "primary", "cache"),
        ("max-age=5", "primary", "cache"),
        ("max-age=15", "cache", "cache"),
        ("no-store", "primary", "cache"),
        ("only-if-cached", "cache", "cache"),
        ("made-up, MAX-AGE=x", "cache", "cache"),
    ],
)
def test_a_caller_may_want_a_new_answer(kept, wishes, given, then):
    """The new one is kept, unless it does not want that either."""
    asks(kept, "openai", hi())
    kept.script("alpha/m", ok("new"))
    kept.wait(10.0)
    assert asks(kept, "openai", hi(), wishes=wishes)[0].source == given
    last, _ = asks(kept, "openai", hi())
    assert (last.source, last.text == "new") == (then, given == "primary" and wishes != "no-store")


def test_only_what_is_kept_or_nothing(kept):
    """Nobody is asked."""
    with pytest.raises(Failure) as refused:
        asks(kept, "openai", hi(), wishes="only-if-cached")
    assert (refused.value.status, refused.value.code, kept.sent()) == (504, "not_cached", 0)
    assert refused.value.gate == "cache"


@pytest.mark.parametrize("wishes", ["no-cache", "max-age=100", "no-store"])
def test_who_wants_a_new_answer_gets_no_old_one(stale, wishes):
    """Not when nobody answers, either."""
    stale.ask()
    stale.wait(200.0)
    stale.script_all(503)
    with pytest.raises(Failure):
        asks(stale, "openai", hi(), wishes=wishes)


# -- the store ---------------------------------------------------------------------------------------------------------


class Store:
    """One that fails, or takes its time."""

    shared = False

    def __init__(self, how):
        self.how = how

    async def _do(self):
        if self.how == "slow":
            await asyncio.sleep(60.0)
        if self.how == "broken":
            raise ValueError("a secret")
        raise ConnectionError("a secret")

    async def get(self, _key):
        return await self._do()

    async def put(self, _key, _value, _seconds):
        await self._do()

    async def delete(self, _key):
        await self._do()


@pytest.mark.parametrize("how", ["slow", "broken", "away"])
@pytest.mark.parametrize("stream", [False, True])
def test_whatever_the_store_does_the_answer_comes(make, how, stream):
    """Within the patience that it deserves; its failures are told, without what they say."""
    world = make(more=route(ALL), store=Store(how))
    began = world.now
    assert world.hear(stream=stream).finish == "stop"
    assert world.now - began <= (0.06 if how == "slow" else 0.0)
    world.wait(1.0)
    assert [event.doing for event in world.events(StoreTrouble)] == ["get", "put"]
    assert "secret" not in str(world.io.events)


class Unable(ScriptedIo):
    """A world that does nothing beside the requests: it has no room, or fails."""

    fails = False

    def begin(self, work):
        work.close()
        if self.fails:
            raise RuntimeError("a secret")


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_cannot_be_kept_or_renewed_is_given_all_the_same(make, fails, stream):
    """What goes wrong is told."""
    io = Unable()
    world = make(more=route("cache = {fresh = 10, stale_while_revalidate = 60}"), io=io)
    io.fails = fails
    assert world.hear(stream=stream).finish == "stop"
    assert [event.reason for event in world.events(CacheKept)] == ([] if fails else ["too much is being kept at once"])
    memory = world.stack.cache._store
    io.begin = super(Unable, io).begin
    world.hear(stream=stream)
    del io.begin
    assert len(memory) == 1
    world.wait(20.0)
    assert world.hear(stream=stream).finish == "stop"
    assert world.last().source == "stale"
    assert [event.where for event in world.events(Fault)] == (
        ["settle Record" if stream else "cache", "cache"] if fails else []
    )
    assert "secret" not in str(world.events(Fault))


def test_what_is_being_written_is_there_already(make):
    """Whoever asks again at once need not wait for a store that takes its time."""
    world = make(more=route(FRESH), store=Store("slow"))

    async def story():
        return [(await world.heard()).source for _ in range(2)]

    assert world.run(story()) == ["primary", "cache"]
    world.wait(1.0)
    assert world.stack.cache._pending == {}


def keys(memory):
    """Under which anything is kept there."""
    return [name[1:] for name in memory._shelf.begin("b", 0.0)]


def test_what_another_version_has_kept_is_not_looked_at(kept):
    """It is as if nothing were there."""
    kept.ask()
    memory = kept.stack.cache._store
    (key,) = keys(memory)
    kept.run(memory.put(key, b"\x00 not ours", 50.0))
    assert kept.ask().source == "primary"


def test_names_are_fit_for_every_store(kept):
    """Short, printable, in a namespace; nothing of what was asked stands in them."""
    kept.ask("my secret")
    (key,) = keys(kept.stack.cache._store)
    assert key.startswith("cache2:")
    assert key.isascii()
    assert len(key) <= 200
    assert "secret" not in key


def test_it_can_be_configured_wrongly():
    """And is told so."""
    with pytest.raises(ConfigError, match=r"cache\.fresh"):
        parse("[cache]\nfresh = -1", {})
