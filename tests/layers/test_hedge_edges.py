"""A race of two legs held in the hand, and the share of calls that may be made twice, at their edges."""

import asyncio

import pytest

from outlast.flow.stream import Stream
from outlast.layers.hedge import Extra, Hedge
from outlast.layers.hedge.race import Leave
from outlast.model.messages import Batch, Opening
from outlast.testing import ScriptedIo, run

from .calls import ALPHA, BETA, a_call

WINDOW = 300.0


class Rules:
    """A second leg is asked after a second, at beta, and whatever it draws is noted."""

    def __init__(self):
        self.noted = []

    def patience(self, call, now):
        """One second."""
        return 1.0

    def leave(self, hedge, awaited, now):
        """Always."""
        return Leave(BETA, self, lambda: self.noted.append("given back"))

    def done(self):
        """It was made."""
        self.noted.append("done")

    def undo(self, now):
        """It was not made."""
        self.noted.append("undone")


class Source:
    """Of a stream: notes how often it was let go."""

    target, dialect, opening = "alpha/m", "openai", Opening()

    def __init__(self):
        self.aborted = 0

    async def next(self):
        """It says no more."""

    def abort(self):
        """Let go."""
        self.aborted += 1


def raced(first, second):
    """What a call comes to whose legs do that; each is sent at once, and is told its call."""
    rules = Rules()
    io = ScriptedIo()

    async def leg(call):
        call.legs.sent(call, io.now())
        try:
            return await (second if call.toward else first)(call)
        finally:
            call.legs.rest(call)

    async def story():
        hedge = Hedge(rules=rules, call=a_call(io, targets=(ALPHA, BETA)), inner=leg)
        return await asyncio.wait_for(hedge.answer(), 60.0)

    return run(story()), io, rules


async def slow(_call):
    """Takes long."""
    await asyncio.sleep(1_000.0)


def test_from_the_moment_on_that_a_second_is_asked_the_first_goes_elsewhere():
    """Before the second leg has done anything its target counts as tried."""
    found = []

    async def second(call):
        found.append((set(call.legs.tried), call.legs.racing))
        return "an answer"

    answer, _, rules = raced(slow, second)
    assert (answer, found, rules.noted) == ("an answer", [({"beta/m"}, True)], ["done"])


@pytest.mark.parametrize("late", [False, True])
def test_a_fault_of_ours_ends_both_legs(late):
    """It would be the same at the other target: the caller hears of it at once, whichever leg it is in."""

    async def faulty(_call):
        await asyncio.sleep(3.0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        raced(*((slow, faulty) if late else (faulty, slow)))


def test_a_stream_that_comes_too_late_is_let_go():
    """Both legs begin to speak in one turn of the loop: the later one is ended, though somebody still knows it."""
    both, streams = asyncio.Event(), []

    def speaks(io):
        source = Source()
        streams.append((Stream(source, Batch(raw=b"", chunks=[]), io), source))
        return streams[-1][0]

    async def first(call):
        await both.wait()
        return speaks(call.io)

    async def second(call):
        both.set()
        return speaks(call.io)

    answer, _, rules = raced(first, second)
    assert sorted((stream is answer, source.aborted) for stream, source in streams) == [(False, 1), (True, 0)]
    assert rules.noted == ["done"]


# -- the share ---------------------------------------------------------------------------------------------------------


def counted(extra, *times):
    """Twenty calls at each of these times."""
    for time in times:
        for _ in range(20):
            extra.count(time)


def granted(extra, now):
    """How many are made twice at that moment."""
    many = 0
    while extra.take(now) is not None:
        many += 1
    return many


@pytest.mark.parametrize(("share", "calls", "hedges"), [(0.29, 100, 29), (0.07, 100, 7), (1.0, 3, 3), (0.0, 100, 0)])
def test_a_share_that_rounding_makes_smaller_is_still_the_share(share, calls, hedges):
    """0.29 of a hundred calls is a little less than 29 in a computer, and 29 to everybody else."""
    extra = Extra(share, WINDOW)
    for _ in range(calls):
        extra.count(0.0)
    assert granted(extra, 0.0) == hedges


def test_a_tenth_of_the_window_is_forgotten_at_once():
    """Calls of half a minute count until the first of them is five minutes old; the next half minute is one more."""
    extra = Extra(0.05, WINDOW)
    counted(extra, 0.0, 29.9)
    assert not extra.idle(299.9)
    assert extra.idle(300.0)
    counted(extra, 300.0, 330.0)
    assert not extra.idle(600.0)
    assert extra.idle(630.0)


def test_a_call_counts_for_the_tenth_in_which_it_came():
    """What is forgotten of the first half minute is not that of the second, nor are its hedges."""
    extra = Extra(0.05, WINDOW)
    counted(extra, 0.0, 30.0, 60.0)
    assert granted(extra, 60.0) == 3
    counted(extra, 61.0)
    assert granted(extra, 299.0) == 1
    assert granted(extra, 300.0) == 0
    counted(extra, 301.0, 302.0)
    assert granted(extra, 303.0) == 1
