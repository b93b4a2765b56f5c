"""A process that is frozen for a while and thawed, as serverless platforms do it: it goes on as if nothing had been.

A real process is stopped and continued by signals, and answers at once: no error, no attempt too many, no circuit that
opened for a fault of its own making.
"""

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading

import pytest

PATIENCE = 120.0
SHORT, LONG = 3.0, 60.0
"""Seconds of a timer that a freeze outlasts, and of one that nothing does."""
FREEZE = SHORT + 0.5
PROGRAM = """
import json, sys
import outlast
from outlast.model.events import AttemptEnded, BreakerChanged, LoopBlocked

events = []
client = outlast.Client("outlast.toml", sinks=[events.append])
for line in sys.stdin:
    events.clear()
    how, model = line.split()
    try:
        if how == "stream":
            with client.stream("hi", model=model) as stream:
                text = "".join(chunk.text for chunk in stream)
        else:
            text = client.chat("hi", model=model).text
    except outlast.Failure as failure:
        text = repr(failure)
    kinds = [event.kind for event in events if isinstance(event, AttemptEnded)]
    changed = [event.after for event in events if isinstance(event, BreakerChanged)]
    print(json.dumps({"text": text, "attempts": kinds, "circuit": changed}), flush=True)
"""
TOML = """
[providers.hurried]
type = "openai-compatible"
base_url = "http://127.0.0.1:{port}/v1"
key = "sk-alpha-0123456789"
timers = {{ first_content = {short}, stall = {short}, whole = {short} }}
[providers.patient]
type = "openai-compatible"
base_url = "http://127.0.0.1:{port}/v1"
key = "sk-alpha-0123456789"
timers = {{ first_content = {long}, stall = {long}, whole = {long} }}
[breaker]
failures = 1
[retry]
enabled = false
"""


class Provider:
    """A provider by hand: it hands over each request, and says what it is told to say, when it is told."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.asked = queue.Queue()
        self.connections = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection):
        data = b""
        while True:
            try:
                more = connection.recv(65_536)
            except OSError:
                return
            if not more:
                return
            data += more
            head, found, body = data.partition(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
            )
            if found and len(body) >= length:
                data = b""
                self.asked.put(connection)

    def request(self):
        """The connection of the next request."""
        return self.asked.get(timeout=PATIENCE)

    def close(self):
        """Close all of it."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.connections:
            connection.close()


def answer(text):
    """A whole answer."""
    message = {"role": "assistant", "content": text}
    body = json.dumps({"id": "1", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    return f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


def piece(text, finish=None):
    """A piece of a stream, as a chunk of the body."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    event = f"data: {json.dumps({'id': '1', 'model': 'm', 'choices': [choice]})}\n\n"
    return f"{len(event):x}\r\n{event}\r\n".encode()


STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
DONE = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


class Frozen:
    """The process: asked over its stdin, frozen and thawed by signals."""

    def __init__(self, tmp_path, port):
        (tmp_path / "outlast.toml").write_text(TOML.format(port=port, short=SHORT, long=LONG))
        ours = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", PROGRAM],
            cwd=tmp_path,
            env=ours | {"HOME": str(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, how="chat", *, model="hurried/m"):
        """Tell it to ask its provider."""
        self._process.stdin.write(f"{how} {model}\n")
        self._process.stdin.flush()

    def told(self):
        """What came of that."""
        return json.loads(self._process.stdout.readline())

    def freeze(self):
        """Stop it, and return when it has stopped."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)

    def last(self):
        """Let the freeze last longer than its short timers."""
        threading.Event().wait(FREEZE)

    def thaw(self):
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def close(self):
        """End it."""
        self._process.kill()
        self._process.communicate(timeout=PATIENCE)


@pytest.fixture
def provider():
    made = Provider()
    yield made
    made.close()


@pytest.fixture
def process(tmp_path, provider):
    made = Frozen(tmp_path, provider.port)
    made.ask(model="patient/m")
    provider.request().sendall(answer("warm"))
    assert made.told()["text"] == "warm"
    yield made
    made.close()


WELL = {"attempts": ["ok"], "circuit": []}


def test_a_connection_that_its_peer_closed_in_the_meantime_costs_nothing(process, provider):
    """The next question is answered by the first attempt, on a fresh connection."""
    process.freeze()
    for connection in provider.connections:
        connection.shutdown(socket.SHUT_RDWR)
    process.last()
    process.ask(model="patient/m")
    process.thaw()
    provider.request().sendall(answer("thawed"))
    assert process.told() == {"text": "thawed"} | WELL
    assert len(provider.connections) == 2


def test_an_answer_that_came_while_frozen_is_taken_although_its_timer_is_over(process, provider):
    """The time in which we did nothing is not the provider's."""
    process.ask()
    connection = provider.request()
    process.freeze()
    connection.sendall(answer("in time"))
    process.last()
    process.thaw()
    assert process.told() == {"text": "in time"} | WELL


def test_a_stream_goes_on_where_it_was(process, provider):
    """Frozen between two words, and what came meanwhile is there; also when its connection was closed in good order."""
    process.ask("stream")
    connection = provider.request()
    connection.sendall(STREAM + piece("one "))
    process.freeze()
    connection.sendall(piece("two ") + piece("three", "stop") + DONE)
    connection.shutdown(socket.SHUT_RDWR)
    process.last()
    process.thaw()
    assert process.told() == {"text": "one two three"} | WELL


def test_a_provider_that_is_slow_is_still_found_out_after_a_thaw(process, provider):
    """Only the time of the freeze is excused."""
    process.ask()
    provider.request()
    process.freeze()
    process.last()
    process.thaw()
    told = process.told()
    assert (told["attempts"], told["circuit"]) == (["timeout"], ["open"])
