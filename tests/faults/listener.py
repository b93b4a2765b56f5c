"""A server of a test's own in a thread of its own, for what no simulated provider plays: TLS, and its faults.

A scene is an async function of a reader and a writer; it is played on each connection.
"""

import asyncio
import contextlib
import json
import os
import socket
import struct
import threading
from concurrent.futures import Future

from outlast.lab.answer import Asked, compose
from outlast.lab.rendering import answer_body, answer_events, until

from .cases import PATIENCE

ALERT = b"\x15\x03\x03\x00\x02\x02\x50"
"""TLS: fatal, internal_error."""


class Listener:
    """Plays its scene while it is entered. `tls` is the context of its server's side."""

    def __init__(self, scene, tls=None):
        self._scene = scene
        self._tls = tls
        self._ready = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self):
        self._thread.start()
        self.port = self._ready.result(PATIENCE)
        return self

    def __exit__(self, kind, error, trace):
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    @property
    def url(self):
        """Where TLS is spoken to it."""
        return f"https://127.0.0.1:{self.port}"

    async def _serve(self):
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(lambda loop, context: None)  # handshakes that fail are what this is for
        server = await asyncio.start_server(self._play, "127.0.0.1", 0, ssl=self._tls)
        self._ready.set_result(server.sockets[0].getsockname()[1])
        await self._over.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _play(self, reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._scene(reader, writer)
        writer.transport.abort()


async def silent(reader, writer):
    """Takes what comes, and says nothing."""
    while await reader.read(65536):
        pass


async def hang_up(reader, writer):
    """Takes the greeting, and closes."""
    await reader.read(10)


def saying(data):
    """Takes the greeting, says this, and is silent."""

    async def scene(reader, writer):
        await reader.read(10)
        writer.write(data)
        await silent(reader, writer)

    return scene


async def greeting(reader, writer):
    """Speaks first."""
    writer.write(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
    await silent(reader, writer)


def answering(keep=None, *, reset=False):
    """A good answer without a length, all of it or `keep` tokens; then the connection ends without a goodbye."""

    async def scene(reader, writer):
        asked = await _request(reader)
        kind = b"text/event-stream" if asked.stream else b"application/json"
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: %b\r\n\r\n" % kind)
        writer.write(_said(asked, keep))
        await writer.drain()
        if reset:
            await asyncio.sleep(0.05)  # what was said is read first
            with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as twin:
                twin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return scene


async def _request(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    lines = [line.split(b":") for line in head.lower().split(b"\r\n")]
    length = next(int(line[1]) for line in lines if line[0] == b"content-length")
    account = head.split()[1].decode().strip("/").partition("/")[0]
    return Asked(body=json.loads(await reader.readexactly(length)), provider=account)


def _said(asked, keep):
    said = compose(asked)
    if asked.stream:
        return b"".join(event.data for event in until(answer_events(asked, said), keep))
    data = answer_body(asked, said)
    return data if keep is None else data[: len(data) // 2]
