"""The end of a process: what is under way is finished, what cannot be is told, and the exit is clean."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from bench.ports import reserved

from outlast.testing import ok, silent, stall

from .house import PATIENCE, Wire, chat, toml_of
from .process import OUTLAST, Process, environment

PATH = "/v1/chat/completions"
WORDS = " ".join(["word"] * 30)


@pytest.fixture
def started(provider, tmp_path):
    """Starts gateways as processes; `more` is further configuration."""
    with contextlib.ExitStack() as processes:

        def start(more="", **options):
            toml = toml_of(provider.url, more, providers=("alpha",))
            return processes.enter_context(Process(toml, tmp_path, **options))

        yield start


@pytest.fixture
def reserved_port():
    """Where a gateway will listen that cannot tell where it does."""
    with reserved() as port:
        yield port


def refuses(process):
    """Is nobody listening any more?"""
    try:
        with socket.create_connection(("127.0.0.1", process.port), PATIENCE) as sock:
            return sock.recv(1) == b""
    except OSError:
        return True


def heeds(process):
    """Has it heard the signal: is it not ready any more, or not even listening?"""
    try:
        return process.get("/readyz").status != 200
    except (OSError, AssertionError):
        return True


def finished(body):
    """Did a stream end as it should?"""
    return body.rstrip().endswith(b"data: [DONE]") and b'"finish_reason":"stop"' in body


def test_a_gateway_without_work_stops_at_once(started):
    """SIGTERM, no drain: status 0 and not a word."""
    process = started()
    process.signal()
    assert process.ended() == 0
    assert not [line for line in process.said if "rror" in line or "Traceback" in line]


def test_streams_finish_when_the_listener_is_closed(provider, started):
    """J1: once balancers have had their time nobody is let in; the stream ends well, and the exit is 0."""
    provider.script("alpha", ok(WORDS, between=0.05))
    process = started("[server]\ndrain = 0.3\ngrace = 100.0")
    with process.caller() as streaming:
        streaming.post(PATH, chat(stream=True))
        streaming.until(b"word")
        process.signal()
        while not refuses(process):
            continue
        assert finished(streaming.rest().removesuffix(b"\r\n0\r\n\r\n"))
    assert process.ended() == 0


def test_balancers_are_told_before_the_listener_is_closed(provider, started):
    """J1: not ready at once, still listening, and new answers say close."""
    provider.script("alpha", stall(after=3), ok("late"))
    process = started("[server]\ndrain = 500.0\ngrace = 500.0")
    with process.caller() as streaming, process.caller() as kept:
        kept.request("GET", "/readyz")
        assert kept.answer().status == 200
        streaming.post(PATH, chat(stream=True))
        head = streaming.answer_head()
        assert "connection" not in head.headers
        process.signal()
        kept.request("GET", "/livez")
        while "connection" not in (answer := kept.answer()).headers:  # until the signal is heard
            kept.request("GET", "/livez")
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert kept.rest() == b""
        not_ready = process.get("/readyz")
        assert (not_ready.status, not_ready.json, "retry-after" in not_ready.headers) == (
            503,
            {"status": "draining"},
            True,
        )
        with process.caller() as late:
            late.post(PATH, chat())
            answer = late.answer()
            assert (answer.status, answer.headers["connection"]) == (200, "close")
        process.signal()
    assert process.ended() == 0


@pytest.mark.parametrize(
    ("path", "mark"), [(PATH, b'data: {"error":'), ("/v1/messages", b"event: error"), ("/v1/generate", b"error")]
)
def test_a_stream_that_outlives_the_grace_is_told(provider, started, path, mark):
    """J2: an error event of the dialect, no finish and no end marker after it; the body itself ends in order."""
    provider.script("alpha", stall(after=3))
    process = started("[server]\ndrain = 0.0\ngrace = 0.2")
    with process.caller() as caller:
        caller.post(path, chat(stream=True, max_tokens=50))
        caller.answer_head()
        caller.until(b"the")
        process.signal()
        rest = b""
        caller.until(b"\r\n")
        while piece := caller.chunk():
            rest += piece
        assert mark in rest
        assert b"stopping" in rest
        assert b"[DONE]" not in rest
        assert b"message_stop" not in rest
        assert caller.rest() == b""
    assert process.ended() == 0
    (seen,) = provider.wait(1, ended=True)
    assert seen.hung_up == "caller"


def test_a_request_that_outlives_the_grace_is_told_to_come_back(provider, started):
    """Without a first byte of an answer it is a 503, which may be repeated elsewhere."""
    provider.script("alpha", silent())
    process = started("[server]\ndrain = 0.0\ngrace = 0.2")
    with process.caller() as caller:
        caller.post(PATH, chat())
        provider.wait(1)
        process.signal()
        answer = caller.answer()
        assert (answer.status, answer.headers["connection"], answer.headers["retry-after"]) == (503, "close", "1")
        assert answer.error["code"] == "stopping"
        assert "x-should-retry" not in answer.headers
    assert process.ended() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_waits_no_longer(provider, started, number):
    """However long drain and grace are: the callers are told, and the exit is clean."""
    provider.script("alpha", stall(after=3))
    process = started("[server]\ndrain = 500.0\ngrace = 500.0")
    with process.caller() as caller:
        caller.post(PATH, chat(stream=True))
        caller.answer_head()
        caller.until(b"the")
        process.signal(number)
        while not heeds(process):
            continue
        process.signal(number)
        assert b"stopping" in caller.rest()
    assert process.ended() == 0
    assert not [line for line in process.said if "Traceback" in line]


def test_a_keyboard_interrupt_does_not_drain(provider, started):
    """Somebody sits there: SIGINT closes the listener at once, and the stream still finishes."""
    provider.script("alpha", ok(WORDS, between=0.02))
    process = started("[server]\ndrain = 500.0\ngrace = 20.0")
    with process.caller() as caller:
        caller.post(PATH, chat(stream=True))
        caller.until(b"word")
        process.signal(signal.SIGINT)
        assert finished(caller.rest().removesuffix(b"\r\n0\r\n\r\n"))
    assert process.ended() == 0


def test_a_caller_who_does_not_read_holds_up_nobody(provider, started):
    """The grace bounds also those whose answer lies in the buffers."""
    provider.script("alpha", ok("a" * (8 << 20)))
    process = started("[server]\ndrain = 0.0\ngrace = 0.5\nwrite_timeout = 500.0")
    with process.caller(receive_buffer=4096) as caller:
        caller.post(PATH, chat())
        caller.answer_head()
        process.signal()
        assert process.ended() == 0


def test_out_of_descriptors_it_goes_on_and_recovers(provider, started):
    """J12: more callers than descriptors; nobody spins, and when some have left the next one is served."""
    process = started(descriptors=160)
    provider.script("alpha", default=ok("well"))
    with contextlib.ExitStack() as crowd:
        for _ in range(400):
            with contextlib.suppress(OSError):
                crowd.enter_context(process.caller())
        while burnt_in(0.5, process.pid) > 0.25:  # what was begun at start may still go on; a spin never ends
            continue
    while True:
        with contextlib.suppress(OSError, AssertionError), process.caller() as caller:
            caller.post(PATH, chat())
            if (answer := caller.answer()).status == 200:
                break
    assert answer.json["choices"][0]["message"]["content"] == "well"
    process.signal()
    assert process.ended() == 0


def burnt_in(seconds, pid):
    """Seconds of processor time that a process has in so much time; one that spins has all of it."""
    before = cpu(pid)
    threading.Event().wait(seconds)
    return cpu(pid) - before


def cpu(pid):
    """Seconds of processor time that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_crowd_is_told_to_come_back(provider, open_house):
    """J12: beyond what the descriptors allow a request gets 503 and its connection is closed; then all is well."""
    house = open_house(most_connections=2)
    with house.caller() as first, house.caller() as second, house.caller() as third:
        house.until(lambda: house.connections == 3)
        third.post(PATH, chat())
        answer = third.answer()
        assert (answer.status, answer.headers["connection"], answer.headers["retry-after"]) == (503, "close", "1")
        assert third.rest() == b""
        assert answer.error["code"] == "overloaded"
        third.leave()
        house.until(lambda: house.connections == 2)
        for caller in (first, second):
            caller.post(PATH, chat())
            assert caller.answer().status == 200
    assert len(provider.requests()) == 2


def test_a_closed_stdout_stops_nothing(provider, started):
    """J14: the reader of the log has gone; requests are answered, and the loss is counted."""
    reading, writing = os.pipe()
    process = started(stdout=writing)
    os.close(writing)
    os.close(reading)
    with process.caller() as caller:
        for _ in range(3):
            caller.post(PATH, chat())
            assert caller.answer().status == 200
    while b"log_lines_lost_total 3.0" not in process.get("/metrics").body:
        continue
    process.signal()
    assert process.ended() == 0


def test_a_full_disk_stops_nothing(provider, started):
    """J14: writing the log fails; the loss is counted."""
    with Path("/dev/full").open("wb") as full:
        process = started(stdout=full)
        with process.caller() as caller:
            caller.post(PATH, chat())
            assert caller.answer().status == 200
        while b"log_lines_lost_total 1.0" not in process.get("/metrics").body:
            continue
        process.signal()
        assert process.ended() == 0


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_it_starts_without_standard_streams(provider, tmp_path, reserved_port, closed):
    """No descriptor of theirs is taken for a log, and nothing is said where nobody hears."""
    path = tmp_path / "outlast.toml"
    path.write_text(toml_of(provider.url, providers=("alpha",)).replace("port = 0", f"port = {reserved_port}"))
    script = f'exec "{OUTLAST}" serve --config {path} {closed}'
    with subprocess.Popen(["sh", "-c", script], cwd=tmp_path, env=environment(tmp_path)) as process:
        answer = None
        while answer is None:
            assert process.poll() is None
            with contextlib.suppress(ConnectionRefusedError), Wire(reserved_port) as caller:
                caller.post(PATH, chat())
                answer = caller.answer()
        assert answer.status == 200
        process.terminate()
        assert process.wait(PATIENCE) == 0


def test_a_closed_stderr_stops_nothing(provider, tmp_path, reserved_port):
    """`outlast serve 2>&1 | head -0`: whom it would tell where it listens has gone."""
    path = tmp_path / "outlast.toml"
    path.write_text(toml_of(provider.url, providers=("alpha",)).replace("port = 0", f"port = {reserved_port}"))
    reading, writing = os.pipe()
    os.close(reading)
    words = [OUTLAST, "serve", "--config", path]
    with (
        os.fdopen(writing, "wb") as pipe,
        subprocess.Popen(words, cwd=tmp_path, env=environment(tmp_path), stdout=pipe, stderr=pipe) as process,
    ):
        answer = None
        while answer is None:
            assert process.poll() is None
            with contextlib.suppress(ConnectionRefusedError), Wire(reserved_port) as caller:
                caller.post(PATH, chat())
                answer = caller.answer()
        assert answer.status == 200
        process.terminate()
        assert process.wait(PATIENCE) == 0


def test_the_log_is_complete_when_the_process_has_ended(provider, started, tmp_path):
    """Lines that wait for the writer are written before the exit."""
    process = started()
    with process.caller() as caller:
        for _ in range(20):
            caller.post(PATH, chat())
            caller.answer()
    process.signal()
    assert process.ended() == 0
    lines = [json.loads(line) for line in (tmp_path / "stdout").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["request"] * 20


def test_a_caller_who_is_still_sending_is_told_to_come_back(provider, started):
    """A body that does not become whole within the grace is answered with a 503, and nothing is forwarded."""
    process = started("[server]\ndrain = 0.0\ngrace = 0.2")
    with process.caller() as caller:
        caller.send(caller.head("POST", PATH, "content-length: 1000") + b"{")
        with process.caller() as asking:
            asking.request("GET", "/metrics")
            while b"requests_under_way 2.0" not in asking.answer().body:
                asking.request("GET", "/metrics")
        process.signal()
        answer = caller.answer()
        assert (answer.status, answer.headers["connection"], answer.error["code"]) == (503, "close", "stopping")
    assert process.ended() == 0
    assert provider.requests() == []
