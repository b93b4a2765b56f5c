"""A peer that runs: started, ready, and shown to answer as it must before anything is counted."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.accounting import cpu_seconds, resident_bytes
from bench.peers.peer import Peer, PeerError, Request
from bench.processes import Process
from bench.scenario import Place, Scenario

POLL = 0.002
CALM_SPAN = 0.05
CALM_SHARE = 0.1
CALM_LIMIT = 30.0


@dataclass(slots=True)
class Running:
    """A peer that is ready.

    Attributes:
        peer: which.
        scenario: what it is configured for.
        place: where.
        process: its process.
        port: where it listens.
        ready_after: seconds from its start until it was ready.
    """

    peer: Peer
    scenario: Scenario
    place: Place
    process: Process
    port: int
    ready_after: float

    def request(self, model: str, *, stream: bool) -> Request:
        """A request for a caller's model, as this peer wants it."""
        return self.peer.request(model, self.scenario, self.place, stream=stream)

    def cpu(self) -> float:
        """CPU seconds used so far."""
        return cpu_seconds(self.process.pid)

    def calm(self) -> None:
        """Wait until it has done what was asked of it: callers that gave up leave work behind, on the core of all."""
        until = time.monotonic() + CALM_LIMIT
        while time.monotonic() < until:
            before = self.cpu()
            time.sleep(CALM_SPAN)
            if self.cpu() - before < CALM_SHARE * CALM_SPAN:
                return

    def resident(self) -> int:
        """Bytes in RAM."""
        return resident_bytes(self.process.pid)

    def check(self, model: str, chunks: int = 0) -> None:
        """Ask once, and look at the answer closely.

        Args:
            model: a caller's.
            chunks: that its stream must have; 0: a whole reply is asked for.

        Raises:
            PeerError: it is not what the upstream said.
        """
        try:
            status, body = _ask(self.port, self.request(model, stream=bool(chunks)))
        except (OSError, http.client.HTTPException) as error:
            raise PeerError(f"no answer: {type(error).__name__}: {self.process.last_words()}") from None
        if status != 200:
            raise PeerError(f"status {status}: {body[:200].decode('utf-8', 'replace')}")
        problem = _wrong_stream(body, chunks) if chunks else _wrong_whole(body, model)
        if problem:
            raise PeerError(problem)


def start(peer: Peer, place: Place, scenario: Scenario) -> Running:
    """Start a peer and wait until it is ready.

    Raises:
        PeerError: it ended, or took too long.
    """
    place.folder.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    try:
        process = peer.start(place, scenario)
    except OSError as error:
        raise PeerError(f"cannot be started: {error.strerror}") from None
    try:
        port = _ready(peer, place, process, began + peer.patience)
        return Running(peer, scenario, place, process, port, time.perf_counter() - began)
    except BaseException:
        process.stop()
        raise


def _ready(peer: Peer, place: Place, process: Process, until: float) -> int:
    while time.perf_counter() < until:
        if process.ended() is not None:
            raise PeerError(f"ended with status {process.ended()}: {process.last_words()}")
        port = peer.port(place)
        if port and _status(port, peer.ready_path) == peer.ready_status:
            return port
        time.sleep(POLL)
    raise PeerError(f"not ready after {peer.patience:.0f} s: {process.last_words()}")


def _status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _ask(port: int, request: Request) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", request.path, request.body, dict(request.headers))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _wrong_whole(body: bytes, model: str) -> str:
    """What is wrong with a whole reply: its text must be as long as the upstream's."""
    size = int(model.rpartition("-")[2]) if "kb-" in model else 1
    try:
        text = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError):
        return "the reply is no chat completion"
    least = size * 1024 - 512
    return "" if len(text) >= least else f"the reply's text has {len(text)} letters, not {least}"


def _wrong_stream(body: bytes, chunks: int) -> str:
    """What is wrong with a stream: every word must be there, in an event of its own, in order."""
    words = list(_words(body))
    if words == [f"word{number} " for number in range(chunks)]:
        return ""
    return f"the stream has {len(words)} chunks of text, or other ones than {chunks} words in order"


def _words(body: bytes) -> Iterator[str]:
    for line in body.splitlines():
        if line.startswith(b"data:") and b"[DONE]" not in line:
            choices = json.loads(line[5:]).get("choices") or [{}]
            text = choices[0].get("delta", {}).get("content")
            if text:
                yield text
