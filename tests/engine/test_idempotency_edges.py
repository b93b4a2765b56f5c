"""Idempotency keys where it is narrow: what is passed on unread, what cannot be begun, faults of ours, odd bodies."""

import asyncio

import pytest
from tests.layers.calls import a_call

from outlast.engine import Asked
from outlast.lab.script import body, steps
from outlast.lab.steps import Body, End
from outlast.layers.idempotency import Idempotency, IdempotencyConfig
from outlast.model.errors import Internal, Rejected
from outlast.model.events import Fault, KeyKept
from outlast.model.messages import Chat, Message, Text
from outlast.store import Memory
from outlast.testing import ScriptedIo, cut, ok, run

from .keyed import later, now, processes
from .test_forwarded import DONE, SOUND, Upload, raw
from .world import chat

PIECES = steps("sound", SOUND, Body(b"\xff\x00"), Body(b"la"), End())


class Busy(ScriptedIo):
    """A world in which too much is being done already."""

    def begin(self, work):
        work.close()


@pytest.fixture
def two(make):
    """Two processes over one store."""
    return processes(make)


# -- passed on unread --------------------------------------------------------------------------------------------------


def test_an_answer_that_nobody_reads_is_given_again(world):
    """Its status, its head and its bytes."""
    world.script("alpha/m", DONE)
    first, again = (world.ask(raw(), key="k") for _ in range(2))
    assert (again.raw, again.head.status, again.head.headers) == (first.raw, 200, first.head.headers)
    assert (again.replayed, again.cost, again.target) == (True, 0.0, "alpha/m")
    assert world.sent() == 1


def test_a_stream_that_nobody_reads_is_given_again(two):
    """Sounds, piece by piece; from another process, too."""
    one, other = two
    one.script("alpha/m", PIECES)

    async def bytes_of(world):
        stream = await world.answer(raw(), key="k")
        got = b""
        while (batch := await stream.next()) is not None:
            got += batch.raw
        return got, stream.opening.status, stream.opening.headers

    first = one.run(bytes_of(one))
    assert first[0] == b"\xff\x00la"
    assert one.run(bytes_of(one)) == one.run(bytes_of(other)) == first
    assert (one.sent(), other.sent()) == (1, 0)


@pytest.mark.parametrize(
    "other",
    [raw(path="/v1/audio/other"), raw(given=b'{"other": 1}'), raw(model="alpha/m")],
    ids=["path", "body", "model"],
)
def test_another_path_or_body_is_another_request(world, other):
    """Under one key that is a mistake."""
    world.script("alpha/m", DONE)
    world.ask(raw(), key="k")
    assert world.fail(other, key="k").status == 422


def test_what_only_looks_is_not_concerned(world):
    """To read or delete twice is what it says."""
    world.script("alpha/m", DONE)
    for _ in range(2):
        world.ask(raw(method="GET", given=b""), key="k")
    assert world.sent() == 2


def test_a_body_on_its_way_cannot_be_compared(world):
    """It is answered, and its caller told."""
    world.script("alpha/m", body(b"{}"))
    asked = world.run(_asked(world, raw(feed=Upload(b"a", b"b"))))
    assert asked.keyed.unkept == "its body is handed on while it comes"
    assert asked.keyed.left is None


async def _asked(world, request):
    asked = Asked(id="1", key="k")
    await world.engine.answer(request, asked)
    return asked


# -- what cannot be begun, and faults ----------------------------------------------------------------------------------


def test_when_nothing_more_can_be_begun_it_is_refused(make):
    """Rather than made without the promise that a key is for."""
    world = make(io=Busy())
    failure = world.fail(key="k")
    assert isinstance(failure, Rejected)
    assert (failure.status, failure.code, failure.retry_after) == (503, "overloaded", 1.0)
    assert world.held() == {}


def test_a_fault_of_ours_frees_the_key_and_everybody_hears_of_it():
    """As an internal error; the fault is told once, without its text."""
    io, calls = ScriptedIo(), []

    async def inner(call):
        calls.append(call)
        await asyncio.sleep(1.0)
        raise ValueError("a secret")

    async def story():
        layer = Idempotency(IdempotencyConfig(), store=Memory(now), dialects={})
        handle = layer.layer()(inner)
        got = [await asyncio.gather(*(handle(keyed(io)) for _ in range(2)), return_exceptions=True) for _ in range(2)]
        return got, len(layer), len(layer._keeper)

    got, left, held = run(story())
    assert [type(error) for pair in got for error in pair] == [Internal] * 4
    assert (len(calls), left, held) == (2, 0, 0)
    assert "secret" not in io.sink.of(Fault)[0].error


def keyed(io):
    """A call with a key."""
    call = a_call(io)
    call.key = "k"
    call.request.read = lambda _: Chat((Message("user", (Text("hi"),)),))
    return call


# -- odd bodies and ends -----------------------------------------------------------------------------------------------


def test_half_a_sign_is_compared_by_its_bytes(world):
    """No JSON writer takes it; a second try has it too."""
    text = chat("?")
    text.body = text.body.replace(b'"?"', b'"\\ud800"')
    other = chat("?")
    other.body = other.body.replace(b'"?"', b'"\\ud801"')
    world.hear(text, key="k")
    assert world.hear(other, key="k").status == 422


def test_a_stream_that_breaks_is_broken_for_who_reads_along(make):
    """In the other process, too; its log is gone, and the next try gets the whole."""
    one, other = processes(make, more="[resume]\nenabled = false")
    one.script("alpha/m", cut(after=3, between=1.0), ok("one two three"))
    other.script("alpha/m", ok("one two three"))

    async def story():
        return await asyncio.gather(one.heard(key="k", stream=True), later(0.5, other.heard(key="k", stream=True)))

    first, second = one.run(story())
    assert first.error.kind == second.error.kind == "broken_stream"
    one.wait(1.0)
    assert one.wire.store._shelf.begin("l", one.now) == []
    assert other.hear(key="k", stream=True).text == "one two three"


def test_a_stream_too_large_is_followed_as_far_as_it_was_told(make):
    """Who reads along in another process is told that it broke; a later try that it was too large."""
    one, other = processes(make, more="[idempotency]\nlargest = 2000")
    one.script("alpha/m", ok("word " * 200, between=0.1))

    async def story():
        return await asyncio.gather(one.heard(key="k", stream=True), later(0.5, other.heard(key="k", stream=True)))

    first, second = one.run(story())
    assert first.text == "word " * 200
    assert second.error.kind == "broken_stream"
    assert other.fail(key="k", stream=True).code == "idempotency_answer_not_kept"
    assert [event.reason for event in one.events(KeyKept)] == ["it is too large"]


def test_a_resumed_stream_is_given_again_whole(make):
    """Though two targets made it, and the second one's words were rendered anew."""
    world = make()
    world.script("alpha/m", cut(after=3))
    world.script("beta/m", ok("one two three four five six"))
    first = world.hear(key="k", stream=True)
    again = world.hear(key="k", stream=True)
    assert (again.text, again.finish, again.error) == (first.text, first.finish, None)
    assert world.sent() == 2
