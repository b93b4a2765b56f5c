"""The source of a stream at its edges: what is kept back, what ends it, which timer it was, and what is let pass."""

import asyncio

import pytest

from outlast.flow.call import Patience
from outlast.layers.attempt import AttemptConfig, Upstream
from outlast.layers.attempt.mask import Mask
from outlast.model.errors import BadResponse, BrokenStream, TimedOut, Transient
from outlast.model.messages import Batch, Chunk, Opening
from outlast.model.target import Provider, Secret

from .calls import ALPHA, Ear, a_call

KEY = "sk-alpha-0123456789"
OPEN = Mask(Provider("alpha", "openai", "http://127.0.0.1:1"))
LATE = object()


class Wire:
    """An exchange that brings these one by one; LATE is nothing until it is too late."""

    def __init__(self, io, *brings):
        self.io, self.brings = io, list(brings)
        self.dues, self.ends = [], []

    async def read(self, due):
        """The next of them."""
        self.dues.append(due)
        brought = self.brings.pop(0)
        if brought is LATE:
            self.io.time = due
            raise TimedOut("nothing came in time")
        if isinstance(brought, Exception):
            raise brought
        return brought

    def release(self):
        """It may be used again."""
        self.ends.append("released")

    def abort(self):
        """It is closed."""
        self.ends.append("aborted")


class Letters:
    """A reader to whom every letter is a word; "-" says nothing, "." is the finish, "$" the end, "!" and "?" are bad.

    What "!" stands in is bad as a whole, what "?" stands in has been good up to there.
    """

    opening = Opening(KEY, "m", 7)

    def __init__(self):
        self.finished, self.failure = False, None

    def feed(self, data):
        """One chunk for each."""
        said = data.decode()
        if "!" in said:
            raise BadResponse("no event")
        self.finished = self.finished or "." in said
        self.failure = BadResponse("no event behind good ones") if "?" in said else None
        return Batch(data, [Chunk(text=letter.strip("-.$?")) for letter in said], "$" in said)

    def complete(self):
        """The finish."""
        return Batch(b"", [Chunk(finish="stop")], last=True)

    def close(self):
        """Whole, if it has a finish."""
        return Batch(b"", [], last=self.finished)


def source(*brings, mask=OPEN, config=None, **call):
    """Of a call at a hundred seconds, to which these bytes come; and the wire that brings them."""
    io = Ear(now=100.0)
    wire = Wire(io, *brings)
    return Upstream(a_call(io, stream=True, **call), wire, Letters(), mask, config or AttemptConfig()), wire


def told(batch):
    """Its words, and whether they are the last."""
    return "".join(chunk.text for chunk in batch.chunks), batch.last


def first(upstream, due=110.0, begun=b""):
    """All up to the first content."""
    return asyncio.run(upstream.first(due, begun))


def following(upstream):
    """The next batch."""
    return asyncio.run(upstream.next())


def broken(upstream):
    """How it breaks."""
    with pytest.raises(BrokenStream) as caught:
        following(upstream)
    return caught.value


# -- the first content -------------------------------------------------------------------------------------------------


def test_what_comes_before_the_first_content_is_kept_and_goes_along():
    """Comments and roles are no content; with the first word all their bytes are handed over."""
    upstream, wire = source(b"--", b"-", b"-a", b"b$")
    batch = first(upstream)
    assert (batch.raw, told(batch), len(batch.chunks)) == (b"----a", ("a", False), 5)
    assert told(following(upstream)) == ("b", True)
    assert following(upstream) is None
    assert (wire.dues, wire.ends) == ([110.0, 110.0, 110.0, 110.0], ["released"])


@pytest.mark.parametrize(("begun", "reads"), [(b"a", 0), (b"-", 1), (b"", 1)])
def test_what_has_been_read_already_comes_first(begun, reads):
    """The wire is read only for what lacks; nothing read yet is not the end of it."""
    upstream, wire = source(b"b")
    assert told(first(upstream, begun=begun))[0] == ("a" if begun == b"a" else "b")
    assert len(wire.dues) == reads


def test_so_much_may_come_before_the_first_content():
    """Up to the bound it is kept; beyond it the stream brings nothing."""
    few = AttemptConfig(max_preamble=4)
    assert told(first(source(b"--", b"--", b"a", config=few)[0])) == ("a", False)
    with pytest.raises(BadResponse, match="brings no content"):
        first(source(b"--", b"--", b"-", b"a", config=few)[0])


def test_a_bad_event_behind_what_is_no_content_is_told_at_once():
    """Nobody waits for more bytes first."""
    upstream, wire = source(b"-?", b"a")
    with pytest.raises(BadResponse, match="behind good ones"):
        first(upstream)
    assert len(wire.dues) == 1


def test_a_bad_event_behind_content_is_told_after_it():
    """What was good is handed over; then it breaks, without another look at the wire."""
    upstream, wire = source(b"a?", b"b")
    assert told(first(upstream)) == ("a", False)
    assert str(broken(upstream)) == "the stream broke before its end"
    assert len(wire.dues) == 1


# -- its end -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("then", [b"!", b"-?", b"", LATE, BadResponse("cut")])
def test_after_the_finish_nothing_can_break_it(then):
    """All that was asked for is here: whatever comes in place of the end marker, the answer is whole."""
    upstream, wire = source(b"a", b"b.", then)
    first(upstream)
    assert told(following(upstream)) == ("b", False)
    assert told(following(upstream)) == ("", True)
    assert wire.ends == ["released"]


def test_a_bad_event_right_behind_the_finish_takes_nothing_from_it():
    """Even when one read brings both."""
    upstream, _ = source(b"a", b"b.?")
    first(upstream)
    batch = following(upstream)
    assert (told(batch), batch.chunks[-1].finish) == (("b", True), "stop")


@pytest.mark.parametrize(("ends", "due"), [(1_000.0, 101.0), (100.5, 100.5)])
def test_the_end_marker_has_a_second_and_no_longer_than_the_stream(ends, due):
    """Counted once, from the finish."""
    upstream, wire = source(b"a", b"b.", b"-", LATE, ends=ends)
    first(upstream)
    following(upstream)
    assert told(following(upstream)) == ("", True)
    assert wire.dues[2:] == [due, due]


@pytest.mark.parametrize("bring", [b"!", b"", BadResponse("cut")])
def test_without_a_finish_it_is_broken(bring):
    """Whatever ended it; the wire is left to who lets go of the stream."""
    upstream, wire = source(b"a", bring)
    first(upstream)
    error = broken(upstream)
    assert str(error) == "the stream broke before its end"
    assert (error.target, error.stalled, error.bounded, error.outcome) == ("alpha/m", False, False, "failure")
    assert wire.ends == []


def test_what_the_provider_said_of_its_failure_goes_along():
    """Its code, and that it has too much to do."""
    upstream, _ = source(b"a", Transient("it failed", code="overloaded_error", overloaded=True))
    first(upstream)
    error = broken(upstream)
    assert (error.code, error.overloaded) == ("overloaded_error", True)


def test_a_stream_of_just_its_bound_is_not_too_long():
    """One byte more is, and to go on with it is of no use; if that byte is its last, it is whole."""
    four = AttemptConfig(max_stream_bytes=4)
    upstream, _ = source(b"ab", b"cd", b"e", config=four)
    first(upstream)
    assert told(following(upstream)) == ("cd", False)
    assert broken(upstream).bounded
    upstream, _ = source(b"ab", b"cde$", config=four)
    first(upstream)
    assert told(following(upstream)) == ("cde", True)


def test_what_comes_behind_the_finish_may_be_too_long():
    """All that was asked for is there: it is whole, and the rest is not waited for."""
    upstream, wire = source(b"ab", b".", b"--", b"-", config=AttemptConfig(max_stream_bytes=4))
    first(upstream)
    assert told(following(upstream)) == ("", True)
    assert wire.ends == ["released"]


# -- its timers --------------------------------------------------------------------------------------------------------

STALL = ("the stream brought no content for 10 s", "stall", 10.0, False, "failure")
LONG = ("the stream ran longer than its limit", "max_stream", 600.0, True, "failure")
PATIENCE = ("the stream brought nothing new in the time that was left", "", None, False, "neutral")


@pytest.mark.parametrize(
    ("ends", "patience", "due", "story"),
    [(1_000.0, 1_000.0, 110.0, STALL), (105.0, 1_000.0, 105.0, LONG), (1_000.0, 105.0, 105.0, PATIENCE),
     (105.0, 105.0, 105.0, LONG)],
)  # fmt: skip
def test_the_timer_that_came_first_is_told(ends, patience, due, story):
    """A stall is the target's fault, as is a stream without end; that time ran out for somebody else is not."""
    upstream, wire = source(b"a", LATE, ends=ends, patience=Patience(patience))
    first(upstream)
    error = broken(upstream)
    assert (str(error), error.timer, error.limit, error.bounded, error.outcome) == story
    assert (error.stalled, wire.dues[-1]) == (not error.bounded, due)


def test_a_stream_ends_by_its_limit_or_with_what_it_is_part_of():
    """Whichever is sooner."""
    assert source()[0].end_by == 700.0
    assert source(ends=300.0)[0].end_by == 300.0


# -- what the provider says of us --------------------------------------------------------------------------------------


def test_our_key_is_in_nothing_that_is_handed_over():
    """Neither in the words, nor in the bytes, nor in how the answer calls itself."""

    class Echo(Letters):
        def feed(self, data):
            return Batch(data, [Chunk(text=data.decode())])

    io = Ear(now=100.0)
    mask = Mask(Provider("alpha", "openai", "http://127.0.0.1:1", Secret(KEY)))
    upstream = Upstream(a_call(io, stream=True), Wire(io, f"your {KEY}".encode()), Echo(), mask, AttemptConfig())
    batch = first(upstream)
    assert (batch.raw, told(batch)) == (b"your [redacted]", ("your [redacted]", False))
    assert upstream.opening == Opening("[redacted]", "m", 7)


def test_who_gives_up_closes_the_connection():
    """It is not used again."""
    upstream, wire = source(b"a")
    first(upstream)
    upstream.abort()
    assert (wire.ends, upstream.target, upstream.dialect) == (["aborted"], ALPHA.name, "openai")
