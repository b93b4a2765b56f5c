"""A whole reply as a stream, and what is told of an attempt."""

import asyncio

import pytest

from outlast.flow.stream import End
from outlast.flow.whole import OneBatch, as_stream
from outlast.layers.attempt.record import Record, cost_of
from outlast.model.cut import Cut
from outlast.model.errors import BadResponse, BrokenStream, TimedOut, Transient
from outlast.model.events import AttemptEnded
from outlast.model.messages import Chunk, Image, Opening, Reasoning, Refusal, Reply, Text, ToolCall, ToolDelta, Usage
from outlast.model.target import Price

from .calls import ALPHA, Ear, a_call

PARTS = (
    Reasoning("well", signature="s"),
    Text("It is"),
    ToolCall("1", "find", "{}"),
    Image(data="x", media_type="image/png"),
    ToolCall("2", "seek", "[]"),
    Refusal("no more"),
)
USED = Usage(input=100, output=20)
PRICED = type(ALPHA)(name="alpha/p", provider=ALPHA.provider, model="p", price=Price(1_000.0, 10_000.0))


def test_a_reply_becomes_one_batch_with_all_that_it_says():
    """Its tools are numbered, its finish and usage come last, and nothing follows."""
    reply = Reply(model="m", finish="stop", usage=USED, read=lambda: PARTS, id="x", created=7)
    source = OneBatch(reply, "alpha/m")
    batch = source.take()
    assert (batch.raw, batch.last, source.opening) == (b"", True, Opening("x", "m", 7))
    assert (source.target, source.dialect) == ("alpha/m", "")
    assert batch.chunks == [
        Chunk(reasoning="well", signature="s"),
        Chunk(text="It is"),
        Chunk(tool=ToolDelta(0, "1", "find", "{}")),
        Chunk(tool=ToolDelta(1, "2", "seek", "[]")),
        Chunk(refusal="no more"),
        Chunk(finish="stop", usage=USED),
    ]
    again = source.take()
    assert (again.raw, again.chunks, again.last) == (b"", [], True)
    assert asyncio.run(source.next()) is None


def test_a_stream_of_a_reply_says_of_it_what_the_reply_says():
    """Who leaves it unread has been told nothing, and is told what the question takes, by our estimate."""
    cut = Cut("drop_oldest", 1, 2, 30, 20)
    reply = Reply(
        model="m", finish="stop", usage=USED, read=lambda: PARTS, source="cache", attempts=0, dropped=("x",), cut=cut
    )
    stream = as_stream(reply, a_call(tokens=70))
    assert (stream.source, stream.attempts, stream.dropped, stream.cut) == ("cache", 0, ("x",), cut)
    stream.abort()
    assert (stream.usage, stream.cost) == (Usage(input=70, estimated=True), 0.0)


def test_a_cost_is_known_where_both_the_price_and_the_usage_are():
    """Else nobody knows."""
    assert cost_of(USED, PRICED) == pytest.approx(0.3)
    assert cost_of(USED, ALPHA) is None
    assert cost_of(None, PRICED) is None


def told(error, *, sent=100.0, now=107.0, first=None, target=ALPHA, usage=None):
    """What the sinks hear of an attempt that ended so."""
    io = Ear()
    call = a_call(io, target=target)
    record = Record(sent, 2)
    if first is not None:
        record.answered(call, first)
    record.status = 200
    record.settle(call, End("success" if error is None else "failure", error, usage), now)
    assert call.story.tried == io.events
    return io.events[0]


def late(**more):
    """A timer has run out."""
    error = TimedOut("late")
    error.timer, error.limit = "whole", 9.0
    for name, value in more.items():
        setattr(error, name, value)
    return error


def test_an_attempt_is_told_with_all_its_numbers():
    """Who, how long, to the first content and in all, what it used and cost."""
    ok = told(None, first=103.0, target=PRICED, usage=USED)
    cost = pytest.approx(0.3)
    assert ok == AttemptEnded("r1", "alpha/p", "alpha", "p", 2, "ok", 7.0, 3.0, 200, usage=USED, cost=cost)
    no = told(Transient("no", code="c", retry_after=4.0))
    assert no == AttemptEnded("r1", "alpha/m", "alpha", "m", 2, "transient", 7.0, None, 200, "c", "no", hint=4.0)
    assert Record(0.0, 1).status == 0


def test_a_timer_that_ended_it_is_told():
    """Of timeouts and of streams that stalled."""
    cut = BrokenStream("cut")
    cut.timer, cut.limit = "stall", 10.0
    assert [(event.timer, event.limit) for event in (told(late()), told(cut))] == [("whole", 9.0), ("stall", 10.0)]


def test_what_may_be_billed_without_an_answer_is_told():
    """An answer was under way; a refusal costs nothing, and whoever gave up was cancelled."""
    kinds = {}
    for error in (late(), BrokenStream("cut"), BadResponse("odd"), asyncio.CancelledError(), Transient("no"), None):
        event = told(error)
        kinds[event.kind] = event.maybe_billed
    billed = {"timeout": True, "broken_stream": True, "bad_response": True, "cancelled": True}
    assert kinds == {**billed, "transient": False, "ok": False}


def test_a_clock_that_is_read_anew_never_takes_less_than_no_time():
    """Sent after it was answered, as it seems."""
    event = told(None, sent=108.0, first=107.5)
    assert (event.seconds, event.first) == (0.0, 0.0)
