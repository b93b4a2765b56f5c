"""The real gateway in a thread of its own, over simulated providers; and callers made of bare sockets.

    with House(GATEWAY, provider) as house:
        provider.script("alpha", stall(after=2))
        with house.caller() as caller:
            caller.post("/v1/chat/completions", chat(stream=True))
            …
        house.heard(RequestEnded)

On leaving, nothing may be held for anybody: no slot, permit, reservation, connection or task.
"""

import asyncio
import contextlib
import json
import os
import socket
import struct
import threading
from concurrent.futures import Future

import uvloop

from outlast.config import parse
from outlast.gateway.server import assemble, listen
from outlast.model.events import RequestEnded
from outlast.telemetry.outlet import Outlet

PATIENCE = 120.0
"""Longer than anything here may take."""
PROVIDERS = ("alpha", "beta")
SILENT = {"first_content": 0.3, "whole": 0.3}
"""Timers of an account that says nothing. Who does answer must never have them: a busy machine takes that long."""
STALLS = {"stall": 1.0}
"""Timers of an account that falls silent in the middle. Longer, for what it says before comes under the same timer."""


def timers_for(played):
    """The timers of an account that plays this: short ones only for what is silence."""
    if played.name in {"silent", "stall-0"}:
        return SILENT
    return STALLS if played.name.startswith("stall-") else {}


def toml_of(url, more="", *, providers=PROVIDERS, dialects=None, keys=None, timers=None):
    """A gateway on a free port with one route `default` over these providers, which live at `url`.

    `timers` are accounts' own ones; the others have the usual, which nothing here takes.
    """
    tables = []
    for name in providers:
        dialect = (dialects or {}).get(name, "openai")
        account = f'[providers.{name}]\ntype = "openai-compatible"\ndialect = "{dialect}"'
        key = (keys or {}).get(name, f"sk-{name}-0123456789")
        version = "/v1" if dialect in {"openai", "responses"} else ""
        own = ", ".join(f"{phase} = {seconds}" for phase, seconds in (timers or {}).get(name, {}).items())
        limits = f"\ntimers = {{ {own} }}" if own else ""
        tables.append(f'{account}\nbase_url = "{url}/{name}{version}"\nkey = "{key}"{limits}')
    targets = json.dumps([f"{name}/m" for name in providers])
    routes = "" if "[routes." in more else f"[routes.default]\ntargets = {targets}"
    server = "" if "[server]" in more else "[server]\nport = 0\ndrain = 0.0"
    return "\n".join([*tables, routes, server, more.replace("[server]", "[server]\nport = 0", 1)])


def chat(text="hi", *, model="default", **fields):
    """A chat completion request as JSON."""
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **fields}).encode()


class Ear:
    """A sink that lets tests wait for what it hears."""

    def __init__(self):
        self.events = []
        self._news = threading.Condition()

    def __call__(self, event):
        with self._news:
            self.events.append(event)
            self._news.notify_all()

    def of(self, kind):
        """The events of that kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def wait(self, kind, count=1):
        """Until there are so many of them."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.of(kind)) >= count, PATIENCE), f"no {kind.__name__}"
        return self.of(kind)


class House:
    """A gateway that serves while it is entered. `toml` is all of its configuration."""

    def __init__(self, toml, tmp_path, *, most_connections=None):
        self.config = parse(toml, {})
        self.ear = Ear()
        self._most_connections = most_connections
        self._log = tmp_path / f"log-{id(self)}"
        self._thread = threading.Thread(target=self._run, name="gateway", daemon=True)
        self._ready = Future()
        self._over = Future()

    def __enter__(self):
        self._thread.start()
        self.url = self._ready.result(PATIENCE)
        self.port = int(self.url.rpartition(":")[2])
        return self

    def __exit__(self, kind, error, trace):
        if self._thread.is_alive():
            self.close()

    def close(self):
        """Stop when everybody is gone, and look for what is left. The log is complete afterwards."""
        self.until(lambda: not self.app.under_way)
        self.at_rest()
        self._loop.call_soon_threadsafe(self.server.stop, 0.0)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        left = self._over.result(0)
        assert not left, left

    def _run(self):
        try:
            self._over.set_result(uvloop.run(self._serve()))
        except BaseException as error:
            self._over.set_exception(error)
            if not self._ready.done():
                self._ready.set_exception(error)
            raise

    async def _serve(self):
        self._loop = asyncio.get_running_loop()
        fd = os.open(self._log, os.O_CREAT | os.O_WRONLY)
        self.outlet = Outlet(fd)
        self.server = assemble(self.config, self.outlet, self._ready.set_result, sinks=[self.ear])
        self.outlast, self.app = self.server.outlast, self.server.config.app
        if self._most_connections is not None:
            self.app.most_connections = self._most_connections
        await self.server.serve(await listen(self.config))
        self.outlet.close()
        os.close(fd)
        await asyncio.sleep(0)
        return asyncio.all_tasks() - {asyncio.current_task()}

    # looking

    def until(self, condition):
        """Let the gateway's loop turn until this is so."""

        async def turning():
            while not condition():  # noqa: ASYNC110  (machines give no event for what they hold)
                await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(turning(), self._loop).result(PATIENCE)

    @contextlib.contextmanager
    def held(self):
        """The gateway does nothing meanwhile: what is sent to it is all there when it looks."""
        stands, go_on = threading.Event(), threading.Event()

        def stand():
            stands.set()
            go_on.wait(PATIENCE)

        self._loop.call_soon_threadsafe(stand)
        assert stands.wait(PATIENCE)
        try:
            yield
        finally:
            go_on.set()

    def heard(self, count=1):
        """How the requests ended, once so many have."""
        return self.ear.wait(RequestEnded, count)

    @property
    def connections(self):
        """Callers that are connected."""
        return len(self.server.server_state.connections)

    def at_rest(self):
        """Nothing is held for anybody: fails with what is."""

        async def looking():
            stack = self.outlast.stack
            return {
                "gateway slots": stack.admission.of("gateway").used,
                "gateway queue": stack.admission.waiting(),
                "target queues": stack.bulkhead.waiting(),
                **{f"slots of {name}": slots.used for name, slots in stack.bulkhead._slots.items()},
                **{f"permits of {name}": breaker.flying for name, breaker in stack.breakers.items()},
                **{f"caller limits of {name}": kept.under_way for name, kept in stack.caller_limits._kept.items()},
                **{f"target limits of {name}": kept.under_way for name, kept in stack.target_limits._kept.items()},
            }

        held = asyncio.run_coroutine_threadsafe(looking(), self._loop).result(PATIENCE)
        held = {name: count for name, count in held.items() if count}
        assert not held, held

    def log(self):
        """The lines of the log, parsed; complete once the house is left."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def log_text(self):
        """The log as it is."""
        return self._log.read_text()

    # asking

    def caller(self, **options):
        """Somebody who connects."""
        return Wire(self.port, **options)

    def ask(self, method, path, body=b"", *headers, **options):
        """The whole answer to one request on a connection of its own."""
        with self.caller(**options) as caller:
            caller.request(method, path, body, *headers)
            return caller.answer()

    def post(self, path, body, *headers):
        """The whole answer to a POST."""
        return self.ask("POST", path, body, *headers)

    def get(self, path, *headers):
        """The whole answer to a GET."""
        return self.ask("GET", path, b"", *headers)

    def chat(self, text="hi", *headers, **fields):
        """The whole answer to a chat completion."""
        return self.post("/v1/chat/completions", chat(text, **fields), *headers)


class Answer:
    """An HTTP answer; names of headers in lower case."""

    def __init__(self, status, headers, body=b""):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """The error of any of the dialects."""
        return self.json["error"]

    def __repr__(self):
        return f"Answer({self.status}, {self.headers}, {self.body[:300]!r})"


class Wire:
    """A caller who writes and reads bytes. `receive_buffer` makes one who cannot take much without reading."""

    def __init__(self, port, *, receive_buffer=0):
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(PATIENCE)
        self.buffer = b""
        try:
            self.sock.connect(("127.0.0.1", port))
        except OSError:
            self.sock.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    # saying

    def send(self, data):
        self.sock.sendall(data)

    def head(self, method, path, *headers):
        """The head of a request; headers are "name: value"."""
        lines = [f"{method} {path} HTTP/1.1", "host: gateway", "content-type: application/json", *headers]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"

    def request(self, method, path, body=b"", *headers):
        """A whole request with a true length."""
        length = (f"content-length: {len(body)}",) if body or method == "POST" else ()
        self.send(self.head(method, path, *headers, *length) + body)

    def post(self, path, body, *headers):
        self.request("POST", path, body, *headers)

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """Leave with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def leave(self):
        """Leave with FIN."""
        self.sock.close()

    # hearing

    def more(self):
        """Reads something; False at the end."""
        data = self.sock.recv(65536)
        self.buffer += data
        return bool(data)

    def until(self, mark):
        """All up to and with this mark."""
        while mark not in self.buffer:
            assert self.more(), f"closed before {mark!r}: {self.buffer[-300:]!r}"
        found, _, self.buffer = self.buffer.partition(mark)
        return found + mark

    def exactly(self, size):
        while len(self.buffer) < size:
            assert self.more(), f"closed after {len(self.buffer)} of {size} bytes"
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    def answer_head(self):
        """Status and headers."""
        status_line, *lines = self.until(b"\r\n\r\n")[:-4].split(b"\r\n")
        pairs = (line.split(b": ", 1) for line in lines)
        return Answer(int(status_line.split()[1]), {name.decode().lower(): value.decode() for name, value in pairs})

    def answer(self, *, bodiless=False):
        """A whole answer."""
        answer = self.answer_head()
        if bodiless:
            return answer
        if "content-length" in answer.headers:
            answer.body = self.exactly(int(answer.headers["content-length"]))
            return answer
        while piece := self.chunk():
            answer.body += piece
        return answer

    def chunk(self):
        """The next chunk of a chunked body; b"" for the last."""
        size = int(self.until(b"\r\n"), 16)
        data = self.exactly(size)
        self.until(b"\r\n")
        return data

    def rest(self):
        """All that comes until the other side closes, with FIN or RST."""
        try:
            while self.more():
                pass
        except ConnectionError:
            pass
        found, self.buffer = self.buffer, b""
        return found
