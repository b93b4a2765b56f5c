"""Schemas at the edges of a request: what else an answer may be, when time or calls are over, and what it all costs."""

import asyncio
import json

import pytest
from msgspec.structs import replace

from outlast.dialects import DIALECTS
from outlast.lab.script import body
from outlast.model.errors import BrokenStream, InvalidOutput, TimedOut
from outlast.model.events import ReplyRejected, RequestEnded
from outlast.model.messages import Text
from outlast.testing import cut, ok, stall, status

from .test_count import CLAUDES, count_of, counted
from .test_structured import ANY, FENCED, FORMAT, GOOD, NONE, PARTIAL, WRONG, asked
from .world import chat

NEXT = '[routes.default]\ntargets = ["alpha/m", "beta/m"]\non_invalid = "next"'
PRICE = "price = { input = 1, output = 2 }"
TOOL = {"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}


@pytest.fixture
def world(make):
    """Two targets that must be asked in words."""
    return make(more=NONE)


def said(finish="stop", **message):
    """A whole answer of OpenAI's with this message."""
    choice = {"index": 0, "message": {"role": "assistant", "content": None, **message}, "finish_reason": finish}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return body(json.dumps({"id": "a1", "model": "m", "choices": [choice], "usage": usage}).encode())


# -- asking ------------------------------------------------------------------------------------------------------------


def test_any_object_is_asked_for_natively_in_ones_own_dialect(world):
    """No word is added, and nothing is written anew."""
    world.script("alpha/m", ok('{"a": 1}'))
    reply = world.ask(response_format=ANY)
    assert asked(world) == [{"role": "user", "content": "hi"}]
    assert reply.raw


@pytest.mark.parametrize("dialect", ["anthropic", "gemini", "cohere"])
def test_any_object_is_asked_for_in_words_in_another_dialect(make, dialect):
    """Not all have a field for it; nothing is told as left out."""
    world = make(("alpha/m",), dialect=dialect)
    world.script("alpha/m", ok('{"a": 1}'))
    reply = world.ask(response_format=ANY)
    assert (reply.text, reply.dropped) == ('{"a": 1}', ())
    assert "Answer with one JSON object. Write nothing else" in world.io.sent[0].body.decode()


def test_what_is_no_schema_of_ours_is_passed_on(make):
    """A vendor's own form of an answer: only the vendor knows what matches it."""
    world = make()
    world.script("alpha/m", ok("+++"))
    form = {"type": "grammar", "grammar": "root ::= '+'"}
    assert world.ask(response_format=form).text == "+++"
    assert world.io.sent[0].json["response_format"] == form


def test_a_count_is_not_held_to_the_schema_of_its_request(make):
    """It is a number; so is that of a request which no provider counts."""
    form = {"format": {"type": "json_schema", "schema": FORMAT["json_schema"]["schema"]}}
    world = make(dialect=CLAUDES)
    assert counted(world, count_of(output_config=form)).source == "primary"
    world = make()
    assert counted(world, count_of(output_config=form)).source == "estimate"


def test_a_provider_that_refuses_a_schema_with_the_last_call_is_believed(make):
    """There is none left to ask it in words."""
    world = make(more="[retry]\nper_request = 1")
    world.script_all(status(400, message="Invalid schema for response_format 'invoice'"), ok(GOOD))
    failure = world.fail(response_format=FORMAT)
    assert (failure.kind, world.sent()) == ("caller", 1)


def test_a_refused_schema_may_be_asked_for_in_words_with_the_last_call(make):
    """One is left."""
    world = make(more="[retry]\nper_request = 2")
    world.script("alpha/m", status(400, message="Invalid schema for response_format 'invoice'"), ok(GOOD))
    assert world.ask(response_format=FORMAT).text == GOOD


# -- whole answers -----------------------------------------------------------------------------------------------------


def test_what_was_found_is_what_is_rendered(world):
    """Not the provider's bytes, which say more."""
    world.script("alpha/m", ok(FENCED))
    reply = world.ask(response_format=FORMAT)
    rendered = json.loads(DIALECTS["openai"].render(reply, chat(response_format=FORMAT)))
    assert rendered["choices"][0]["message"]["content"] == GOOD


def test_thoughts_stay_beside_the_answer(world):
    """They are none of the JSON."""
    world.script("alpha/m", said(content=FENCED, reasoning_content="hm"))
    first, *rest = world.ask(response_format=FORMAT).parts
    assert first.text == "hm"
    assert rest == [Text(GOOD)]


CALLS = [{"id": "c", "type": "function", "function": {"name": "search", "arguments": "{}"}}]


@pytest.mark.parametrize(
    "message", [{"tool_calls": CALLS}, {"refusal": "I will not."}, {"refusal": "I will not.", "content": "Sorry: "}]
)
def test_what_is_no_answer_is_passed_on_whatever_it_ends_by(world, message):
    """A tool call and a refusal, as they came."""
    world.script("alpha/m", said(**message))
    reply = world.ask(response_format=FORMAT, tools=[TOOL])
    assert (reply.finish, world.sent()) == ("stop", 1)
    assert reply.raw


@pytest.mark.parametrize("last", [{"tool_calls": CALLS}, {"content": "I may not", "finish": "content_filter"}])
def test_what_is_no_answer_after_a_wrong_one_counts_both(world, last):
    """It is passed on with its own parts, and with what both took."""
    world.script("alpha/m", said(content=WRONG), said(**last))
    reply = world.ask(response_format=FORMAT, tools=[TOOL])
    assert (len(reply.parts), reply.usage.input, reply.usage.output) == (1, 20, 10)
    assert (reply.text, len(reply.tool_calls)) == (("I may not", 0) if "finish" in last else ("", 1))


@pytest.mark.parametrize(("unknown", "cost"), [("", 30e-6 + 2 * 10e-6 - 10e-6), ("alpha", None), ("beta", None)])
def test_one_unknown_price_makes_the_whole_cost_unknown(make, unknown, cost):
    """Else a part would be told as all of it."""
    tables = [
        f"[providers.{name}.models.m]\nschema = false\n{'' if name == unknown else PRICE}" for name in ("alpha", "beta")
    ]
    world = make(more="\n".join([*tables, NEXT, "[structured]\nreprompts = 0"]))
    world.script("alpha/m", said(content=WRONG))
    world.script("beta/m", said(content=GOOD))
    reply = world.ask(response_format=FORMAT)
    assert reply.cost == (None if cost is None else pytest.approx(cost))
    assert world.last().cost == reply.cost


# -- when there is none ------------------------------------------------------------------------------------------------


def test_what_is_told_of_a_mismatch(world):
    """To whom the answer belongs: place and reason, of the last answer."""
    world.script("alpha/m", ok(WRONG))
    failure = world.fail(response_format=FORMAT)
    assert failure.faults == ('/total: it is not of type "number"',)


def test_each_step_is_told(make):
    """Asked again, then the next target, then given up."""
    world = make(more=f"{NONE}\n{NEXT}\n[structured]\nreprompts = 1")
    world.script_all(ok(WRONG))
    world.fail(response_format=FORMAT)
    told = [(event.target, event.then) for event in world.events(ReplyRejected)]
    assert told == [
        ("alpha/m", "asked again"),
        ("alpha/m", "next target"),
        ("beta/m", "asked again"),
        ("beta/m", "given up"),
    ]


@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_when_all_calls_are_made_the_mismatch_is_told(make, most):
    """And not that there are none left; whether the same target or the next one would have been asked."""
    world = make(more=f"{NONE}\n{NEXT}\n[retry]\nper_request = {most}")
    world.script_all(ok(WRONG))
    failure = world.fail(response_format=FORMAT)
    assert (failure.kind, failure.code, world.sent()) == ("invalid_output", "mismatch", most)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("said_", "limit", "code", "words"),
    [
        ('{"total": 1, "lines": [', 20, "max_tokens", "its limit of 20 before"),
        ('{"total": 1, "lines": [', None, "max_tokens", "its limit before"),
        ("Let me think", 20, "max_tokens", "its limit of 20 before"),
        (f"{WRONG} and", 20, "mismatch", "does not match the JSON schema: type at /total"),
    ],
)
def test_an_answer_at_its_limit_is_told_by_what_was_wrong(world, stream, said_, limit, code, words):
    """One that was whole has not failed by the limit."""
    world.script("alpha/m", ok(said_, finish="length"))
    more = {} if limit is None else {"max_tokens": limit}
    failure = world.fail(stream=stream, response_format=FORMAT, **more)
    assert (failure.code, world.sent()) == (code, 1)
    assert words in failure.message


@pytest.mark.parametrize(("said_", "code"), [('{"total": 1, "li', "cut_off"), ("I would rather not", "no_json")])
def test_an_answer_without_json_says_so(world, said_, code):
    """Nothing is said of a limit that it did not reach."""
    world.script("alpha/m", ok(said_))
    failure = world.fail(response_format=FORMAT, max_tokens=20)
    assert (failure.code, world.sent()) == (code, 3)
    assert "limit" not in failure.message


# -- streams -----------------------------------------------------------------------------------------------------------


async def heard_of(world, **how):
    """A stream with a schema: what it says of itself at first, and its chunks."""
    stream = await world.answer(stream=True, response_format=FORMAT, **how)
    opening, dialect, attempts = stream.opening, stream.dialect, stream.attempts
    return (opening, dialect, attempts), [chunk async for chunk in stream]


@pytest.mark.parametrize(("more", "dialect"), [(NONE, ""), (PARTIAL, "openai"), ("", "openai")])
def test_a_stream_says_whose_it_is(make, more, dialect):
    """However it is handed over: held back, in parts, or as it comes."""
    world = make(more=more)
    world.script("alpha/m", ok(GOOD))
    (opening, spoken, attempts), chunks = world.run(heard_of(world))
    assert (opening.model, bool(opening.id), spoken, attempts) == ("m", True, dialect, 1)
    assert "".join(chunk.text for chunk in chunks) == GOOD


def test_a_held_stream_costs_what_all_answers_cost(make):
    """The wrong ones and those that broke, too; the caller reads the sum in its last chunk."""
    world = make(("alpha/m",), more=f"[providers.alpha.models.m]\nschema = false\n{PRICE}")
    world.script("alpha/m", ok(WRONG), ok(GOOD))
    _, chunks = world.run(heard_of(world))
    ended = world.last()
    assert ended.cost == pytest.approx((ended.usage.input + 2 * ended.usage.output) / 1e6)
    assert [chunk.usage for chunk in chunks if chunk.usage] == [ended.usage]
    world.script("alpha/m", cut(3), ok(GOOD))
    world.hear(stream=True, response_format=FORMAT)
    assert world.last().usage.output > len(GOOD.split())
    assert world.path()[2:] == ["alpha/m"] * 2  # who broke off once may be asked again, where nobody else is


def test_who_breaks_off_twice_is_not_asked_again(world):
    """Each of them; then the break is told."""
    world.script_all(cut(3))
    assert isinstance(world.fail(stream=True, response_format=FORMAT), BrokenStream)
    assert world.path() == ["alpha/m", "beta/m"] * 2


def test_a_break_is_told_when_all_calls_are_made(make):
    """And not that there are none left."""
    world = make(more=f"{NONE}\n[retry]\nper_request = 2")
    world.script_all(cut(3))
    assert isinstance(world.fail(stream=True, response_format=FORMAT), BrokenStream)
    assert world.sent() == 2


def test_a_held_stream_that_stalls_is_waited_for_until_the_deadline(world):
    """Not until its stall is noticed, which takes longer; and nobody else is asked."""
    world.script_all(stall(3))
    before = world.now
    failure = world.fail(stream=True, response_format=FORMAT, timeout=4.0)
    assert isinstance(failure, TimedOut)
    assert "not whole by the deadline" in failure.message
    assert (world.now - before, world.sent()) == (pytest.approx(4.0), 1)


def test_a_stream_that_is_handed_over_has_all_its_time(make):
    """Once its first words are there the deadline is met; a held stream before it changes nothing."""
    world = make(more=f"[providers.alpha.models.m]\nschema = false\n{NEXT}\n[structured]\nreprompts = 0")
    world.script("alpha/m", ok(WRONG))
    world.script("beta/m", ok(GOOD, between=3.0))
    part = world.hear(stream=True, response_format=FORMAT, timeout=4.0)
    assert (part.text, part.error) == (GOOD, None)


def test_a_tool_call_that_is_handed_over_has_all_its_time(world):
    """The same: the deadline is for its beginning."""
    world.script("alpha/m", ok(between=3.0))
    before = world.now
    part = world.hear("use the search tool", stream=True, response_format=FORMAT, tools=[TOOL], timeout=2.0)
    assert (part.finish, part.error) == ("tool_calls", None)
    assert world.now - before > 2.0


def test_a_caller_of_the_library_may_want_the_parts(world):
    """Whatever the route says."""
    world.script("alpha/m", ok(FENCED, between=1.0))
    part = world.hear(replace(chat(stream=True, response_format=FORMAT), partial=True))
    assert (part.text, part.error) == (GOOD, None)
    assert world.last().first < world.last().seconds - 1.0


def test_who_leaves_before_the_first_part_leaves_nothing_behind(make):
    """The fixture looks at what is held."""
    world = make(more=PARTIAL)

    async def story():
        task = asyncio.create_task(world.heard(stream=True, response_format=FORMAT))
        await asyncio.sleep(2.5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    world.script("alpha/m", ok("Let me think about this for a while: " + GOOD, between=1.0))
    world.run(story())
    assert [event.kind for event in world.events(RequestEnded)] == ["cancelled"]


@pytest.mark.parametrize("more", [NONE, PARTIAL, ""])
def test_what_was_asked_is_let_go_of_when_it_has_been_answered(make, more):
    """A prompt may be large, and a stream's reader slow: at its end nothing of it is held."""
    world = make(more=more)
    world.script("alpha/m", ok(GOOD))
    request = chat(stream=True, response_format=FORMAT)

    async def story():
        stream = await world.answer(request)
        held = request.readable
        async for _ in stream:
            pass
        return held

    assert world.run(story()) == (more != NONE)
    assert not request.readable


@pytest.mark.parametrize("more", [PARTIAL, ""])
def test_a_stream_that_does_not_match_is_let_go_of(make, more):
    """Before anybody has read its error to the end: the connection is not held for the rest."""
    world = make(more=more)
    world.script("alpha/m", ok(WRONG))
    part = world.hear(stream=True, response_format=FORMAT)
    assert isinstance(part.error, InvalidOutput)
    assert world.held() == {}
