"""Streams: nothing leaks before the first content, and every ending is honest.

What becomes of a stream that breaks is told in `test_resume.py`; here such streams end with an error.
"""

import asyncio
import json

import pytest

from outlast.lab.steps import Body, End, Pause, Silence
from outlast.model.errors import BrokenStream, Cancelled
from outlast.model.events import AttemptEnded
from outlast.testing import (
    Behaviour,
    ScriptedIo,
    cut,
    ended,
    error_event,
    garbled,
    ok,
    pings,
    stall,
    torn,
)

from .world import TEXT, read

WORDS = [
    "This",
    " is",
    " the",
    " simulated",
    " provider",
    " alpha,",
    " no",
    " model",
    " at",
    " all.",
    " You",
    " said:",
    " hi",
]
WHOLE = "".join(WORDS)
KINDS = {
    "fin": lambda k: cut(k, "fin"),
    "rst": lambda k: cut(k, "rst"),
    "stall": stall,
    "garbled": garbled,
    "ended": ended,
    "error event": error_event,
    "pings": pings,
}


@pytest.fixture
def strict(make):
    """The usual targets, with streams that end with an error when they break."""
    return make(more='[routes.default]\ntargets = ["alpha/m", "beta/m"]\non_break = "error"')


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", range(1, len(WORDS)))
def test_a_broken_stream_gives_what_came_and_then_says_so(strict, kind, k):
    """The caller gets exactly the tokens before the break, then the error; nobody is asked again."""
    strict.script("alpha/m", KINDS[kind](k))
    part = strict.hear(stream=True)
    assert part.text == "".join(WORDS[:k])
    assert isinstance(part.error, BrokenStream)
    assert (part.finish, part.error.target) == (None, "alpha/m")
    assert strict.path() == ["alpha/m"]
    assert strict.breaker()._window.failed == 1
    assert (strict.last().kind, strict.last().status) == ("broken_stream", 502)


@pytest.mark.parametrize("kind", [*KINDS, "silent"])
def test_before_the_first_content_a_break_is_invisible(world, kind):
    """A stream that breaks before its first content is told by the next target, from its first word to its last."""
    world.script("alpha/m", KINDS.get(kind, stall)(0))
    part = world.hear(stream=True)
    assert part.text == WHOLE.replace("alpha", "beta")
    assert (part.error, part.finish) == (None, "stop")


@pytest.mark.parametrize("inside", [None, "✓"])
def test_half_an_event_is_dropped(strict, inside):
    """A cut inside an event or a character gives neither half of it."""
    strict.script("alpha/m", torn(4, inside=inside))
    part = strict.hear(stream=True)
    assert part.text == "one two three four"
    assert isinstance(part.error, BrokenStream)


@pytest.mark.parametrize(
    "fault", ["E25-no-done", "E11-no-blank-line", "E12-close-delimited", "E16-after-done", "E36-line-16-mib"]
)
def test_a_stream_with_a_finish_is_complete(world, fault):
    """With all its content and a finish reason a stream is whole, whatever becomes of its end marker."""
    world.script("alpha/m", fault)
    part = world.hear(stream=True)
    assert (part.text, part.finish, part.error) == (WHOLE, "stop", None)
    assert world.now == 0.0


def without_end(*, beats=0):
    """A complete stream whose end marker never comes, on an open connection; perhaps with comments."""
    good = ok()

    def play(asked):
        for step in good.play(asked):
            if isinstance(step, End) or (isinstance(step, Body) and b"[DONE]" in step.data):
                break
            yield step
        for _ in range(beats):
            yield Pause(0.4)
            yield Body(b": still here\n\n")
        yield Silence()

    return Behaviour("without-end", play)


@pytest.mark.parametrize("beats", [0, 50])
def test_the_end_marker_is_waited_for_a_second_at_most(world, beats):
    """Comments after the finish do not make the wait longer."""
    world.script("alpha/m", without_end(beats=beats))
    part = world.hear(stream=True)
    assert (part.text, part.finish, part.error) == (WHOLE, "stop", None)
    assert world.now <= 1.0


def test_the_end_marker_ends_the_stream_at_once(world):
    """After the end marker nobody waits for the connection to close."""
    world.script("alpha/m", "E14-done-then-open")
    part = world.hear(stream=True)
    assert (part.finish, part.error, world.now) == ("stop", None, 0.0)


@pytest.mark.parametrize(
    "fault",
    ["E1-crlf", "E1-cr", "E1-mixed", "E1-crlf-split", "E2-bom", "E4-odd-fields", "E5-no-space", "E6-several-data-lines",
     "E7-unknown-events",
     "E9-byte-by-byte", "E17-finish-twice", "E30-pings-then-answer", "E38-slow-tokens"],
)  # fmt: skip
def test_odd_streams_are_good_streams(world, fault):
    """What the event stream format allows is read as it is meant, on the first target."""
    world.script("alpha/m", fault)
    part = world.hear(stream=True)
    assert (part.text, part.finish, part.error) == (WHOLE, "stop", None)
    assert world.story() == [("alpha/m", "ok")]


def test_tool_calls_come_through_by_their_numbers(world):
    """Interleaved pieces of two tool calls keep their numbers."""
    world.script("alpha/m", "E39-tool-calls")

    async def story():
        pieces = {}
        async for chunk in await world.answer(stream=True):
            if chunk.tool:
                pieces[chunk.tool.index] = pieces.get(chunk.tool.index, "") + chunk.tool.arguments
        return pieces

    assert world.run(story()) == {0: '{"a":1}', 7: '{"b":2}'}


@pytest.mark.parametrize("fault", ["E34-html-mid-stream", "E40-fin-close-delimited"])
def test_junk_in_the_middle_is_a_break(strict, fault):
    """Pages, endless lines and silent cuts in the middle of a stream are no success."""
    strict.script("alpha/m", fault)
    part = strict.hear(stream=True)
    assert isinstance(part.error, BrokenStream)
    assert WHOLE.startswith(part.text)


def test_a_garbled_event_is_told_at_once(strict):
    """A bad event behind good ones of the same read ends the stream without a wait for more bytes."""

    def play(asked):
        steps = list(garbled(2).play(asked))
        head, *bodies = [step for step in steps if not isinstance(step, End)]
        yield head
        yield Body(b"".join(body.data for body in bodies[:5]))
        yield Silence()

    strict.script("alpha/m", Behaviour("garbled-then-silent", play))
    part = strict.hear(stream=True)
    assert isinstance(part.error, BrokenStream)
    assert (part.text, part.error.stalled, strict.now) == ("This is", False, 0.0)


def test_an_endless_stream_is_cut_by_our_bound(make):
    """A stream without an end is cut at the bound, with an error, and counts as a failure."""
    world = make(more="[attempt]\nmax_stream_bytes = 50_000")
    world.script("alpha/m", "E37-endless")
    part = world.hear(stream=True)
    assert isinstance(part.error, BrokenStream)
    assert 0 < len(part.text) < 50_000
    assert world.breaker()._window.failed == 1


def test_content_filter_before_any_content_is_an_answer(world):
    """A stream that ends for reasons of content, without a word, is a whole answer with that reason."""
    world.script("alpha/m", ok("", finish="content_filter"))
    part = world.hear(stream=True)
    assert (part.text, part.finish, part.error) == ("", "content_filter", None)


def test_a_whole_answer_to_a_streamed_question_is_a_stream(world):
    """A provider that does not stream is read as a stream of one batch."""
    world.script("alpha/m", "C24-no-content-type")

    async def story():
        stream = await world.answer(stream=True)
        return await read(stream), stream.usage.output

    part, tokens = world.run(story())
    assert (part.text, part.finish) == (WHOLE, "stop")
    assert tokens == len(WORDS)


def test_usage_and_attempts_are_told_at_the_end(world):
    """When a stream is over it has usage; before, it says who answers and after how many attempts."""
    world.script("alpha/m", 503)

    async def story():
        stream = await world.answer(stream=True, stream_options={"include_usage": True})
        assert (stream.target, stream.source, stream.attempts) == ("beta/m", "fallback", 3)
        await read(stream)
        return stream.usage

    usage = world.run(story())
    assert not usage.estimated
    assert world.last().usage == usage


# -- timers ------------------------------------------------------------------------------------------------------------


def test_the_first_content_has_ten_seconds(world):
    """A stream without content for ten seconds is left for the next target."""
    world.script("alpha/m", stall(0))
    world.hear(stream=True)
    assert world.times("beta/m") == [10.0]
    assert world.events(AttemptEnded)[0].kind == "timeout"


def test_pings_do_not_stop_the_first_content_timer(world):
    """Heartbeats are no content."""
    world.script("alpha/m", pings(0))
    world.hear(stream=True)
    assert world.times("beta/m") == [10.0]


def test_the_last_moment_is_early_enough(world):
    """First content just within its limit is an answer."""
    world.script("alpha/m", ok(first=9.9))
    assert world.hear(stream=True).error is None
    assert world.story() == [("alpha/m", "ok")]


@pytest.mark.parametrize("behaviour", [stall(4), pings(4)])
def test_a_stall_ends_after_ten_seconds(strict, behaviour):
    """Ten seconds without content break a stream; heartbeats do not count."""
    strict.script("alpha/m", behaviour)
    part = strict.hear(stream=True)
    assert part.error.stalled
    assert strict.now == 10.0


def test_slow_content_is_no_stall(world):
    """A token every nine seconds goes on and on."""
    world.script("alpha/m", ok(TEXT, between=9.0))
    assert world.hear(stream=True).error is None
    assert world.now == 45.0


def test_a_slow_reader_is_no_stall(world):
    """The stall clock runs only while the provider is waited for."""
    world.script("alpha/m", ok(TEXT))

    async def story():
        words = []
        async for chunk in await world.answer(stream=True):
            words.append(chunk.text)
            await asyncio.sleep(30)
        return "".join(words)

    assert world.run(story()) == TEXT
    assert world.breaker()._window.failed == 0


def test_the_caller_s_deadline_ends_at_the_first_content(world):
    """A deadline holds until the first content; the stream may go on after it."""
    world.script("alpha/m", ok(TEXT, first=1.0, between=5.0))
    assert world.hear(stream=True, timeout=3).error is None
    assert world.now == 26.0


def test_no_stream_is_longer_than_its_limit(make):
    """`max_stream` breaks a stream that goes on for longer, as a failure of its target; but it was long, not slow."""
    world = make(more="[timers]\nmax_stream = 60")
    world.script("alpha/m", ok("word " * 100, between=1.0))
    part = world.hear(stream=True)
    assert isinstance(part.error, BrokenStream)
    assert world.now == 60.0
    assert (part.error.bounded, part.error.stalled) == (True, False)
    assert (world.breaker()._window.failed, world.breaker()._window.slow) == (1, 0)


class Alarmed(ScriptedIo):
    """Remembers what was to be ended when."""

    def __init__(self):
        super().__init__()
        self.alarms = []

    def watch(self, timed, due):
        """An alarm."""
        super().watch(timed, due)
        self.alarms.append(due)


@pytest.mark.parametrize("on_break", ["resume", "error"])
def test_the_life_of_a_stream_is_bounded_by_one_timer(make, on_break):
    """Whether it may outlive its provider or not: a timer is memory too, and thousands of streams may be open."""
    world = make(more=f'[routes.default]\ntargets = ["alpha/m", "beta/m"]\non_break = "{on_break}"', io=Alarmed())

    async def story():
        async with await world.answer(stream=True):
            assert len([due for due in world.io.alarms if due > 600]) == 1

    world.run(story())


def test_a_stream_that_nobody_reads_is_ended_by_its_limit(make):
    """Who keeps a stream without reading it does not keep its slot for ever."""
    world = make(more="[timers]\nmax_stream = 60")

    async def story():
        stream = await world.answer(stream=True)
        await asyncio.sleep(100)
        assert world.held() == {}
        with pytest.raises(Cancelled):
            [chunk async for chunk in stream]

    world.run(story())
    assert world.last().kind == "cancelled"


def test_a_whole_answer_has_two_minutes(world):
    """Whole answers have no first-content timer, only the whole."""
    world.script("alpha/m", ok(first=119.0))
    assert world.ask().target == "alpha/m"
    world.script("alpha/m", ok(first=121.0))
    world.forget()
    assert world.ask().target == "beta/m"
    assert world.times("beta/m")[0] - world.times("alpha/m")[0] == 120.0


def test_connecting_has_three_seconds(world):
    """A target that cannot be connected to is left after three seconds."""
    world.script("alpha/m", "A2-black-hole")
    world.ask()
    assert world.times("beta/m") == [3.0]


@pytest.mark.parametrize("stream", [False, True])
def test_a_deadline_is_never_exceeded(world, stream):
    """The caller has its failure at the deadline, from whatever target; the next one is not asked in vain."""
    world.script_all("silent")
    failure = world.fail(timeout=7, stream=stream)
    assert (failure.kind, failure.status, world.now, failure.target) == ("timeout", 504, 7.0, "alpha/m")
    assert world.path() == ["alpha/m"]


def test_a_deadline_that_has_passed_asks_nobody(world):
    """With no time at all nothing is sent, and no target is blamed."""
    failure = world.fail(timeout=0)
    assert (failure.kind, world.sent()) == ("timeout", 0)
    assert world.breaker()._window.failed == 0


def test_a_deadline_too_short_to_tell_blames_nobody(world):
    """A caller in a hurry cannot open a circuit for the others."""
    world.script("alpha/m", ok(first=1.0))
    for _ in range(10):
        world.fail(timeout=0.5)
    assert world.changes() == []


@pytest.mark.parametrize("start", [0.0, 0.9, 5.1, 123.456])
def test_a_short_timer_of_ours_blames_the_target_at_any_time_of_the_clock(make, start):
    """Rounding must not make a limit that ran out look like a caller's hurry."""
    world = make(("alpha/m",), more="[timers]\nwhole = 0.3\n[retry]\nenabled = false")
    world.script("alpha/m", "silent")
    world.wait(start)
    world.fail()
    assert world.breaker()._window.failed == 1


def test_reasoning_models_have_a_minute(make):
    """What thinks before it speaks has a minute to its first content."""
    world = make(more="[providers.alpha.models.m]\nreasoning = true")
    world.script("alpha/m", ok(first=59.0))
    assert world.hear(stream=True).error is None
    assert world.story() == [("alpha/m", "ok")]


# -- reading -----------------------------------------------------------------------------------------------------------


def test_reading_on_after_a_break_tells_of_it_again(strict):
    """A broken stream never looks complete, however often it is read."""
    strict.script("alpha/m", cut(4))

    async def story():
        stream = await strict.answer(stream=True)
        first = await read(stream)
        again = await read(stream)
        return first.error, again.error

    first, again = strict.run(story())
    assert isinstance(again, BrokenStream)
    assert (again.message, again.target) == (first.message, first.target)


def test_reading_on_after_a_cancelled_read_never_looks_complete(world):
    """Who gave up waiting for the next token cannot take the rest for an end."""
    world.script("alpha/m", ok(TEXT, between=5.0))

    async def story():
        stream = await world.answer(stream=True)
        await anext(stream)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 1)
        with pytest.raises(Cancelled):
            await anext(stream)

    world.run(story())


def test_reading_on_after_the_end_gives_nothing(world):
    """A whole stream stays whole."""

    async def story():
        stream = await world.answer(stream=True)
        return (await read(stream)).error, await stream.next(), (await read(stream)).text

    assert world.run(story()) == (None, None, "")


def test_one_reader_at_a_time(world):
    """Two readers of one stream would tear it apart: the second is told so, and the first goes on."""
    world.script("alpha/m", ok(TEXT, between=1.0))

    async def story():
        stream = await world.answer(stream=True)
        await stream.next()
        first = asyncio.ensure_future(stream.next())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError):
            await stream.next()
        return (await first).chunks[0].text

    assert world.run(story()) == " two"


def test_the_bytes_of_the_same_dialect_are_passed_on(world):
    """Batches carry the provider's own events, each whole and each once."""

    async def story():
        stream = await world.answer(stream=True)
        raw = b""
        while (batch := await stream.next()) is not None:
            raw += batch.raw
        return raw

    events = [json.loads(line[6:]) for line in world.run(story()).split(b"\n\n") if line]
    said = [event["choices"][0]["delta"].get("content") or "" for event in events if event["choices"]]
    assert "".join(said) == WHOLE
