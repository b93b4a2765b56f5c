"""A world of raw bytes: servers on 127.0.0.1 that play scenes, and an `AsyncIo` that calls them.

    def test_…(run, world):
        async def story():
            async with world(answer(b"hello")) as at:
                exchange = await at.send()
                …
        run(story())

A scene is bytes (read one request, send them, hang up) or an async function of a `Peer`. The first connection plays the
first scene, the last scene is played for all that follow. On leaving, the world checks that no socket is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import time

import pytest
import uvloop

from outlast.edge.bounds import Bounds
from outlast.edge.io import AsyncIo
from outlast.edge.resolve import system_lookup
from outlast.model.target import Provider, Secret, Target
from outlast.ports import Outgoing

LONG = 30.0
"""Longer than any test may take."""
SOON = 0.1
"""A deadline that is meant to pass."""


class Peer:
    """The server's end of one connection."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    async def request(self):
        """One whole request: its head and its body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        return head, await self.reader.readexactly(length)

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, data):
        """Read one request and send these bytes."""
        asked = await self.request()
        await self.send(data)
        return asked

    async def gone(self):
        """Wait until the client has hung up."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass

    async def serve(self, data):
        """Give the same answer for as long as the client asks."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await self.answer(data)

    def reset(self):
        """Hang up with RST."""
        duplicate = socket.socket(fileno=os.dup(self.writer.get_extra_info("socket").fileno()))
        duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        duplicate.close()
        self.writer.transport.abort()


class At:
    """A running server, and the client that calls it."""

    def __init__(self, io, provider):
        self.io = io
        self.provider = provider
        self.connected = 0
        self.peers = []

    async def send(self, body=b"{}", *, connect=LONG, due=LONG, path=b"/chat", headers=(), provider=None, whole=False):
        now = self.io.now()
        target = Target("p/m", provider or self.provider, "m")
        return await self.io.send(target, Outgoing(path, body, headers, whole=whole), now + connect, now + due)

    async def whole(self, body=b"{}"):
        """The answer's status and body; the connection is kept if it may be."""
        exchange = await self.send(body)
        data = await exchange.whole(self.io.now() + LONG)
        exchange.release()
        return exchange.status, data

    @staticmethod
    async def until(condition):
        """Let the loop turn until this is so; the test's time limit is the only other end."""
        while not condition():  # noqa: ASYNC110  (sockets and transports give no event for it)
            await asyncio.sleep(0)

    @staticmethod
    def blocked(seconds):
        """Block the loop."""
        time.sleep(seconds)

    async def closed(self, left=0):
        """Until at most so many connections are left."""
        await self.until(lambda: self.io.connections <= left)

    @property
    def later(self):
        return self.io.now() + LONG

    @property
    def soon(self):
        return self.io.now() + SOON


def answer(body=b"ok", *lines, status=b"200 OK"):
    """A whole answer with these extra header lines."""
    return b"\r\n".join([b"HTTP/1.1 " + status, b"content-length: %d" % len(body), *lines, b"", body])


def chunked(*pieces, end=b"0\r\n\r\n", lines=()):
    """A whole answer in chunks."""
    head = b"\r\n".join([b"HTTP/1.1 200 OK", b"transfer-encoding: chunked", *lines, b"", b""])
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + end


@contextlib.asynccontextmanager
async def a_world(
    *scenes, bounds=None, ssl=None, lookup=system_lookup, host="127.0.0.1", ca_file="", proxy="", **options
):
    """A server that plays these scenes, and a client."""
    io = AsyncIo(bounds=bounds or Bounds(), lookup=lookup)
    at = At(io, None)
    ended = []

    async def play(reader, writer):
        peer = Peer(reader, writer)
        at.peers.append(peer)
        scene = scenes[min(at.connected, len(scenes) - 1)]
        at.connected += 1
        try:
            await (peer.answer(scene) if isinstance(scene, bytes) else scene(peer))
        except (ConnectionError, asyncio.IncompleteReadError):
            ended.append(peer)
        finally:
            if not writer.is_closing():  # closed twice, a TLS transport of Python 3.11.2 cannot be aborted any more
                writer.close()

    server = await asyncio.start_server(play, "127.0.0.1", 0, ssl=ssl)
    port = server.sockets[0].getsockname()[1]
    scheme = "https" if ssl else "http"
    at.provider = Provider(
        "p", "openai", f"{scheme}://{host}:{port}/v1", Secret("sk-1"), ca_file=ca_file, proxy=proxy, **options
    )
    try:
        yield at
    finally:
        await io.aclose()
        assert io.connections == 0
        for _ in range(10):  # what was accepted just now becomes a peer within a few turns, if the server still stands
            await asyncio.sleep(0)
            for peer in at.peers:
                peer.writer.transport.abort()
        server.close()
        await tasks_end()


async def tasks_end():
    """Until no task but this one is left; a task that never ends shows as the test's time limit."""
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)


@pytest.fixture
def world():
    return a_world


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    """Runs a story on each of the two loops."""
    return asyncio.run if request.param == "asyncio" else uvloop.run


@pytest.fixture
def say():
    """Builders of answers."""
    return Say


class Say:
    """The builders, for tests; a conftest cannot be imported."""

    answer = staticmethod(answer)
    chunked = staticmethod(chunked)
