"""When nobody goes on with an answer: why, what is told of it, and by when."""

import contextlib
import gc
import weakref

import pytest

from outlast.layers.resume import ResumeConfig
from outlast.model.errors import BrokenStream
from outlast.model.events import StreamResumed
from outlast.model.messages import Batch, Chunk

from .legs import Leg, run
from .resume_story import REST, SAID, TAKES, Told, cut, done


def test_the_error_is_that_of_the_break():
    """Its code, target, and how it broke; with the reason why nobody goes on."""
    told = Told(Leg(SAID, cut(stalled=True, code="why")))
    error = told.heard()[1]
    assert (error.stalled, error.bounded, error.target, error.code) == (True, False, "alpha/m", "why")
    error = Told(Leg(SAID, cut(bounded=True))).heard()[1]
    assert (error.stalled, error.bounded) == (False, True)


@pytest.mark.parametrize(
    ("steps", "more", "reason"),
    [
        ([SAID, cut(bounded=True)], {}, "it was as long as any stream may be"),
        ([SAID, cut()], {"choices": 2}, "several answers were asked for"),
        ([SAID, Chunk(refusal="no"), cut()], {}, "it held a refusal"),
        ([SAID, cut()], {"most": 0}, "no attempts left"),
        ([SAID, cut()], {"config": ResumeConfig(longest=len(SAID) - 1)}, "it held more than is remembered"),
    ],
)
def test_why_nobody_is_asked_is_told(steps, more, reason):
    """In the error, with all that was tried; and nobody is asked."""
    told = Told(Leg(*steps), Leg(REST, done(), target="beta/m"), **more)
    told.call.story.tried.append("an attempt")
    error = told.heard()[1]
    assert error.message == f"cut; nobody could go on with it: {reason}"
    assert error.attempts == ("an attempt",)
    assert (told.reasons(), len(told.calls)) == ([reason], 1)


def test_another_answer_is_begun_where_none_could_be_gone_on_with():
    """Whatever the first one held."""
    told = Told(Leg(SAID, Chunk(refusal="no"), cut()), Leg(REST, done()), on_break="restart", restarts=True, choices=2)
    assert told.heard()[1] == "stop"


def test_a_rest_that_makes_no_json_is_given_up():
    """Where it says that it is whole; one that was cut by its length is told as that."""
    half = '{"name": "one'
    for rest, finish, fits in (('"}', "stop", True), ("...", "stop", False), ("...", "length", True)):
        later = Leg(rest, Chunk(finish=finish), target="beta/m")
        told = Told(Leg(half, cut()), later, json=True)
        words, end = told.heard()
        if fits:
            assert (words, end) == (half + rest, finish)
        else:
            assert (isinstance(end, BrokenStream), told.stream.finish, later.aborted) == (True, None, True)
    assert Told(Leg(half, cut()), Leg("...", done(), target="beta/m")).heard() == (f"{half}...", "stop")


def test_who_begins_from_the_top_is_told_of():
    """Whether it was asked to or not."""
    told = Told(Leg(SAID, cut()), Leg(SAID + REST, done(), target="beta/m"))
    assert told.heard() == (SAID + REST, "stop")
    assert told.ways() == ["restart"]


def test_what_has_finished_is_not_gone_on_with():
    """It has all been said."""
    told = Told(Leg(SAID, Chunk(finish="stop"), cut()), Leg(REST, done()))
    assert told.heard()[0] == SAID
    assert (told.reasons(), len(told.calls)) == (["it had finished"], 1)


@pytest.mark.parametrize(("at", "left"), [(1_009.9, True), (1_010.0, False), (1_011.0, False)])
def test_new_words_are_waited_for_for_the_first_content_limit(at, left):
    """From the break on, whoever is asked; a repetition is nothing new."""
    later = Leg("one two", at, cut("beta/m"), target="beta/m")
    told = Told(Leg(SAID, cut()), later, Leg(REST, done()), targets=(TAKES,))
    assert told.heard()[0] == SAID + REST * left
    assert told.reasons() == ["", "" if left else "no time left"]
    assert told.calls[1].deadline == 1_010.0


@pytest.mark.parametrize(("at", "left"), [(1_004.9, True), (1_005.0, False)])
def test_no_answer_is_longer_than_a_stream_may_be(at, left):
    """Its parts have one end."""
    told = Told(Leg(SAID, at, cut(), ends=1_005.0), Leg(REST, done(), target="beta/m"), targets=(TAKES,))
    assert told.heard()[0] == SAID + REST * left
    assert told.reasons() == ["" if left else "no time left"]


def test_new_words_give_the_part_the_time_that_every_stream_has():
    """A finish is new too; from then on a break is a new one."""
    finish = Leg(Chunk(), 1_004.0, Chunk(finish="stop"), 1_050.0, target="beta/m")
    told = Told(Leg(SAID, cut()), finish)
    told.begun()
    for _ in range(2):
        run(told.stream.next())
    assert told.io.of(StreamResumed) == [StreamResumed("r1", "alpha/m", "beta/m", len(SAID), "prefill", 4.0)]
    assert told.calls[1].patience.due == float("inf")
    told = Told(Leg(SAID, cut()), Leg(REST, 1_050.0, cut("beta/m"), target="beta/m"), Leg(" eight", done()))
    assert told.heard() == (SAID + REST + " eight", "stop")
    assert told.call.story.resumed == 2


def test_an_empty_end_is_an_end_too():
    """Who has nothing to add has gone on with it."""
    told = Told(Leg(SAID, cut()), Leg(Batch(b"", []), Batch(b"", [], last=True), target="beta/m"))
    told.heard()
    assert told.call.story.resumed == 1


def test_a_break_is_freed_at_once():
    """No frame names an error that names the frame."""
    error = cut()
    there = weakref.ref(error)
    told = Told(Leg(SAID, error))
    del error
    run(told.begun().next())
    gc.disable()
    try:
        with contextlib.suppress(BrokenStream):
            run(told.stream.next())
        assert told.stream.finish is None
        assert there() is None
    finally:
        gc.enable()
