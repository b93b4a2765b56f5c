"""What is passed on unread goes through the same layers as all else: their stories in virtual time."""

import asyncio
import contextlib

import pytest

from outlast.dialects.forward import unread
from outlast.engine import Asked
from outlast.flow.stream import Stream
from outlast.lab.script import body, steps
from outlast.lab.steps import Body, End, Fin, Head, Pause, Silence
from outlast.layers.attempt.passing import SMALL
from outlast.model.errors import BrokenStream, Caller, Failure, Rejected, TimedOut, Transient
from outlast.model.events import HedgeStarted, RetryScheduled
from outlast.model.forwarding import Forward
from outlast.model.messages import Request
from outlast.testing import cancel_everywhere, cut, fail_everywhere, ok, silent, throttled

from .test_leaving import at_rest
from .world import World

SOUND = Head(200, (("content-type", "audio/mpeg"),), framing="chunked")
DONE = body(b'{"done": true}')
NO_RETRY = "[retry]\nenabled = false\n"


class Upload:
    """A body that comes in pieces, one each `every` seconds; so many bytes of it are kept."""

    length = None

    def __init__(self, *pieces, every=0.0, window=10):
        self.pieces = list(pieces)
        self.kept = b""
        self.every = every
        self.window = window
        self.gone = False

    def begin(self):
        assert not self.gone
        return self.kept

    async def read(self):
        if not self.pieces:
            return b""
        await asyncio.sleep(self.every)
        piece = self.pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        self.gone = self.gone or len(self.kept) + len(piece) > self.window
        self.kept += piece
        return piece


def raw(model="default", *, method="POST", path="/v1/audio/speech", stays=False, feed=None, given=b"?"):
    """A request as the gateway makes it."""
    forward = Forward(method, path, named="json" if model else "", stays=stays, feed=feed)
    return Request(operation="raw", model=model, dialect="openai", body=given, forward=forward, read=unread)


async def asked(world, request, timeout=None):  # noqa: ASYNC109  (the engine keeps it)
    """What the engine answers; all of it where it is a stream, and why that ended."""
    answer = await world.engine.answer(request, Asked(id="r", timeout=timeout))
    if not isinstance(answer, Stream):
        return answer.raw
    said = b""
    while (batch := await answer.next()) is not None:
        said += batch.raw
    return said


def heard(world, request, **how):
    """The bytes that the caller gets, or the failure that it is told."""

    async def story():
        try:
            return await asked(world, request, **how)
        except Failure as failure:
            return failure

    return world.run(story())


def test_a_failure_is_retried_and_goes_on_as_always(make):
    """Transient: the same again, then the next."""
    world = make()
    world.script("alpha/m", 503)
    world.script("beta/m", DONE)
    assert heard(world, raw()) == b'{"done": true}'
    assert world.path() == ["alpha/m", "alpha/m", "beta/m"]
    assert world.last().operation == "raw"


def test_the_whole_limit_is_its_timer(make):
    """Nobody knows what it is: it has as long as any whole answer, then another one may have it."""
    world = make()
    world.script("alpha/m", silent())
    world.script("beta/m", DONE)
    assert heard(world, raw(), timeout=500.0) == b'{"done": true}'
    assert world.now == 120.0
    assert world.story() == [("alpha/m", "timeout"), ("beta/m", "ok")]


@pytest.mark.parametrize(
    ("then", "timer", "after"),
    [([Silence()], "stall", 10.0), ([Fin()], "", 0.0), ([Pause(9.0), Body(b"x")] * 70, "max_stream", 600.0)],
    ids=["stall", "cut", "long"],
)
def test_what_breaks_after_its_first_piece_is_broken(make, then, timer, after):
    """Nobody goes on with it: an end that nobody can tell from a whole one must not be."""
    world = make()
    world.script("alpha/m", steps("sound", SOUND, Body(b"sound"), *then))
    failure = heard(world, raw())
    assert isinstance(failure, BrokenStream)
    assert (failure.timer, world.now, world.path()) == (timer, after, ["alpha/m"])
    assert world.last().kind == "broken_stream"


def test_large_json_comes_in_pieces_and_small_json_as_a_whole(make):
    """Up to what is kept it may be asked for again; beyond, it commits."""
    large = b'["' + b"x" * SMALL + b'"]'
    world = make()
    world.script("alpha/m", body(large), body(large[:100]), cut(0))
    world.script("beta/m", DONE)
    assert heard(world, raw()) == large
    assert heard(world, raw()) == b'{"done": true}'
    assert world.story()[1] == ("alpha/m", "bad_response")


def test_json_may_come_in_many_pieces(make):
    """It is put together, and looked at as a whole."""
    head = Head(200, (("content-type", "application/json; charset=utf-8"),), framing="chunked")
    world = make()
    world.script("alpha/m", steps("one", head, Body(b'{"a":'), Pause(1.0), Body(b" 1}"), End()))
    assert heard(world, raw()) == b'{"a": 1}'
    world.script("alpha/m", steps("half", head, Body(b'{"a":'), Pause(1.0), Body(b" 1"), End()))
    world.script("beta/m", DONE)
    assert heard(world, raw()) == b'{"done": true}'


@pytest.mark.parametrize("start", [b"", b"event: error\n", b"event: error\r\n"])
def test_events_that_begin_with_an_error_are_one(make, start):
    """E26: the 200 says nothing; what is in it does. A later one is passed on, for something has gone out."""
    end = b"\r\n\r\n" if start.endswith(b"\r\n") else b"\n\n"
    error = start + b'data: {"error": {"message": "x", "type": "x", "code": "server_is_overloaded"}}' + end
    head = Head(200, (("content-type", "text/event-stream"),), framing="chunked")
    world = make()
    world.script("alpha/m", steps("refused", head, Body(error), End()))
    world.script("beta/m", steps("begun", head, Body(b'data: {"a": 1}\n\n'), Body(error), End()))
    assert heard(world, raw()) == b'data: {"a": 1}\n\n' + error
    assert world.story()[0] == ("alpha/m", "transient")
    assert world.last().target == "beta/m"


@pytest.mark.parametrize(
    "first", [b"data: {\n\n", b'data: {"error": null}\n\n', b"data: [1]\n\n", b": ping\n\n", b"data"]
)
def test_any_other_first_event_is_passed_on(make, first):
    """Whatever it is."""
    head = Head(200, (("content-type", "text/event-stream"),), framing="chunked")
    world = make()
    world.script("alpha/m", steps("odd", head, Body(first), End()))
    assert heard(world, raw()) == first


def test_nothing_is_an_answer_too(make):
    """204, and a 200 without a body."""
    world = make()
    world.script("alpha/m", steps("none", Head(204)), steps("empty", Head(200), End()))
    assert [heard(world, raw()) for _ in range(2)] == [b"", b""]


def test_it_is_never_done_twice_at_once(make):
    """A second picture costs as much as the first."""
    world = make(more="[hedge]\nenabled = true\nleast_samples = 20\n")
    for _ in range(30):
        world.ask()
    world.script("alpha/m", steps("late", Pause(5.0), SOUND, Body(b"sound"), End()))
    assert heard(world, raw()) == b"sound"
    assert (world.events(HedgeStarted), world.sent("beta/m")) == ([], 0)
    world.ask()  # anything else that takes so long is asked of another too
    assert len(world.events(HedgeStarted)) == 1


def test_its_limits_are_the_providers(make):
    """Requests are counted; tokens are not known."""
    world = make(["alpha/m"], "[providers.alpha.limits]\nrpm = 2\n")
    world.script("alpha/m", DONE)
    assert heard(world, raw()) == b'{"done": true}'
    assert heard(world, raw(), timeout=20.0).status == 503
    world.wait(60.0)
    assert heard(world, raw()) == b'{"done": true}'


def test_a_caller_is_told_which_targets_cannot(make):
    """One who speaks another dialect is passed by."""
    world = make(["alpha/m"], '[providers.beta]\ntype = "anthropic"\nkey = "k"\n[routes.other]\ntargets = ["beta/c"]')
    failure = heard(world, raw("other"))
    assert (failure.kind, failure.status) == ("caller", 400)
    assert "beta/c: it speaks another dialect" in failure.message


# -- what one account keeps ------------------------------------------------------------------------------------------


def kept(path="/v1/files/file-1"):
    """A request about a file."""
    return raw("", method="GET", path=path, stays=True, given=b"")


def test_a_file_is_asked_for_where_it_is(make):
    """Its provider is asked again and again, for nobody else can have it."""
    world = make()
    world.script("alpha/*", 503)
    failure = heard(world, kept())
    assert isinstance(failure, Transient)
    assert world.path() == ["alpha/*"] * 3


def test_a_pause_is_waited_for(make):
    """Longer than it would be where another target is as good."""
    world = make()
    world.script("alpha/*", throttled(7), DONE)
    assert heard(world, kept()) == b'{"done": true}'
    assert world.path() == ["alpha/*"] * 2
    assert world.now >= 7.0
    world.script("alpha/*", throttled(5), DONE, DONE)
    assert heard(world, kept()) == b'{"done": true}'


def test_an_open_circuit_is_no_404(make):
    """Who is down may have the file: the caller is told to come back, not that there is none."""
    world = make(more=f"{NO_RETRY}[breaker]\nfailures = 1\n")
    world.script("alpha/*", 500, 500)
    world.script("beta/*", 404)
    for _ in range(2):  # the second one is the early probe
        assert isinstance(heard(world, kept()), Transient)
    failure = heard(world, kept())
    assert isinstance(failure, Rejected)
    assert failure.retry_after is not None
    assert world.sent("beta/*") == 0


def test_after_a_404_the_next_one_is_asked(make):
    """And after the last one it is a 404, which says nothing about what else they have."""
    world = make()
    world.script("alpha/*", 404)
    world.script("beta/*", DONE, 404)
    assert heard(world, kept()) == b'{"done": true}'
    failure = heard(world, kept())
    assert (type(failure), failure.status) == (Caller, 404)
    assert world.path() == ["alpha/*", "beta/*"] * 2
    world.script("alpha/m", ok("well"))
    assert world.ask().text == "well"


# -- uploads -----------------------------------------------------------------------------------------------------------


def test_what_is_kept_is_sent_again(make):
    """All of it, from its beginning."""
    world = make()
    world.script("alpha/m", "A1-refused", 503)
    world.script("beta/m", DONE)
    assert heard(world, raw("default", feed=Upload(b"one ", b"two"))) == b'{"done": true}'
    assert [sent.body for sent in world.io.sent] == [b"one two"] * 3


def test_what_is_gone_is_not(make):
    """One attempt; the caller may come again, and is told so."""
    world = make()
    world.script("alpha/m", 503)
    failure = heard(world, raw("default", feed=Upload(b"one ", b"two ", b"three")))
    assert (type(failure), failure.retryable, world.path()) == (Transient, True, ["alpha/m"])
    assert world.events(RetryScheduled) == []


def test_a_fault_of_the_caller_is_the_callers(make):
    """Nobody else is asked, no circuit hears of it."""
    world = make()
    slow = Caller("nothing came", status=408)
    assert heard(world, raw("default", feed=Upload(b"one ", slow))) is slow
    assert world.story() == [("alpha/m", "caller")]
    assert world.breaker().state == "closed"


def test_the_answer_has_its_time_from_the_end_of_the_upload(make):
    """However long that took."""
    world = make()
    world.script("alpha/m", steps("late", Head(200, framing="chunked"), Pause(100.0), Body(b"done"), End()))
    assert heard(world, raw("default", feed=Upload(b"one ", b"two", every=150.0))) == b"done"
    assert world.now == 400.0
    world.script("alpha/m", steps("never", Head(200, framing="chunked"), Silence()))
    world.script("beta/m", 404)
    heard(world, raw("default", feed=Upload(b"one", every=150.0)))
    assert world.last().history[0].kind == TimedOut.kind


# -- nothing is lost ---------------------------------------------------------------------------------------------------

STORIES = {
    "sound": (raw, {"alpha/m": [503], "beta/m": [steps("s", SOUND, Body(b"a"), Pause(1.0), Body(b"b"), End())]}),
    "a file": (kept, {"alpha/*": [429, 404], "beta/*": [DONE]}),
    "an upload": (lambda: raw(feed=Upload(b"one ", b"two", every=1.0)), {"alpha/m": ["A1-refused"], "beta/m": [DONE]}),
}


def story(name):
    """For the drivers."""
    make_request, script = STORIES[name]

    def told(io):
        world = World(io=io)
        for target, behaviours in script.items():
            world.script(target, *behaviours)

        async def tell():
            with contextlib.suppress(Failure):
                await asked(world, make_request())

        return tell(), lambda: at_rest(world)

    return told


@pytest.mark.parametrize("name", STORIES)
def test_cancelled_or_failing_anywhere_nothing_is_lost(name):
    """Every suspension cancelled, every network call failed once."""
    assert cancel_everywhere(story(name)) >= 1
    assert fail_everywhere(story(name)) >= 2
