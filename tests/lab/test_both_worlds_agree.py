"""The same fault means the same in virtual time and through the real HTTP client: what tests show is what happens."""

import asyncio
import json

import pytest

from outlast.edge.io import AsyncIo
from outlast.lab.answer import Asked
from outlast.lab.faults import FAULTS
from outlast.lab.provider import SimulatedProvider
from outlast.lab.scripted_io import ScriptedIo
from outlast.lab.steps import Silence
from outlast.lab.virtual_time import run
from outlast.model.errors import Failure
from outlast.model.target import Provider, Target
from outlast.ports import Outgoing

# Those that take real time or never end, and those that a socket which listens cannot show.
LEFT_OUT = {"C9-drip", "E29-pings-after-4", "E30-pings-then-answer", "E37-endless", "E38-slow-tokens"} | {
    "A2-black-hole",
    "A12-tls-alert",
    "C39-head-trickles",
}


async def outcome(io, url, *, stream):
    """How far an answer came, and as what it ended."""
    target = Target(name="alpha/m", provider=Provider("alpha", "openai", url), model="m")
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
    due = io.now() + 30
    try:
        exchange = await io.send(target, Outgoing(b"/chat/completions", json.dumps(body).encode()), due, due)
    except Failure as failure:
        return failure.kind, failure.again
    size = 0
    try:
        while piece := await exchange.read(due):
            size += len(piece)
        exchange.release()
    except Failure as failure:
        exchange.abort()
        return failure.kind, exchange.status, size
    return "ok", exchange.status, size


def in_virtual_time(name, *, stream):
    async def story():
        io = ScriptedIo()
        io.script("alpha/m", name)
        return await outcome(io, "http://127.0.0.1:9/v1", stream=stream)

    return run(story())


def over_sockets(name, *, stream):
    async def story():
        async with SimulatedProvider(clock=lambda: Asked().created) as provider:
            provider.script("alpha", name)
            io = AsyncIo()
            try:
                return await outcome(io, provider.base_url("alpha"), stream=stream)
            finally:
                await io.aclose()

    return asyncio.run(story())


def falls_silent(name, *, stream):
    """Does it end only by a timer, which would take real time?"""
    steps = FAULTS[name].play(Asked(body={"model": "m", "stream": stream}))
    return any(isinstance(step, Silence) for step in steps)


CASES = [
    (name, stream)
    for name in sorted(set(FAULTS) - LEFT_OUT)
    for stream in (False, True)
    if not falls_silent(name, stream=stream)
]


@pytest.mark.parametrize(("name", "stream"), CASES)
def test_a_fault_means_the_same_in_both_worlds(name, stream):
    """The failure class, the status and the bytes before it are equal; faults that are silence are left to timers."""
    assert over_sockets(name, stream=stream) == in_virtual_time(name, stream=stream)
