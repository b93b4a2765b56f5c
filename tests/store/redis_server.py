"""A real `redis-server` of the tests' own, in a directory of its own: it can be stopped, killed and started again."""

import asyncio
import contextlib
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import redis
from bench.ports import reserved

BINARY = shutil.which("redis-server")
LEASHED = [shutil.which("setpriv"), "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
"""It goes with this process, also when that is killed."""
PATIENCE = 120.0
NO_BINARY = "redis-server is not installed: `make test` installs it, or: apt-get install redis-server"


class RedisServer:
    """One server on a port and a socket of its own.

    Args:
        directory: where it has its socket, and its data if it keeps any.
        told: lines of its configuration.
        keeps: does it write everything to its disk, so that it is there after a restart?
    """

    def __init__(self, directory: Path, *told, keeps=False, password=None):
        self.directory = directory
        self._held = contextlib.ExitStack()
        self.port = self._held.enter_context(reserved())  # also while it is down
        self.password = password
        self._told = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"unixsocket {directory}/redis.sock",
            f"dir {directory}",
            'save ""',
            f"appendonly {'yes' if keeps else 'no'}",
            "appendfsync always",
            "enable-debug-command yes",
            "daemonize no",
            *([f"requirepass {password}"] if password else []),
            *told,
        ]
        self.process = None

    @property
    def url(self):
        """Where it is, with its password."""
        return f"redis://{f':{self.password}@' if self.password else ''}127.0.0.1:{self.port}/0"

    @property
    def unix_url(self):
        """The same by its socket in the file system."""
        return f"unix://{self.directory}/redis.sock"

    def start(self):
        """Start it, and return when it answers."""
        if BINARY is None:
            pytest.skip(NO_BINARY)
        file = self.directory / "redis.conf"
        file.write_text("\n".join(self._told) + "\n")
        self.process = subprocess.Popen(
            [*LEASHED, BINARY, str(file)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
        self.answers()
        return self

    def answers(self):
        """Return when it does, if only to say that it wants a password."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                with self.client() as client:
                    client.ping()
            except (redis.ResponseError, redis.AuthenticationError):
                return
            except redis.ConnectionError:
                assert self.process.poll() is None, "redis-server has ended"
                assert time.monotonic() < until, "redis-server does not answer"
                time.sleep(0.01)
            else:
                return

    def client(self):
        """A client to look into it with."""
        return redis.Redis(host="127.0.0.1", port=self.port, password=self.password, socket_timeout=PATIENCE)

    def do(self, *words):
        """What it answers."""
        with self.client() as client:
            return client.execute_command(*words)

    def info(self, section, name):
        """One of its own numbers."""
        with self.client() as client:
            return client.info(section)[name]

    def stop(self):
        """It stands still, and keeps its connections."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        """As if nothing had been."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        """It is gone at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE)
            self.process = None

    def close(self):
        """It is gone for good."""
        if self.process is not None:
            self.go_on()
        self.kill()
        self._held.close()

    def restart(self):
        """Killed, and started on the same port: empty, unless it keeps what it has."""
        self.kill()
        self.start()


class Slow:
    """A way to a server on which answers may be held back; on the loop of the test.

    Attributes:
        goes: cleared, answers wait until it is set again.
        port: where it is.
    """

    def __init__(self, server):
        self.goes = asyncio.Event()
        self.goes.set()
        self.server = server
        self.port = 0
        self._listener = None
        self._tasks = set()

    @property
    def url(self):
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}/0"

    async def __aenter__(self):
        self._listener = await asyncio.start_server(self._way, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._listener.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _way(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        there, back = await asyncio.open_connection("127.0.0.1", self.server.port)
        ways = [asyncio.ensure_future(self._carry(reader, back, late=False))]
        ways.append(asyncio.ensure_future(self._carry(there, writer, late=True)))
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, back):
                end.close()
            self._tasks.discard(asyncio.current_task())

    async def _carry(self, source, sink, *, late):
        with contextlib.suppress(OSError):
            while piece := await source.read(65_536):
                if late:
                    await self.goes.wait()
                sink.write(piece)
                await sink.drain()


def of_this_run(tmp_path_factory):
    """A server for all tests of this process; its end is seen to, whatever happens to the tests."""
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    try:
        yield server
    finally:
        server.close()
