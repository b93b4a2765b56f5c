"""`outlast demo` in a process of its own: in a pipe, on a terminal, for a machine, and with Ctrl-C."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

OUTLAST = Path(sys.executable).parent / "outlast"
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|38;[0-9;]+)m")


@pytest.fixture
def environment(tmp_path):
    """Nothing of ours, and no provider's key; the sources that are tested."""
    kept = {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONWARNINGS": "error",
        "TERM": "xterm-256color",
    } | kept


def test_an_outage_is_survived(tmp_path, environment):
    """Outlast answers nearly all, loses nothing in silence and holds nothing; the others see a good deal less.

    At its whole length: a shorter run presses the outages into less time than a timer takes to notice them. With fewer
    requests, so that a machine that has other things to do keeps up.
    """
    done = subprocess.run(
        [OUTLAST, "demo", "--json", "--rate", "5"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    ways = {one["way"]: one for one in summary["ways"]}
    outlast, sdk, straight = ways["outlast"], ways["sdk"], ways["straight"]
    assert not summary["interrupted"]
    assert summary["held"] == 0
    for one in ways.values():
        ends = ("answered", "failed", "broken", "gave_up", "truncated")
        assert one["requests"] == sum(one[end] for end in ends) == outlast["requests"] > 100
        assert one["unfinished"] == 0
        assert one["cost"] > 0
    assert outlast["answered"] >= 0.95 * outlast["requests"]
    assert outlast["truncated"] == 0
    assert outlast["failed_over"] > 0.1 * outlast["requests"]
    assert straight["answered"] <= sdk["answered"] <= outlast["answered"] - 0.05 * outlast["requests"]
    assert sdk["failed_over"] == straight["failed_over"] == 0
    assert straight["upstream"] == straight["requests"] < sdk["upstream"] <= 3 * sdk["requests"]
    assert "alpha down: resets every connection" in done.stderr
    assert "outlast stops asking alpha" in done.stderr


def test_a_log_is_plain_and_ctrl_c_ends_it_with_a_summary(tmp_path, environment):
    """Line by line in a pipe; SIGINT ends the run, not the process in the middle of it."""
    with subprocess.Popen(
        [OUTLAST, "demo", "--seconds", "3600"],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        lines = [next(process.stdout)]
        process.send_signal(signal.SIGINT)
        rest, wrong = process.communicate(timeout=120)
    lines += rest.splitlines()
    assert process.returncode == 0, wrong
    assert wrong == ""
    assert lines[0].startswith("3600 s of traffic")
    assert any(line.endswith("the same in three ways, ended early") for line in lines[1:])
    assert any(line.startswith("answered ") for line in lines)
    assert not any(CONTROL.search(line.rstrip("\n")) for line in lines)


def on_terminal(tmp_path, environment, until):
    """What the command draws on a terminal of 80 by 24 until something is seen and Ctrl-C pressed; and its status."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [OUTLAST, "demo", "--seconds", "3600"],
        cwd=tmp_path, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    try:
        while data := read(ours):
            before, seen = seen, seen + data
            if until in seen and until not in before:
                process.send_signal(signal.SIGINT)
        return process.wait(timeout=120), seen.decode()
    finally:
        os.close(ours)
        process.kill()
        process.wait()


def read(terminal):
    """What has been drawn since; nothing when nobody draws any more."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_a_terminal_is_drawn_on_and_given_back(tmp_path, environment):
    """The picture has the screen of its own; what is left on the usual one is the summary."""
    status, seen = on_terminal(tmp_path, environment, b"THE SAME TRAFFIC")
    assert status == 0
    assert seen.count("\x1b[?1049h") == seen.count("\x1b[?1049l") == 1
    drawn, _, left = seen.partition("\x1b[?1049l")
    assert "WHAT HAPPENS" in drawn
    assert COLOUR.search(drawn)
    assert "ended early" in left
    assert "Traceback" not in seen


def test_no_colour_where_none_is_wanted(tmp_path, environment):
    """NO_COLOR is heeded on a terminal too."""
    status, seen = on_terminal(tmp_path, environment | {"NO_COLOR": "1"}, b"THE SAME TRAFFIC")
    assert status == 0
    assert "WHAT HAPPENS" in seen
    assert not COLOUR.search(seen)


def test_a_terminal_that_cannot_be_drawn_on_gets_lines(tmp_path, environment):
    """TERM=dumb, as inside an editor."""
    status, seen = on_terminal(tmp_path, environment | {"TERM": "dumb"}, b"3600 s of traffic")
    assert status == 0
    assert "\x1b" not in seen


@pytest.mark.parametrize("words", [("--seconds", "1"), ("--seconds", "nan"), ("--rate", "0"), ("--rate", "1000")])
def test_what_makes_no_sense_is_refused_in_one_line(tmp_path, environment, words):
    """Status 2, and nothing is started."""
    done = subprocess.run(
        [OUTLAST, "demo", *words],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"outlast: {words[0]} must be")


def test_help_tells_of_every_option(tmp_path, environment):
    """What it does, and what can be asked of it."""
    told = subprocess.run(
        [OUTLAST, "demo", "--help"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    assert [option for option in ("--seconds", "--rate", "--seed", "--json") if option not in told] == []
