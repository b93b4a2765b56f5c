"""The one driver of all gates: who is asked when, what is waited for, and how each permit is settled."""

import asyncio

import pytest

from outlast.flow.gate import AtOnce, gates
from outlast.flow.stream import End, Stream
from outlast.model.errors import Rejected, Transient
from outlast.model.messages import Batch, Chunk, Opening, Quota, Reply, Usage

from .calls import Ear, a_call


class Permit(AtOnce):
    """Leave to go on; it writes down what it is told."""

    def __init__(self, name, told, waits=None):
        self.name, self.told, self.seconds = name, told, waits
        self.waits = waits is not None

    async def wait(self, call):
        self.told.append(f"{self.name} waits")
        if isinstance(self.seconds, BaseException):
            raise self.seconds
        call.io.time += self.seconds

    def answered(self, call, now):
        self.told.append(f"{self.name} hears at {now:g}")

    def settle(self, call, end, now):
        self.told.append((self.name, end.outcome, end.error, now))


def gate(name, told, **permit):
    """A gate that lets everything through, and says when it was asked."""

    def admit(call, now):
        told.append(f"{name} asked at {now:g}")
        return Permit(name, told, **permit)

    return admit


def ask(layer, does, call=None):
    """What comes back through the layer, or what is raised."""

    async def inner(call):
        if isinstance(does, BaseException):
            raise does
        return does

    try:
        return asyncio.run(layer(inner)(call or a_call()))
    except Exception as error:  # noqa: BLE001  (what is raised is what is tested)
        return error


def a_reply(**more):
    """A whole answer."""
    return Reply(model="m", finish="stop", usage=Usage(input=1, output=2), read=tuple, **more)


def test_gates_are_asked_in_turn_and_settled_the_other_way_round():
    """Time passes while one is waited for, and the next is asked at the time that it is then."""
    told = []
    layer = gates(gate("one", told), gate("two", told, waits=5.0), gate("three", told))
    reply = a_reply()
    assert ask(layer, reply) is reply
    assert told == [
        "one asked at 0",
        "two asked at 0",
        "two waits",
        "three asked at 5",
        ("three", "success", None, 5.0),
        ("two", "success", None, 5.0),
        ("one", "success", None, 5.0),
    ]


def test_the_end_tells_what_the_answer_used_and_cost_and_what_is_left():
    """As the provider said it."""
    ends = []

    class Keeps(AtOnce):
        def settle(self, call, end, now):
            ends.append(end)

    quota = Quota(requests_left=3)
    ask(gates(lambda call, now: Keeps()), a_reply(cost=0.5, quota=quota))
    assert ends == [End("success", None, Usage(input=1, output=2), 0.5, quota)]


def test_a_gate_that_wants_to_hear_no_more_is_passed_by():
    """The next is asked all the same; a gate that is none is not asked."""
    told, reply = [], a_reply()
    assert ask(gates(None, lambda call, now: None, gate("two", told)), reply) is reply
    assert told == ["two asked at 0", ("two", "success", None, 0.0)]


def test_without_any_gate_there_is_no_layer():
    """The handler itself is what comes of it."""

    async def inner(call):
        return "well"

    assert gates()(inner) is inner
    assert gates(None, None)(inner) is inner


def test_who_is_refused_gives_back_what_it_has_and_asks_no_further():
    """The refusal is what the caller hears."""
    told, refusal = [], Rejected("no", gate="two")
    layer = gates(gate("one", told), lambda call, now: refusal, gate("three", told))
    assert ask(layer, "never asked") is refusal
    assert told == ["one asked at 0", ("one", "neutral", refusal, 0.0)]


@pytest.mark.parametrize("error", [Transient("no"), KeyError("a fault of ours")])
def test_a_failure_settles_all(error):
    """And is raised as it is."""
    told = []
    assert ask(gates(gate("one", told), gate("two", told)), error) is error
    outcome = "failure" if isinstance(error, Transient) else "neutral"
    assert told[2:] == [("two", outcome, error, 0.0), ("one", outcome, error, 0.0)]


def test_who_gives_up_waiting_is_settled_too():
    """It had its place, and gives it back before the earlier gates get theirs."""
    told, refusal = [], Rejected("too long", gate="two")
    layer = gates(gate("one", told), gate("two", told, waits=refusal))
    assert ask(layer, "never asked", a_call(Ear(now=7.0))) is refusal
    assert told[3:] == [("two", "neutral", refusal, 7.0), ("one", "neutral", refusal, 7.0)]


class Words:
    """A source that has said all with its first batch."""

    target, dialect, opening = "alpha/m", "", Opening()

    async def next(self):
        return None

    def abort(self):
        """Nothing to let go of."""


def test_of_a_stream_all_hear_when_its_first_content_is_there_and_are_settled_when_it_is_over():
    """Once, innermost first, and not before."""
    told, io = [], Ear(now=3.0)
    stream = Stream(Words(), Batch(b"", [Chunk(text="hi")]), io)
    assert ask(gates(gate("one", told), gate("two", told)), stream, a_call(io)) is stream
    assert told == ["one asked at 3", "two asked at 3", "two hears at 3", "one hears at 3"]
    io.time = 9.0
    asyncio.run(read(stream))
    assert told[4:] == [("two", "success", None, 9.0), ("one", "success", None, 9.0)]


async def read(stream):
    """All of it."""
    async for _ in stream:
        pass
