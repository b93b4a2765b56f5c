"""One attempt at its edges: what is sent, what an answer is taken for, whose fault a timeout was, and what is told."""

import asyncio

import pytest

from outlast.flow.stream import Stream
from outlast.layers.attempt import AttemptConfig, Attempts
from outlast.model.errors import BadResponse, Caller, TimedOut
from outlast.model.events import AttemptEnded
from outlast.model.messages import Quota, Reply, Text, Usage
from outlast.model.target import Provider, Quirks, Target
from outlast.ports import Framing, Outgoing

from .calls import ALPHA, Ear, a_call
from .test_upstream_edges import LATE, Letters, Wire

LEFT = Quota(requests_left=3)
USED = Usage(input=100, output=20)
JSON = b"application/json"


class Answer(Wire):
    """An exchange whose head is in."""

    def __init__(self, io, *brings, status=200, kind=None):
        super().__init__(io, *brings)
        self.status, self.kind = status, kind

    def header(self, name):
        """Of its headers we know one."""
        return self.kind if name == b"content-type" else None

    def lighten(self):
        """They are not asked for any more."""
        self.kind = LATE

    async def whole(self, due):
        """All that is left of it, which takes two seconds."""
        self.io.time += 2.0
        brings = [await self.read(due) for _ in list(self.brings)]
        return b"".join(brings)


class World(Ear):
    """Whoever asks it is answered so, or not at all; it is a hundred seconds old."""

    def __init__(self, *brings, **answer):
        super().__init__(now=100.0)
        self.answer = Answer(self, *brings, **answer)
        self.sent = []
        self.failure = None

    async def send(self, target, outgoing, connect_due, due):
        """The head of the answer takes a second."""
        self.sent.append((outgoing, connect_due, due))
        if self.failure is not None:
            self.time = min(connect_due, due)
            raise self.failure
        self.time += 1.0
        return self.answer

    def watch(self, timed, due):
        """Nobody expires here."""
        timed.due = due

    def on_loop(self, callback):
        """There is one thread."""
        callback()


class Plain:
    """A dialect: its streams are letters, its answers anything in braces, its failures the caller's fault."""

    streams = Framing(b"text/event-stream")

    def encode(self, request, target):
        """Something could not be carried over."""
        return Outgoing(b"/chat", b"{}", dropped=("seed",))

    def decode(self, body, request, target):
        """An answer of which the body is the text."""
        return Reply(model="m", finish="stop", usage=USED, read=lambda: (Text(body.decode()),))

    def reader(self, request, target):
        """A new one."""
        return Letters()

    def classify(self, status, header, body, target):
        """What the body says."""
        return Caller(f"{status}: {body.decode()}")

    def quota(self, header):
        """What is left, while the headers are there."""
        return LEFT if header(b"content-type") is not LATE else None


def attempted(world, **call):
    """What one attempt comes to."""
    handler = Attempts(AttemptConfig(), {"openai": Plain()}).handler()
    return asyncio.run(handler(a_call(world, **call)))


def failed(world, kind=TimedOut, **call):
    """How it fails."""
    with pytest.raises(kind) as caught:
        attempted(world, **call)
    return caught.value


def told(world):
    """What is told of the one attempt."""
    (ended,) = (event for event in world.events if isinstance(event, AttemptEnded))
    return ended


def words(stream):
    """All of a stream."""

    async def read():
        return "".join([chunk.text async for chunk in stream])

    return asyncio.run(read())


# -- what is sent ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_wanted_as_a_whole_is_sent_so(stream):
    """The answer says who gave it, and what could not be carried over to there."""
    world = World(b"a" if stream else b"{}")
    answer = attempted(world, stream=stream)
    ((outgoing, connect_due, due),) = world.sent
    assert outgoing.whole is not stream
    assert (connect_due, due) == (103.0, 110.0 if stream else 220.0)
    assert (answer.target, answer.dropped) == ("alpha/m", ("seed",))
    assert (outgoing.headers, outgoing.deadline_header) == ((), b"")


def test_to_connect_takes_no_longer_than_the_attempt():
    """The caller's deadline bounds it too."""
    world = World(b"{}")
    attempted(world, deadline=102.0)
    assert world.sent[0][1:] == (102.0, 102.0)


def test_who_wants_to_know_is_told_which_call_it_is_and_how_long_it_has():
    """In the headers that the provider names."""
    quirks = Quirks(deadline_header="x-left", attempt_header="x-attempt")
    provider = Provider("alpha", "openai", "http://127.0.0.1:1", quirks=quirks)
    world = World(b"{}")
    attempted(world, target=Target(name="alpha/m", provider=provider, model="m", family="m"))
    assert (world.sent[0][0].headers, world.sent[0][0].deadline_header) == ((b"x-attempt: 1",), b"x-left")


def test_with_no_time_left_nothing_is_sent_and_nothing_learned():
    """The deadline itself is too late."""
    world = World(b"{}")
    late = failed(world, deadline=100.0)
    assert (late.target, late.outcome, world.sent, world.events) == ("alpha/m", "neutral", [], [])


# -- what an answer is taken for ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("metered", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_left_is_asked_for_where_somebody_learns_from_it(stream, metered):
    """Not else."""
    ends = []

    class Debtor:
        def settle(self, call, end, now):
            ends.append(end.quota)

    for brings in (b"a$", b"{}") if stream else (b"{}",):
        world = World(brings)
        answer = attempted(world, stream=stream, metered=metered)
        if stream:
            answer.owe(a_call(world), (Debtor(),))
            words(answer)
        else:
            ends.append(answer.quota)
    assert set(ends) == {LEFT if metered else None}


def test_a_stream_under_way_keeps_no_headers():
    """It may be open for long."""
    world = World(b"a$", kind=b"text/event-stream")
    assert words(attempted(world, stream=True)) == "a"
    assert world.answer.kind is LATE


@pytest.mark.parametrize(
    ("brings", "kind"),
    [((b'{"', b'"}'), None), ((b" \r\n", b'{""}'), JSON), ((b"\n", b'{""}'), b" Application/JSON; charset=utf-8"),
     ((b'\xef\xbb\xbf{""}',), b"text/event-stream")],
)  # fmt: skip
def test_what_shows_itself_as_json_is_a_reply(brings, kind):
    """White space shows nothing, so that its label is believed; nothing else is."""
    world = World(*brings, kind=kind)
    stream = attempted(world, stream=True)
    assert words(stream).strip(" \r\n\ufeff") == '{""}'
    assert (world.answer.ends, stream.usage) == (["released"], USED)
    assert (told(world).kind, told(world).usage) == ("ok", USED)


@pytest.mark.parametrize(
    ("brings", "kind"), [((b"a", b"b$"), JSON), ((b" ", b"ab$"), None), ((b"\n", b"ab$"), b"text/event-stream")]
)
def test_what_does_not_is_a_stream(brings, kind):
    """Labels lie."""
    world = World(*brings, kind=kind)
    assert words(attempted(world, stream=True)).strip() == "ab"
    assert told(world).usage.estimated


def test_what_is_neither_is_no_answer():
    """It was read to its end, so that its connection may be kept."""
    world = World(b"\n", b"<html>", kind=JSON)
    assert "neither a stream nor a reply" in failed(world, BadResponse, stream=True).message
    assert world.answer.ends[0] == "released"


@pytest.mark.parametrize(
    ("brings", "said", "end"), [((b"no", b" way"), "no way", "released"), ((BadResponse("cut"),), "", "aborted"),
                                ((LATE,), "", "aborted")]
)  # fmt: skip
def test_an_error_says_what_can_be_read_of_it(brings, said, end):
    """Its connection is kept where it was read to its end; its status is told."""
    world = World(*brings, status=404)
    failure = failed(world, Caller)
    assert (failure.message, failure.target, world.answer.ends[0]) == (f"404: {said}", "alpha/m", end)
    assert (told(world).status, told(world).kind) == (404, "caller")


# -- what is told ------------------------------------------------------------------------------------------------------


def test_a_whole_answer_is_told_with_its_time():
    """From sending to its last byte."""
    world = World(b"{}")
    attempted(world)
    assert (told(world).status, told(world).first, told(world).seconds) == (200, 3.0, 3.0)


@pytest.mark.parametrize(("brings", "first"), [(b"a$", 1.0), (b"{}", 3.0)])
def test_a_stream_is_told_with_the_time_of_its_first_content(brings, first):
    """However long it is read."""
    world = World(brings)
    stream = attempted(world, stream=True)
    world.time = 150.0
    words(stream)
    assert (told(world).status, told(world).first, told(world).seconds) == (200, first, 50.0)


@pytest.mark.parametrize("brings", [b"a", b"{}"])
def test_a_stream_that_nobody_reads_used_what_was_asked(brings):
    """So much is estimated, where the provider was not heard to its end."""
    stream = attempted(World(brings), stream=True, tokens=50)
    assert isinstance(stream, Stream)
    stream.abort()
    assert stream.usage == Usage(input=50, output=0, estimated=True)


# -- whose fault it was ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("left", "outcome"), [(0.9, "neutral"), (1.0, "failure"), (5.0, "failure")])
def test_a_caller_in_a_hurry_says_nothing_of_the_target(left, outcome):
    """With less than a second; that the deadline ended it is told either way."""
    world = World()
    world.failure = TimedOut("late", phase="head")
    late = failed(world, deadline=100.0 + left)
    assert (late.outcome, late.timer, late.limit) == (outcome, "deadline", pytest.approx(left))


@pytest.mark.parametrize(("left", "timer"), [(2.9, "deadline"), (3.0, "connect"), (3.1, "connect")])
def test_a_connection_that_had_its_three_seconds_failed_by_them(left, timer):
    """With fewer it was the deadline."""
    world = World()
    world.failure = TimedOut("late", phase="connect")
    late = failed(world, deadline=100.0 + left)
    assert (late.timer, late.limit) == (timer, pytest.approx(min(left, 3.0)))


def test_what_is_no_failure_is_passed_on_as_it_is():
    """A fault of ours, say: nothing is written on it, and the connection is closed."""
    world = World(ZeroDivisionError())
    error = failed(world, ZeroDivisionError, stream=True)
    assert vars(error) == {}
    assert (world.answer.ends, told(world).kind) == (["aborted"], "cancelled")
    assert ALPHA.name == told(world).target
