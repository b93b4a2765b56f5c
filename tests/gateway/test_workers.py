"""Several workers behind one socket: one page of metrics, and nobody notices when one of them dies."""

import contextlib
import hashlib
import os
import signal
import socket
import time
from pathlib import Path

import pytest
from bench.ports import reserved

from outlast.gateway.workers.pages import ENDED, LAST, SETTLED, SOCKET, fold
from outlast.telemetry.prometheus import Prometheus
from outlast.testing import ok, stall

from .house import PATIENCE, chat, toml_of
from .process import SAYS, Process, command
from .test_stopping import finished

PATH = "/v1/chat/completions"
WORDS = " ".join(["word"] * 30)
THREE = "[server]\nworkers = 3\ndrain = 0.0\ngrace = 100.0\n"


@pytest.fixture
def started(provider, tmp_path):
    """Starts gateways with workers; `more` is further configuration."""
    with contextlib.ExitStack() as processes:

        def start(more=THREE, **options):
            toml = toml_of(provider.url, more, providers=("alpha",))
            return processes.enter_context(Process(toml, tmp_path, **options))

        yield start


def children(pid):
    """The processes that this one has started, oldest first."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == pid and state != "Z":
                found.append(int(path.parent.name))
    return sorted(found)


def counted(process):
    """How many requests the page of metrics knows of."""
    page = process.get("/metrics").body.decode()
    return sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith("requests_total{"))


def ask(process, times):
    """So many requests, each on a connection of its own."""
    for _ in range(times):
        with process.caller() as caller:
            caller.post(PATH, chat())
            assert caller.answer().status == 200


def listens(process):
    """Does anybody still listen? The last of the workers has heard the signal when nobody does."""
    try:
        socket.create_connection(("127.0.0.1", process.port), PATIENCE).close()
    except ConnectionRefusedError:
        return False
    except ConnectionResetError:  # it was waiting to be taken when one of them closed
        return True
    return True


def said(process, words):
    """Wait until the supervisor has said that; whoever waits in vain is ended by the test's own limit."""
    while not (lines := [line for line in process.said if words in line]):
        continue
    return lines


def test_whoever_is_asked_shows_what_all_have_counted(provider, started):
    """Thirty requests, by whichever worker; every scrape says thirty."""
    provider.script("alpha", default=ok("well"))
    process = started()
    assert len(children(process.pid)) == 3
    ask(process, 30)
    assert {counted(process) for _ in range(10)} == {30.0}
    (line,) = said(process, "3 workers answer")
    assert "of a limit of 100, each lets 100 pass" in line
    process.signal()
    assert process.ended() == 0


def test_a_worker_that_is_killed_is_replaced_and_what_it_counted_stays(provider, started):
    """The others answer meanwhile; the sums never fall."""
    provider.script("alpha", default=ok("well"))
    process = started()
    ask(process, 20)
    assert counted(process) == 20.0
    killed = children(process.pid)[0]
    os.kill(killed, signal.SIGKILL)
    (line,) = said(process, f"(process {killed}) has ended by signal 9")
    assert "it is started again" in line
    ask(process, 10)
    assert counted(process) == 30.0
    while len(alive := children(process.pid)) < 3:
        continue
    assert killed not in alive
    process.signal()
    assert process.ended() == 0
    assert not [line for line in process.said if "Traceback" in line]


def test_streams_finish_when_all_are_told_to_stop(provider, started):
    """Whichever worker has them; then nobody listens any more, and the exit is clean."""
    provider.script("alpha", default=ok(WORDS, between=0.05))
    process = started()
    with contextlib.ExitStack() as stack:
        callers = [stack.enter_context(process.caller()) for _ in range(6)]
        for caller in callers:
            caller.post(PATH, chat(stream=True))
            caller.until(b"word")
        process.signal()
        while listens(process):
            continue
        assert all(finished(caller.rest().removesuffix(b"\r\n0\r\n\r\n")) for caller in callers)
    assert process.ended() == 0


def test_a_second_signal_waits_no_longer(provider, started):
    """It is passed on as well."""
    provider.script("alpha", stall(after=3))
    process = started("[server]\nworkers = 2\ndrain = 0.0\ngrace = 500.0\n")
    with process.caller() as caller:
        caller.post(PATH, chat(stream=True))
        caller.until(b"the")
        process.signal(signal.SIGINT)
        while listens(process):
            continue
        process.signal(signal.SIGINT)
        assert b"stopping" in caller.rest()
    assert process.ended() == 0


def test_workers_do_not_outlive_who_looks_after_them(provider, tmp_path):
    """J4: the supervisor is killed; no worker goes on by itself, and the port is free again."""
    with reserved() as port:
        toml = toml_of(provider.url, THREE, providers=("alpha",)).replace("port = 0", f"port = {port}")
        with Process(toml, tmp_path) as process:
            workers = children(process.pid)
            process.signal(signal.SIGKILL)
            process.ended()
            while any(Path(f"/proc/{pid}").exists() for pid in workers):
                continue
            assert not listens(process)


def test_workers_by_the_command_line(tmp_path):
    """It goes before the configuration; what is no number of workers is refused with its reason."""
    ended = command(tmp_path, "serve", "--workers", "0")
    assert (ended.returncode, "--workers takes 1 or more" in ended.stderr) == (2, True)
    (tmp_path / "outlast.toml").write_text("[server]\nworkers = 0\n")
    ended = command(tmp_path, "serve")
    assert (ended.returncode, "server.workers" in ended.stderr) == (2, True)


def test_a_port_that_is_taken_is_told_once(started, provider, tmp_path):
    """And nothing is left behind."""
    process = started()
    (tmp_path / "other").mkdir()
    toml = f'[server]\nworkers = 2\nport = {process.port}\n[providers.alpha]\nbase_url = "{provider.url}/alpha"\n'
    (tmp_path / "other" / "outlast.toml").write_text(toml + 'type = "openai-compatible"\nkey = "sk-alpha"\n')
    ended = command(tmp_path / "other", "serve")
    assert ended.returncode == 2
    assert ended.stderr.count("cannot listen") == 1
    assert SAYS not in ended.stderr


def test_workers_with_a_store_share_what_a_key_may_use(provider, tmp_path):
    """A limit is one limit, whichever worker is asked, and the start says so."""
    provider.script("alpha", default=ok("well"))
    digest = hashlib.sha256(b"key-of-app").hexdigest()
    more = THREE + f'[keys.app]\nsha256 = "{digest}"\nlimits = {{ rpm = 60 }}\n'
    store = 'store = "sqlite:///outlast.db"\nguard = { disk = 60.0 }\n'
    toml = store + toml_of(provider.url, more, providers=("alpha",))
    statuses, begun = [], time.monotonic()
    with Process(toml, tmp_path) as process:
        (line,) = said(process, "3 workers answer")
        assert "they share limits" in line
        while 429 not in statuses:
            with process.caller() as caller:
                caller.post(PATH, chat(), "authorization: Bearer key-of-app")
                statuses.append(caller.answer().status)
        admitted, seconds = statuses.count(200), time.monotonic() - begun
        process.signal()
        assert process.ended() == 0
    assert 10 <= admitted <= 10 + seconds + 1  # ten seconds' worth at once, then one each second; however slow we are


# -- pages of workers that have ended ----------------------------------------------------------------------------------


def a_page(times):
    """The page of a process that has counted so much."""
    page = Prometheus()
    page.counter("things_total", "Things.").at().value = times
    page.gauge("held", "What is held.").at().value = times
    return page.render()


def test_what_ended_long_ago_is_folded_into_one_file(tmp_path):
    """What has just ended may be written once more, and waits; who lives is left alone."""
    for name in ("11", "12", "13", "14"):
        (tmp_path / f"{name}{LAST}").write_bytes(a_page(int(name)))
    (tmp_path / f"14{SOCKET}").touch()
    (tmp_path / f"13{SOCKET}").touch()
    for name in ("11", "12", "13", "14"):
        path = tmp_path / f"{name}{LAST}"
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 2 * SETTLED))
    fold(tmp_path, "13")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["13.last", "14.last", "14.sock", ENDED]
    page = (tmp_path / ENDED).read_text()
    assert "things_total 23.0" in page
    assert "held" not in page
    path = tmp_path / f"13{LAST}"
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 2 * SETTLED))
    fold(tmp_path, "15")
    assert "things_total 36.0" in (tmp_path / ENDED).read_text()
