"""Every named fault over a real socket: exactly the bytes of its steps, and the end that they say."""

import json
import socket

import pytest

from outlast.lab.answer import Asked
from outlast.lab.faults import FAULTS
from outlast.lab.provider import SimulatedProvider
from outlast.lab.steps import Body, End, Fin, Framer, Head, Pause, Raw, Rst, Unreachable

SLOW = {"C9-drip", "E29-pings-after-4", "E30-pings-then-answer", "E37-endless", "E38-slow-tokens"} | {
    "C39-head-trickles",
    "E52-finish-then-rst",
}
"""Those that take real time, or never end; virtual time plays them."""
BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}


def expected(name):
    """The bytes of a fault, and how its connection ends: "fin", "rst" or "open"."""
    framer, sent, end = Framer(), [], "open"
    for step in FAULTS[name].play(Asked(body=BODY, number=1)):
        match step:
            case Head() | Body() | End() | Raw():
                sent.append(framer.frame(step))
            case Fin():
                end = "fin"
            case Rst():
                end = "rst"
            case Unreachable(how):
                end = "open" if how == "blackhole" else "rst"
            case Pause(seconds):
                assert seconds == 0
    return b"".join(sent), end


def received(provider, name, size, end):
    """What a caller gets: `size` bytes, and then the end of the connection if there is to be one."""
    host, _, port = provider.url.removeprefix("http://").partition(":")
    data = json.dumps(BODY).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: {len(data)}"
    got = b""
    with socket.create_connection((host, int(port)), timeout=120) as link:
        link.sendall(head.encode() + b"\r\n\r\n" + data)
        try:
            while len(got) < size and (piece := link.recv(size - len(got))):
                got += piece
            if end == "open":
                return got, "open"
            return got, "fin" if link.recv(1) == b"" else "more"
        except ConnectionResetError:
            return got, "rst"


@pytest.mark.parametrize("name", sorted(set(FAULTS) - SLOW))
def test_a_fault_sends_its_steps_and_nothing_else(name):
    """Byte for byte the same as the script, and the same end of the connection."""
    sent, end = expected(name)
    with SimulatedProvider(clock=lambda: Asked().created) as provider:
        provider.script("", name)
        got, ended = received(provider, name, len(sent), end)
        seen = provider.wait(1, ended=True)[0]
    assert len(got) == len(sent)  # said first: a difference of megabytes takes long to print
    assert got == sent
    assert (ended, seen.sent) == (end, len(sent))
