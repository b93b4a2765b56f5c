"""Callers who do not read: the provider is held back, memory stays bounded, and in the end they are cut off."""

import asyncio
from types import SimpleNamespace

from uvicorn.server import ServerState

from outlast.build import Outlast
from outlast.config import parse
from outlast.gateway.app import SLICE, App
from outlast.gateway.exchange import Outbound
from outlast.gateway.protocol import Protocol
from outlast.testing import ScriptedIo, VirtualLoop, endless, ok

from .house import chat, toml_of

PATH = "/v1/chat/completions"
IMPATIENT = "[server]\nwrite_timeout = 0.3"
SMALL = 4096


class Large:
    """A surface whose answers are large."""

    draining = False

    def refusal(self, _inbound):
        """Nobody is refused."""

    def window(self, _inbound):
        """Every body is wanted whole."""

    async def answer(self, _inbound):
        """All at once."""
        return Outbound(200, [(b"content-length", b"%d" % (4 << 20))], bytes(4 << 20))


def test_a_caller_who_stops_reading_a_stream_is_cut_off(provider, open_house):
    """G6: an endless stream is held back by buffers of bounded size, and ends with the write timeout."""
    house = open_house(IMPATIENT)
    provider.script("alpha", endless("word " * 200))
    with house.caller(receive_buffer=SMALL) as caller:
        caller.post(PATH, chat(stream=True))
        caller.until(b"word")
        (ended,) = house.heard()
        (seen,) = provider.wait(1, ended=True)
        house.until(lambda: house.connections == 0)
    assert (ended.kind, seen.hung_up) == ("cancelled", "caller")
    assert seen.sent < 32 << 20


def test_a_caller_who_stops_reading_a_whole_answer_is_cut_off(provider, open_house):
    """The same for megabytes that are there already: they are not kept for a caller who does not want them."""
    house = open_house(IMPATIENT)
    provider.script("alpha", ok("a" * (16 << 20)))
    with house.caller(receive_buffer=SMALL) as caller:
        caller.post(PATH, chat())
        assert caller.answer_head().status == 200
        house.until(lambda: house.connections == 0)


class Slow(asyncio.Transport):
    """A caller's connection whose caller takes what was sent when told to."""

    def __init__(self):
        super().__init__()
        self.held = 0
        self.taken = 0
        self.aborted = False

    def write(self, data):
        self.held += len(data)
        if self.held > SLICE and not self.protocol.paused:
            self.protocol.pause_writing()

    def take(self):
        """Take all of it."""
        self.taken, self.held = self.taken + self.held, 0
        if self.protocol.paused:
            self.protocol.resume_writing()

    def abort(self):
        self.aborted = True

    def is_closing(self):
        return self.aborted


def read_by(takes):
    """The connection of a caller who has a minute for each piece of 4 MiB, and takes one after each pause."""

    async def story():
        outlast = Outlast(parse(toml_of("http://127.0.0.1:1", "[server]\nwrite_timeout = 60.0"), {}), io=ScriptedIo(0))
        line = Slow()
        line.protocol = Protocol(SimpleNamespace(app=App(Large(), outlast)), ServerState(), {})
        line.protocol.connection_made(line)
        line.protocol.data_received(b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n")
        for seconds in takes:
            await asyncio.sleep(seconds)
            line.take()
        await asyncio.sleep(0)
        line.protocol.connection_lost(None)
        return line

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(0)) as runner:
        return runner.run(story())


def test_a_caller_who_reads_slowly_but_steadily_gets_everything():
    """Each piece has the write timeout anew, so that a thin line is no reason to be cut off; who pauses longer is."""
    steady = read_by([59.0] * 100)
    assert (steady.taken > 4 << 20, steady.aborted) == (True, False)
    halting = read_by([59.0, 59.0, 61.0, 1.0])
    assert (halting.taken < 4 << 20, halting.aborted) == (True, True)


def test_a_stopped_gateway_does_not_wait_for_a_caller_who_does_not_read(provider, open_house):
    """What is left in the buffers of such a caller holds up nobody: the house ends although he is still there."""
    house = open_house(IMPATIENT)
    provider.script("alpha", endless("word " * 200))
    with house.caller(receive_buffer=SMALL) as caller:
        caller.post(PATH, chat(stream=True))
        caller.until(b"word")
        house.heard()
        house.until(lambda: house.connections == 0)
        caller.rest()
