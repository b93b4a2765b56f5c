"""A stream in the hand: what is owed for it, what is told of it, and what becomes of it when it is left."""

import asyncio
import gc
from math import inf

import pytest

from outlast.flow.stream import End, Stream, ended_by
from outlast.model.errors import BrokenStream, Cancelled
from outlast.model.events import Fault
from outlast.model.messages import Batch, Chunk, Quota, Usage

from .calls import a_call
from .legs import House, Leg, run

TOLD = Usage(10, 2)


class Debtor:
    """Keeps the ends that it is told."""

    def __init__(self, *, cost=None, fault=None):
        self.ends = []
        self.cost = cost
        self.fault = fault

    def settle(self, call, end, now):
        self.ends.append((end.outcome, type(end.error), now))
        self.end = end
        end.cost = self.cost
        if self.fault is not None:
            raise self.fault


class Stuck(Leg):
    """Cannot be let go of."""

    def abort(self):
        raise OSError("stuck")


def a_stream(*steps, leg=Leg, debts=(), **more):
    """A stream of these steps, whose first is its head."""
    source = leg(*steps[1:])
    source.io = House()
    stream = Stream(source, Batch(b"raw", [Chunk(steps[0])]), source.io, **more)
    stream.owe(a_call(source.io), debts)
    return stream, source


def read(stream):
    """All of its batches."""
    found = []
    while (batch := run(stream.next())) is not None:
        found.append(batch)
    return found


def test_what_is_new_knows_what_it_is():
    """The first choice at the first attempt, with nothing left out, until somebody says otherwise."""
    stream, source = a_stream("word")
    assert (stream.source, stream.attempts, stream.dropped, stream.keeps_request) == ("primary", 1, (), False)
    assert (stream.target, stream.dialect, stream.opening) == ("alpha/m", "openai", source.opening)
    assert (stream.usage, stream.cost, stream.finish) == (None, None, None)
    assert repr(stream) == "Stream(target='alpha/m', finish=None)"


@pytest.mark.parametrize(("letters", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (12, 3), (20, 5)])
def test_four_letters_are_about_a_token_where_nobody_tells(letters, tokens):
    """Of words and thoughts together, and of the question."""
    words = letters // 2
    thoughts = Chunk(reasoning="x" * (letters - words))
    stream, _ = a_stream("x" * words, thoughts, prompt=7)
    read(stream)
    assert stream.usage == Usage(7, tokens, estimated=True)


def test_of_an_unknown_question_nothing_is_counted():
    """Not one token."""
    stream, _ = a_stream("word")
    read(stream)
    assert stream.usage == Usage(0, 1, estimated=True)


def test_what_the_provider_tells_is_believed():
    """Whatever comes behind it."""
    stream, _ = a_stream("word", Chunk(usage=TOLD), Chunk(finish="stop"), Chunk("more"))
    read(stream)
    assert (stream.usage, stream.finish) == (TOLD, "stop")


def test_every_debtor_is_told_the_end_once():
    """What it was, what it took, and what is left; the last one's word on the cost counts."""
    debtors = Debtor(cost=0.5), Debtor(cost=0.25)
    stream, source = a_stream("word", Chunk(usage=TOLD), debts=debtors)
    stream.learned(quota=Quota(requests_left=3))
    read(stream)
    stream.abort()
    for debtor in debtors:
        assert debtor.ends == [("success", type(None), 1_000.0)]
        assert (debtor.end.usage, debtor.end.quota) == (TOLD, Quota(requests_left=3))
    assert (stream.cost, source.aborted) == (0.25, False)
    assert run(stream.next()) is None


def test_a_debtor_s_fault_is_told_and_keeps_nobody_from_being_paid():
    """Its kind and place, never its words."""
    debtors = Debtor(fault=ValueError("a secret")), Debtor()
    stream, source = a_stream("word", debts=debtors)
    read(stream)
    assert len(debtors[1].ends) == 1
    (fault,) = source.io.of(Fault)
    assert (fault.where, fault.call) == ("settle Debtor", "r1")
    assert "secret" not in str(fault)


def test_a_source_that_cannot_be_let_go_is_told_and_the_debts_are_paid():
    """The caller is none the worse."""
    debtor = Debtor()
    stream, source = a_stream("word", leg=Stuck, debts=(debtor,))
    stream.abort()
    assert debtor.ends == [("neutral", Cancelled, 1_000.0)]
    assert [fault.where for fault in source.io.of(Fault)] == ["abort Stuck"]


def test_its_life_is_bounded():
    """By a time at which it ends, read or not; what has ended has none."""
    debtor = Debtor()
    stream, source = a_stream("word", debts=(debtor,))
    stream.live_until(1_060.0)
    assert (source.io.due, debtor.ends) == (1_060.0, [])
    source.io.timed.expire()
    assert debtor.ends == [("neutral", Cancelled, 1_000.0)]
    stream, source = a_stream("word")
    stream.ends = 1_060.0
    read(stream)
    assert stream.ends == inf


def test_there_is_one_reader_at_a_time():
    """The second is told so; the first, whose read this spoils, too."""

    class Twice(Leg):
        async def next(self):
            await self.stream.next()

    stream, source = a_stream("word", leg=Twice)
    source.stream = stream
    run(stream.next())
    with pytest.raises(RuntimeError, match="one reader at a time"):
        run(stream.next())


def test_who_stays_within_is_let_out():
    """`async with` closes it, and so does `aclose`."""
    stream, source = a_stream("word")

    async def story():
        async with stream as within:
            assert within is stream
            assert not source.aborted
        assert source.aborted

    run(story())
    with pytest.raises(Cancelled, match="the stream was closed"):
        run(stream.next())


def test_a_read_that_was_cancelled_is_no_end():
    """Who reads on is told that it was given up."""

    class Left(Leg):
        async def next(self):
            raise asyncio.CancelledError

    stream, source = a_stream("word", leg=Left)
    run(stream.next())
    with pytest.raises(asyncio.CancelledError):
        run(stream.next())
    with pytest.raises(Cancelled, match="given up while it was read"):
        run(stream.next())
    assert source.aborted


def test_what_was_left_is_not_read():
    """Not even what had come already."""
    stream, source = a_stream("word")
    stream.abort()
    with pytest.raises(Cancelled, match="the caller has left"):
        run(stream.next())
    assert source.aborted


def test_the_end_that_an_exception_means():
    """What is no failure teaches nothing."""
    for error, outcome in ((BrokenStream("cut"), "failure"), (asyncio.CancelledError(), "neutral")):
        assert ended_by(error) == End(outcome, error)


def test_a_break_ends_it():
    """The debtors hear of it, and nobody reads on."""
    debtor = Debtor()
    cut = BrokenStream("cut")
    cut.stalled = True
    stream, source = a_stream("word", cut, "more", debts=(debtor,))
    with pytest.raises(BrokenStream):
        read(stream)
    assert debtor.ends == [("failure", BrokenStream, 1_000.0)]
    assert source.aborted
    with pytest.raises(BrokenStream) as again:
        run(stream.next())
    assert again.value.stalled


def test_who_reads_chunk_by_chunk_gets_those_that_tell():
    """The start of a block is no news."""
    stream, _ = a_stream("", Batch(b"", [Chunk(), Chunk("one"), Chunk("two")]), Chunk(finish="stop"))

    async def story():
        return [chunk async for chunk in stream]

    assert run(story()) == [Chunk("one"), Chunk("two"), Chunk(finish="stop")]


def test_what_is_dropped_is_ended_on_the_loop_and_what_has_ended_is_left_alone():
    """By the ending alone; and a stream that was never made owes nothing."""
    debtor, calls = Debtor(), []
    stream, source = a_stream("word", debts=(debtor,))
    source.io.on_loop = calls.append
    del stream
    gc.collect()
    assert (len(calls), debtor.ends) == (1, [])
    calls[0]()
    assert debtor.ends == [("neutral", Cancelled, 1_000.0)]
    stream, source = a_stream("word")
    read(stream)
    source.io.on_loop = calls.append
    stream.__del__()
    Stream.__new__(Stream).__del__()
    assert len(calls) == 1


def test_what_outlives_a_stream_is_as_it_was():
    """Where it came from, how often, what was left out, when it ends; and the question is kept."""
    stream, source = a_stream("word")
    stream.source, stream.attempts, stream.dropped, stream.ends = "fallback", 3, ("seed",), 1_060.0
    debtor_source = Debtor()
    debtor_source.target, debtor_source.dialect, debtor_source.abort = "alpha/m", "openai", lambda: None
    outer = stream.outlived_by(debtor_source, Batch(b"", [Chunk("words")]), a_call(source.io, tokens=7))
    assert (outer.source, outer.attempts, outer.dropped, outer.keeps_request) == ("fallback", 3, ("seed",), True)
    assert source.io.due == 1_060.0
    run(outer.next())
    outer.abort()
    assert debtor_source.ends == [("neutral", Cancelled, 1_000.0)]
    assert outer.usage == Usage(7, 2, estimated=True)


def test_what_is_over_needs_no_end():
    """No clock is set for who goes on with it."""
    stream, source = a_stream("word")
    read(stream)
    stream.outlived_by(source, Batch(b"", []), a_call(source.io)).abort()
    assert source.io.due is None
