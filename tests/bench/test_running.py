"""Peers are started, watched, accounted for and ended; one that does not work says so."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from bench.accounting import cpu_seconds, family, resident_bytes
from bench.figures import FAILED
from bench.opening import OpenStreams
from bench.peers import PEERS
from bench.peers.direct import Direct
from bench.peers.peer import Peer, PeerError, Request
from bench.ports import reserved
from bench.processes import LOAD_CORE, SERVER_CORE, Process
from bench.rows import Row
from bench.running import Running, start
from bench.scenario import OPEN, PLAIN, PREFIX, Place, Scenario
from bench.session import QUICK, Session
from bench.wire import Wire, is_whole

from bench import latency

ROOT = Path(__file__).parents[2]
needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="NO C COMPILER: no peer can be asked here")

BUSY = """
import subprocess, sys, time
if len(sys.argv) == 1:
    child = subprocess.Popen([sys.executable, __file__, "child"], stdout=subprocess.PIPE, text=True)
    child.stdout.readline()
while time.process_time() < 0.2:
    pass
weight = bytearray(b"x") * 40_000_000
print("ready", flush=True)
time.sleep(60)
"""


def wait_for(process: Process, text: str) -> None:
    """Until a process has written this."""
    while text not in process.log.read_text():
        assert process.ended() is None, process.last_words()
        os.sched_yield()


def started(folder: Path, scenario: Scenario = PLAIN) -> Running:
    """The direct call's server."""
    with reserved() as port:
        return start(PEERS["direct"], Place(port, 0, folder), scenario)


class Wrong(Peer):
    """A peer that ends at once."""

    name = "wrong"

    def version(self) -> str:
        """None."""
        return ""

    def configure(self, place: Place, scenario: Scenario) -> list[str]:
        """A command that fails."""
        return [sys.executable, "-c", "raise SystemExit('no licence found')"]


class Closing(Direct):
    """A peer that answers each connection only once."""

    name = "closing"

    def request(self, model: str, scenario: Scenario, place: Place, *, stream: bool) -> Request:
        """Asked to close after the answer."""
        asked = super().request(model, scenario, place, stream=stream)
        return Request(asked.path, {**asked.headers, "connection": "close"}, asked.body)


def test_cpu_and_memory_of_a_process_include_its_children(tmp_path: Path):
    """Parent and child have each used 0.2 s and 40 MB."""
    (tmp_path / "busy.py").write_text(BUSY)
    process = Process([sys.executable, "busy.py"], core=SERVER_CORE, log=tmp_path / "log", environment={})
    try:
        wait_for(process, "ready")
        assert len(list(family(process.pid))) == 2
        assert cpu_seconds(process.pid) >= 0.4
        assert resident_bytes(process.pid) >= 80_000_000
        assert os.sched_getaffinity(process.pid) == {SERVER_CORE}
        members = list(family(process.pid))
    finally:
        process.stop()
    assert process.ended() is not None
    assert resident_bytes(process.pid) == 0
    while any(_lives(pid) for pid in members):  # killed, but perhaps not yet gone
        os.sched_yield()


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_peer_that_ends_at_once_says_what_it_said(tmp_path: Path):
    """Its last words are in the failure."""
    with reserved() as port, pytest.raises(PeerError, match="no licence found"):
        start(Wrong(), Place(port, 0, tmp_path), PLAIN)


@needs_compiler
def test_answers_are_looked_at_before_they_are_counted(tmp_path: Path):
    """Whole and streamed ones pass; a failing model, an unknown one and a stream that is too short do not."""
    running = started(tmp_path)
    try:
        running.check(PREFIX + "kb-1")
        running.check(PREFIX + "kb-100")
        running.check(PREFIX + "burst-50", 50)
        with pytest.raises(PeerError, match="status 500"):
            running.check("fail")
        with pytest.raises(PeerError, match="status 404"):
            running.check("nobody")
        with pytest.raises(PeerError, match="has 3 chunks"):
            running.check("burst-3", 50)
    finally:
        running.process.stop()
    with pytest.raises(PeerError, match="no answer"):
        running.check(PREFIX + "kb-1")


@needs_compiler
def test_our_caller_times_whole_answers_and_first_words(tmp_path: Path):
    """Several on one connection, each read to its end."""
    running = started(tmp_path)
    try:
        whole = running.request(PREFIX + "kb-100", stream=False).raw(running.port)
        stream = running.request(PREFIX + "paced-5-2ms", stream=True).raw(running.port)
        with Wire(running.port) as wire:
            for _ in range(2):
                assert wire.whole(whole) > 0
                assert len(wire.got.partition(b"\r\n\r\n")[2]) == 100 * 1024
                assert wire.first_word(stream) > 0
                assert wire.got.endswith(b"[DONE]\n\n\r\n0\r\n\r\n")
    finally:
        running.process.stop()


@needs_compiler
def test_streams_are_held_open_until_they_are_left(tmp_path: Path):
    """Each has said its first word; one that is refused is told."""
    running = started(tmp_path, OPEN)
    try:
        raw = running.request(PREFIX + "hold", stream=True).raw(running.port)
        with OpenStreams(running, raw) as streams:
            streams.open(200)
        refused = (
            running.request("fail", stream=True).raw(running.port).replace(b"content-type", b"connection: close\r\nx")
        )
        with OpenStreams(running, refused) as streams, pytest.raises(PeerError, match=r"refused.*500"):
            streams.open(1)
    finally:
        running.process.stop()


@pytest.mark.parametrize(
    ("answer", "whole"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", False),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n", False),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Le", False),
    ],
)
def test_an_answer_is_whole_by_its_length_or_its_last_chunk(answer: bytes, whole: bool):
    """Whatever comes first."""
    assert is_whole(answer) is whole


def test_a_connection_closed_within_an_answer_is_an_error():
    """It is not taken for its end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def answer() -> None:
            caller, _ = listener.accept()
            with caller:
                caller.recv(100)
                caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nha")

        thread = threading.Thread(target=answer)
        thread.start()
        with Wire(port) as wire, pytest.raises(ConnectionError, match="within an answer"):
            wire.whole(b"GET / HTTP/1.1\r\n\r\n")
        thread.join()


@needs_compiler
def test_a_peer_that_hangs_up_within_a_row_is_out_and_the_others_go_on(tmp_path: Path):
    """Its figures are not shown; its reason is."""
    direct = started(tmp_path / "direct")
    with reserved() as port:
        closing = start(Closing(), Place(port, 0, tmp_path / "closing"), PLAIN)
    session = Session(tmp_path, QUICK, ("direct",))
    row = Row("latency", PLAIN, PREFIX + "kb-1", latency=True)
    try:
        made = latency.measure(session, row, [direct, closing])
    finally:
        direct.process.stop()
        closing.process.stop()
    assert [(one.peer, one.metric) for one in made] == [("direct", "p50"), ("direct", "p99"), ("closing", FAILED)]
    assert "within an answer" in made[-1].note


@needs_compiler
def test_a_run_writes_what_it_measured(tmp_path: Path):
    """From the command line: this gateway beside the direct call, one round."""
    command = [sys.executable, "-m", "bench", "--peers", "outlast,direct", "--rows", "latency-*", "--rounds", "1"]
    done = subprocess.run(
        [*command, "--samples", "3", "--name", "short", "--folder", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "short.json").read_text())
    assert {"date", "command", "cpu", "kernel", "versions"} <= set(told["about"])
    made = {(one["row"], one["peer"], one["metric"]) for one in told["results"]}
    assert ("latency-whole", "outlast", "added-p50") in made
    assert ("latency-stream", "direct", "p99") in made
    assert not any(one["metric"] == "failed" for one in told["results"])
    assert SERVER_CORE in os.sched_getaffinity(0)
    assert LOAD_CORE in os.sched_getaffinity(0)
