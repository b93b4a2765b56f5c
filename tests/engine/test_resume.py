"""Streams that break after their first content are gone on with: one whole answer, or an honest error."""

import asyncio
import json
import random
import re

import pytest

from outlast.engine import Asked
from outlast.flow.stream import Stream
from outlast.lab.answer import compose
from outlast.lab.rendering import opened
from outlast.lab.steps import Body, End, Fin, Rst, Silence
from outlast.model.errors import BrokenStream, Cancelled
from outlast.model.events import AttemptEnded, FailedOver, Fault, StreamBroke, StreamResumed
from outlast.testing import Behaviour, cut, ended, error_event, garbled, ok, pings, stall

from .world import TEXT, Part, World, chat, read

WHOLE = "This is the simulated provider WHO, no model at all. You said: hi"
LENGTH = len(WHOLE.split())
WAYS = {
    "fin": lambda k: cut(k, "fin"),
    "rst": lambda k: cut(k, "rst"),
    "ended": ended,
    "garbled": garbled,
    "error event": error_event,
    "stall": stall,
    "pings": pings,
}
PREFILL = "[providers.beta.models.m]\nprefill = true"
BETA = {
    "as it was asked to": ok(),
    "straight on": ok(begins="straight"),
    "three words again": ok(repeats=3),
    "ten words again": ok(repeats=10),
    "dripping": Behaviour("drip", ok().play),
}


def anybody(text):
    """The same whoever said it: simulated providers tell their names."""
    return re.sub(r"\b(alpha|beta|gamma)\b", "WHO", text)


def broken(text, after, *how, between=0.0):
    """A provider that says so many words of this text, and then does that."""

    def play(asked):
        yield from opened(asked, compose(asked, text), after, between=between)
        yield from how

    return Behaviour("broken", play)


def whole(part):
    """Is this the whole answer, with its end?"""
    return (anybody(part.text), part.finish, part.error) == (WHOLE, "stop", None)


@pytest.mark.parametrize("prefill", [False, True])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("k", range(1, LENGTH))
def test_wherever_and_however_it_breaks_the_answer_is_whole(make, way, k, prefill):
    """Every word once and one finish, from two targets; the attempt that broke is told, and its circuit hears of it."""
    world = make(more=PREFILL if prefill else "")
    world.script("alpha/m", WAYS[way](k))
    part = world.hear(stream=True)
    assert whole(part), part.text
    assert world.story() == [("alpha/m", "broken_stream"), ("beta/m", "ok")]
    assert (world.last().kind, world.last().resumed, world.last().target) == ("ok", 1, "alpha/m")
    assert (world.breaker()._window.failed, world.breaker("beta/m")._window.ok) == (1, 1)
    told = world.events(StreamResumed)[0]
    assert (told.from_target, told.to_target) == ("alpha/m", "beta/m")
    assert told.way in ({"prefill"} if prefill else {"asking"})
    assert WHOLE.startswith(anybody(part.text)[: told.said])


@pytest.mark.parametrize("seed", range(20))
def test_of_a_thousand_broken_streams_none_is_truncated_in_silence(seed):
    """Fifty at a time, broken at random by all the ways, once or twice, and gone on with in all the ways.

    A second silence may leave no time for a third target: then the error is honest.
    """
    dice, lost = random.Random(seed), 0
    for number in range(50):
        world = World(("alpha/m", "beta/m", "gamma/m"), PREFILL if dice.random() < 0.5 else "", seed=number)
        world.script("alpha/m", WAYS[dice.choice(list(WAYS))](dice.randint(1, LENGTH - 1)))
        again = WAYS[dice.choice(list(WAYS))](dice.randint(1, LENGTH - 1))
        world.script("beta/m", again if dice.random() < 0.3 else dice.choice(list(BETA.values())))
        part = world.hear(stream=True, stream_options={"include_usage": True})
        if part.error is not None:
            lost += 1
            assert WHOLE.startswith(anybody(part.text))
            assert (part.finish, part.error.kind, part.error.stalled) == (None, "broken_stream", True)
        else:
            assert whole(part), (seed, number, part.text)
        told = [event.usage for event in world.events(AttemptEnded)]
        assert world.last().usage == sum(told[1:], start=told[0])
        assert not world.events(Fault)
        assert world.close() == {}
    assert lost <= 5


@pytest.mark.parametrize("how", BETA)
def test_what_the_next_target_repeats_is_dropped(world, how):
    """Asked to go on, models repeat what they were asked to repeat, or more, or less, or nothing."""
    world.script("alpha/m", cut(12))
    world.script("beta/m", BETA[how])
    assert whole(world.hear(stream=True))


@pytest.mark.parametrize("prefill", ["", PREFILL])
def test_who_begins_anew_with_the_same_words_goes_on(make, prefill):
    """The part that the caller has already is dropped."""
    world = make(more=prefill)
    world.script("alpha/m", broken(TEXT * 5, 20, Rst()))
    world.script("beta/m", ok(TEXT * 5, begins="anew"))
    part = world.hear(stream=True)
    assert (part.text, part.error) == (TEXT * 5, None)
    assert world.events(StreamResumed)[0].way == "restart"


def test_who_begins_anew_in_other_words_is_given_up(make):
    """What cannot be joined is not handed over; the next one is asked."""
    world = make(("alpha/m", "beta/m", "gamma/m"))
    world.script("alpha/m", cut(10))
    world.script("beta/m", ok(begins="anew"))
    assert whole(world.hear(stream=True))
    assert world.path() == ["alpha/m", "beta/m", "gamma/m"]
    assert world.events(AttemptEnded)[1].kind == "cancelled"


def test_an_introduction_is_dropped(world):
    """Some models cannot help it."""
    world.script("alpha/m", broken(TEXT * 3, 14, Fin()))
    world.script("beta/m", ok(TEXT * 3, introduction="Sure, here is the rest:\n"))
    assert world.hear(stream=True).text == TEXT * 3


def test_several_breaks_are_several_parts(make):
    """One after another goes on, each from where the last one broke; the first that broke is asked again last."""
    world = make(("alpha/m", "beta/m", "gamma/m"))
    world.script("alpha/m", cut(3), ok())
    world.script("beta/m", stall(8))
    world.script("gamma/m", garbled(9))
    assert whole(world.hear(stream=True))
    assert world.path() == ["alpha/m", "beta/m", "gamma/m", "alpha/m"]
    assert world.last().resumed == 3


def test_the_only_target_is_asked_for_the_rest_once(make):
    """A connection may have been cut by chance; who breaks off twice in one answer is not asked again."""
    world = make(("alpha/m",))
    world.script("alpha/m", cut(4), ok())
    assert whole(world.hear(stream=True))
    world.script("alpha/m", broken(TEXT, 2, Fin()))
    part = world.hear(stream=True)
    assert (part.text, part.finish) == (" ".join(TEXT.split()[:2]), None)
    assert isinstance(part.error, BrokenStream)
    assert world.sent() == 4


def test_a_target_that_is_down_is_passed_over(make):
    """Routing finds the target for the rest as for any call: with its failovers, within the time that there is."""
    world = make(("alpha/m", "beta/m", "gamma/m"))
    world.script("alpha/m", cut(5))
    world.script("beta/m", 503)
    assert whole(world.hear(stream=True))
    assert world.path() == ["alpha/m", "beta/m", "beta/m", "gamma/m"]
    assert [(event.from_target, event.to_target) for event in world.events(FailedOver)] == [("beta/m", "gamma/m")]


def test_with_nobody_left_the_error_is_honest(world):
    """What was said, no finish, the class of a broken stream, and the whole history."""
    world.script("alpha/m", cut(5), 500)
    world.script("beta/m", 401)
    part = world.hear(stream=True)
    assert anybody(part.text) == " ".join(WHOLE.split()[:5])
    assert (part.finish, part.error.kind, part.error.status) == (None, "broken_stream", 502)
    assert [attempt.kind for attempt in part.error.attempts[:2]] == ["broken_stream", "credential"]
    assert "could go on" in part.error.message
    assert world.last().kind == "broken_stream"


def test_there_are_twelve_upstream_calls_at_most(make):
    """However often it breaks."""
    targets = tuple(f"{name}/m" for name in "abcdefghijklmn")
    world = make(targets)
    text = " ".join(f"word{number}" for number in range(100))
    for target in targets:
        world.script(target, broken(text, 12, Fin()))
    part = world.hear(stream=True)
    assert isinstance(part.error, BrokenStream)
    assert text.startswith(part.text)
    assert world.sent() == 12


# -- time --------------------------------------------------------------------------------------------------------------


def gaps(world, stream):
    """The longest time between two pieces of content."""

    async def story():
        last = longest = world.io.now()
        longest = 0.0
        try:
            async for _ in stream:
                longest, last = max(longest, world.io.now() - last), world.io.now()
        except BrokenStream:
            pass
        return max(longest, world.io.now() - last)

    return world.run(story())


@pytest.mark.parametrize("next_one", ["silent", "A2-black-hole", stall(0), pings(0)])
def test_nobody_waits_for_longer_than_stall_and_first_content(world, next_one):
    """The break is noticed after ten seconds, and the first new words must come ten seconds later."""
    world.script("alpha/m", stall(4))
    world.script("beta/m", next_one)
    assert gaps(world, world.ask(stream=True)) <= 20.0


def test_who_repeats_too_slowly_is_given_up(world):
    """A beginning from the top that takes longer than the caller would wait is not waited for."""
    world.script("alpha/m", broken(TEXT * 5, 25, Fin()))
    world.script("beta/m", ok(TEXT * 5, begins="anew", between=3.0))
    assert gaps(world, world.ask(stream=True)) <= 15.0


def test_the_deadline_of_the_request_ended_with_its_first_content(world):
    """A caller with a short deadline has its answer gone on with like any other."""
    world.script("alpha/m", broken(TEXT, 4, Fin(), between=1.0))
    part = world.hear(stream=True, timeout=1.0)
    assert part.error is None


def test_no_answer_is_longer_than_a_stream_may_be(make):
    """`max_stream` holds for all parts together; what has run into it is not gone on with."""
    world = make(more="[timers]\nmax_stream = 60")
    world.script("alpha/m", broken("word " * 200, 40, Fin(), between=1.0))
    world.script("beta/m", ok("word " * 200, between=1.0))
    part = world.hear(stream=True)
    assert part.error is not None
    assert (world.now <= 70.0, world.sent()) == (True, 2)


# -- what cannot be gone on with ---------------------------------------------------------------------------------------


def refusing(world, *, sent=1, **fields):
    """The failure of an answer that nobody is asked to go on with."""
    part = world.hear("hi", stream=True, **fields)
    assert isinstance(part.error, BrokenStream)
    assert (part.finish, world.sent()) == (None, sent)
    return part.error.message


TOOL = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]


def test_half_a_tool_call_is_an_error(world):
    """No provider takes half a call."""
    world.script("alpha/m", "E80-arguments-cut")
    assert "a tool call" in refusing(world, tools=TOOL)


def test_several_answers_are_an_error(world):
    """The rest of one would be the rest of all."""
    world.script("alpha/m", cut(4))
    assert "several answers" in refusing(world, n=2)


def test_a_refusal_is_an_error(world):
    """A model that declines is not asked to decline a little more."""
    events = [{"role": "assistant"}, {"refusal": "I can"}, {"refusal": "not"}]
    data = b"".join(
        b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}).encode() + b"\n\n"
        for delta in events
    )

    def play(asked):
        yield from [*opened(asked, compose(asked, "x"), 0)][:1]
        yield Body(data)
        yield Fin()

    world.script("alpha/m", Behaviour("refusal", play))
    assert "a refusal" in refusing(world)


def test_an_answer_that_is_too_long_to_be_remembered_is_an_error(make):
    """Memory is bounded."""
    world = make(more="[resume]\nlongest = 10")
    world.script("alpha/m", cut(4))
    assert "more than is remembered" in refusing(world)


def test_what_has_finished_is_not_gone_on_with(world):
    """The finish has been handed over."""
    world.script("alpha/m", "E36-line-16-mib")
    world.hear(stream=True)
    assert world.path() == ["alpha/m"]


def test_a_route_may_want_the_error(make):
    """`on_break = "error"`: nobody is asked to go on, and the question is not kept."""
    world = make(more='[routes.default]\ntargets = ["alpha/m", "beta/m"]\non_break = "error"')
    world.script("alpha/m", cut(4))
    stream = world.ask(stream=True)
    assert not stream.keeps_request
    assert isinstance(world.run(read(stream)).error, BrokenStream)
    assert world.sent() == 1


# -- beginning anew ----------------------------------------------------------------------------------------------------

RESTART = '[routes.default]\ntargets = ["alpha/m", "beta/m"]\non_break = "restart"'


def heard_anew(world, **fields):
    """What a caller has who can be told that an answer begins anew, and how often it did."""

    async def story():
        request = chat(stream=True, **fields)
        request.restarts = True
        words, voids = "", 0
        stream = await world.engine.answer(request, Asked("1"))
        try:
            async for chunk in stream:
                words, voids = ("", voids + 1) if chunk.restart else (words, voids)
                words += chunk.text
        except BrokenStream as error:
            return words, voids, error
        return words, voids, stream.finish

    return world.run(story())


def test_a_route_may_want_another_answer(make):
    """The caller is told that what came is void; the question is asked as it was, and both answers are paid for."""
    world = make(more=RESTART)
    world.script("alpha/m", cut(4))
    assert heard_anew(world) == (WHOLE.replace("WHO", "beta"), 1, "stop")
    first, second = (sent.json for sent in world.io.sent)
    assert first == second
    assert world.events(StreamResumed)[0].way == "anew"
    assert world.last().usage == world.last().history[0].usage + world.last().history[1].usage


def test_another_answer_may_be_begun_where_none_could_be_gone_on_with(make):
    """Half a tool call, or several answers: all of it is void."""
    world = make(more=RESTART)
    world.script("alpha/m", "E80-arguments-cut")
    assert heard_anew(world, tools=TOOL, n=2)[1:] == (1, "stop")


def test_another_answer_that_breaks_too_is_an_error_in_the_end(make):
    """Nothing of it is kept for whole."""
    world = make(more=RESTART)
    world.script_all(cut(3))
    words, voids, error = heard_anew(world)
    assert (words, voids) == ("This is the", 3)
    assert isinstance(error, BrokenStream)


def test_who_cannot_be_told_gets_the_error(make):
    """The vendors' streams have no words for it."""
    world = make(more=RESTART)
    world.script("alpha/m", cut(4))
    part = world.hear(stream=True)
    assert isinstance(part.error, BrokenStream)
    assert world.path() == ["alpha/m"]


# -- JSON --------------------------------------------------------------------------------------------------------------

JSON_TEXT = json.dumps({"name": "a long name", "words": ["one", "two", "three"], "number": 17})
FORMAT = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}


@pytest.mark.parametrize("wanted", [FORMAT, {"type": "json_object"}])
def test_half_a_json_is_gone_on_with_by_prefill_alone(make, wanted):
    """Who is asked to go on would begin another; who is prefilled is held to no format of the whole."""
    world = make(("alpha/m", "gamma/m", "beta/m"), PREFILL)
    world.script("alpha/m", broken(JSON_TEXT, 4, Fin()))
    world.script("beta/m", ok(JSON_TEXT))
    part = world.hear("json", stream=True, response_format=wanted)
    assert (part.text, part.finish, part.error) == (JSON_TEXT, "stop", None)
    assert world.path() == ["alpha/m", "beta/m"]
    assert "response_format" not in world.io.sent[-1].json


def test_half_a_json_without_a_target_that_takes_it_is_an_error(world):
    """An honest one, and nobody was asked."""
    world.script("alpha/m", broken(JSON_TEXT, 4, Fin()))
    refusing(world, response_format=FORMAT)


def test_a_rest_that_makes_no_json_is_an_error(make):
    """The whole is looked at before it is called whole."""
    world = make(more=PREFILL)
    world.script("alpha/m", broken(JSON_TEXT, 4, Fin()), 500)
    world.script("beta/m", ok("some words that are no JSON at all, and more of them", begins="straight"), 500)
    part = world.hear(stream=True, response_format=FORMAT)
    assert (part.finish, part.error.kind) == (None, "broken_stream")


# -- thoughts ----------------------------------------------------------------------------------------------------------


def thinking(thoughts, words, *how):
    """A provider that thinks aloud before it speaks."""

    def play(asked):
        head, *_ = opened(asked, compose(asked, "x"), 0)
        yield head
        for delta in [{"reasoning_content": thought} for thought in thoughts] + [{"content": word} for word in words]:
            chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
            yield Body(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        if how:
            yield from how
        else:
            end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
            yield Body(b"data: " + json.dumps(end).encode() + b"\n\ndata: [DONE]\n\n")
            yield End()

    return Behaviour("thinking", play)


def thought(world):
    """Thoughts and words of an answer."""

    async def story():
        chunks = [chunk async for chunk in await world.answer(stream=True)]
        return "".join(chunk.reasoning for chunk in chunks), "".join(chunk.text for chunk in chunks)

    return world.run(story())


def test_who_breaks_off_while_he_thinks_is_followed_by_who_thinks_anew(world):
    """No word was said: the next target answers the question, and its thoughts come behind the first ones."""
    world.script("alpha/m", thinking(["let me", " see"], [], Rst()))
    world.script("beta/m", thinking(["I see. "], ["yes", " sir"]))
    assert thought(world) == ("let me seeI see. ", "yes sir")
    assert world.events(StreamResumed)[0].way == "anew"
    assert len(world.io.sent[-1].json["messages"]) == 1


def test_a_short_rest_that_was_held_back_comes_with_its_finish(world):
    """What looked like the beginning of an introduction was all that there was to say."""
    world.script("alpha/m", broken(TEXT * 3, 14, Fin()))
    world.script("beta/m", thinking([], ["Ten"]))
    part = world.hear(stream=True)
    assert (part.text[-7:], part.finish) == ("fourTen", "stop")


def test_thoughts_do_not_come_behind_words(world):
    """Who goes on may think first; the caller sees the words."""
    world.script("alpha/m", thinking(["hm"], ["yes", ","], Rst()))
    world.script("beta/m", thinking(["how do I go on?"], ["yes,", " sir"]))
    assert thought(world) == ("hm", "yes, sir")


# -- the request -------------------------------------------------------------------------------------------------------


def test_the_rest_is_asked_for_as_the_question_was(world):
    """Everything that the caller wrote, and two turns more; what it has of tokens is what is left."""
    world.script("alpha/m", cut(4))
    world.hear(stream=True, max_tokens=100, temperature=0.5, seed=7, stop=["\n\n"], user="me")
    first, second = (sent.json for sent in world.io.sent)
    said, ask = second["messages"][1:]
    assert said == {"role": "assistant", "content": "This is the simulated"}
    assert "<last_words>This is the simulated</last_words>" in ask["content"]
    assert second["max_tokens"] == 96
    assert second | {"messages": 0, "max_tokens": 0} == first | {"messages": 0, "max_tokens": 0}


def test_the_limit_of_tokens_holds_for_the_pieces_together(world):
    """Ten are ten, whoever says them."""
    for k in range(1, 10):
        world.script("alpha/m", cut(k))
        world.script("beta/m", ok(begins="straight"))
        part = world.hear(stream=True, max_tokens=10)
        assert anybody(part.text) == " ".join(WHOLE.split()[:10])
        assert part.finish == "length"
        world.wait(120)


@pytest.mark.parametrize(
    ("quirk", "on_turn", "beside"),
    [
        ("message", {}, {}),
        ("prefix", {"prefix": True}, {}),
        ("continue", {}, {"continue_final_message": True, "add_generation_prompt": False}),
    ],
)
def test_each_server_is_prefilled_in_its_own_way(make, quirk, on_turn, beside):
    """The last turn is the assistant's, without white space at its end, marked as the server wants it."""
    world = make(more=f'{PREFILL}\n[providers.beta.quirks]\nprefill = "{quirk}"')
    world.script("alpha/m", broken("one two \n\nthree four", 2, Rst()))
    world.script("beta/m", ok("one two \n\nthree four"))
    assert world.hear(stream=True).text == "one two \n\nthree four"
    sent = world.io.sent[-1].json
    assert sent["messages"][-1] == {"role": "assistant", "content": "one two"} | on_turn
    assert {name: sent.get(name) for name in beside} == beside


def test_a_prefill_that_is_refused_becomes_a_question(make):
    """The catalog may be wrong of a server."""
    world = make(more=PREFILL)
    world.script("alpha/m", cut(6))
    world.script("beta/m", 400, ok())
    assert whole(world.hear(stream=True))
    assert [message["role"] for message in world.io.sent[-1].json["messages"]] == ["user", "assistant", "user"]


def test_a_beginning_of_the_caller_s_own_stays(make):
    """Who has prefilled the answer gets its rest, and no piece of his own words."""
    world = make(more=PREFILL)
    world.script("alpha/m", broken("one two three four five six", 2, Rst()))
    world.script("beta/m", ok("one two three four five six"))

    async def story():
        mine = [{"role": "user", "content": "count"}, {"role": "assistant", "content": "one two"}]
        return await read(await world.answer(stream=True, messages=mine))

    assert world.run(story()).text == " three four five six"
    assert world.io.sent[-1].json["messages"][-1]["content"] == "one two three four"


def test_a_stop_sequence_over_the_seam_ends_the_answer(make):
    """No target sees it whole."""
    world = make(more=PREFILL)
    world.script("alpha/m", broken("one two EN D three", 3, Rst()))
    world.script("beta/m", ok("one two EN D three"))
    part = world.hear(stream=True, stop=["EN D"])
    assert (part.text, part.finish, part.error) == ("one two EN", "stop", None)


# -- leaving, and what is held -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("leave", ["cancel", "close", "abort while it is read"])
def test_who_leaves_while_another_target_is_found_leaves_nothing_behind(world, leave):
    """Neither slot nor connection, of the first or of the next."""
    world.script("alpha/m", cut(3))
    world.script("beta/m", ok(first=5.0))

    async def story():
        stream = await world.answer(stream=True)
        reading = asyncio.ensure_future(read(stream))
        await asyncio.sleep(1)
        assert world.sent("beta/m") == 1
        if leave == "cancel":
            reading.cancel()
        else:
            stream.abort()
        await asyncio.sleep(10)
        if leave != "cancel":
            assert isinstance((await reading).error, Cancelled)

    world.run(story())
    assert world.held() == {}
    assert world.last().kind == "cancelled"


def test_what_an_attempt_holds_is_given_back_at_its_break(world):
    """The slot of the first target, while the second one speaks; the gateway's at the end of all."""
    world.script("alpha/m", cut(3))
    world.script("beta/m", ok(between=1.0))

    async def story():
        stream = await world.answer(stream=True)
        words = 0
        async for _ in stream:
            words += 1
            if words == 6:
                assert (world.slots().used, world.slots("beta/m").used) == (0, 1)
                assert world.stack.admission.of("gateway").used == 1

    world.run(story())
    assert world.held() == {}


def test_a_stream_that_nobody_reads_is_ended_after_a_break_too(make):
    """Its slots come back by its longest life."""
    world = make(more="[timers]\nmax_stream = 60")
    world.script("alpha/m", cut(3))
    world.script("beta/m", ok(between=1.0))

    async def story():
        stream = await world.answer(stream=True)
        for _ in range(5):
            await anext(stream)
        await asyncio.sleep(100)
        assert world.held() == {}
        return stream

    assert isinstance(world.run(story()), Stream)


def test_the_question_is_kept_until_the_end_and_no_longer(world):
    """Its bytes alone; and nothing of it when the answer is over."""
    requests = []
    inner = world.engine._handler

    async def watched(call):
        requests.append(call.request)
        return await inner(call)

    world.engine._handler = watched
    stream = world.ask("a question", stream=True)
    assert b"a question" in requests[0].body
    assert requests[0]._content is None
    assert world.run(read(stream)).error is None
    assert requests[0].body == b""


def test_what_is_told_of_a_break(world):
    """Who broke, after how much, and whether somebody may go on; then who did, how, and how long that took."""
    world.script("alpha/m", stall(4))
    world.script("beta/m", ok(first=2.0))
    world.hear(stream=True)
    assert world.events(StreamBroke) == [StreamBroke("1", "alpha/m", 21, stalled=True)]
    assert world.events(StreamResumed) == [StreamResumed("1", "alpha/m", "beta/m", 21, "asking", 2.0)]


def test_the_last_words_alone_may_be_missing(world):
    """Who broke before its finish, with all words said: the next one has nothing to add."""
    world.script("alpha/m", broken(TEXT, 6, Silence()))
    world.script("beta/m", ok(TEXT))
    part = world.hear(stream=True)
    assert (part.text, part.finish, part.error) == (TEXT, "stop", None)
    assert isinstance(part, Part)


def test_a_pause_of_the_reader_is_no_break(world):
    """The clocks run while the provider is waited for."""
    world.script("alpha/m", cut(3))

    async def story():
        stream, words = await world.answer(stream=True), ""
        async for chunk in stream:
            words += chunk.text
            await asyncio.sleep(30)
        return words

    assert anybody(world.run(story())) == WHOLE
