"""The log's outlet: a full disk, a closed pipe and a stuck reader cost lines, never an answer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from outlast.telemetry.outlet import Outlet


def test_lines_arrive_in_order(tmp_path):
    """Every line put before closing is written, in order."""
    path = tmp_path / "log"
    lines = [b"%d\n" % number for number in range(2_000)]
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    outlet = Outlet(fd)
    for line in lines:
        outlet.put(line)
    outlet.close(timeout=120.0)
    os.close(fd)
    assert path.read_bytes() == b"".join(lines)
    assert outlet.lost == 0


def test_a_closed_pipe_costs_lines_and_nothing_else():
    """When the reader has gone, lines are counted as lost and nothing is raised."""
    reader, writer = os.pipe()
    os.close(reader)
    outlet = Outlet(writer)
    outlet.put(b"one\n")
    outlet.put(b"two\n")
    outlet.close(timeout=120.0)
    os.close(writer)
    assert outlet.lost == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which only Linux has")
def test_a_full_disk_costs_lines_and_nothing_else():
    """When the disk is full, lines are counted as lost and nothing is raised."""
    fd = os.open("/dev/full", os.O_WRONLY)
    outlet = Outlet(fd)
    outlet.put(b"one\n")
    outlet.close(timeout=120.0)
    os.close(fd)
    assert outlet.lost == 1


def test_a_stuck_reader_holds_up_nobody():
    """While nobody reads, lines wait up to the bound, the rest is counted, and closing does not wait for the reader."""
    reader, writer = os.pipe()
    outlet = Outlet(writer, room=10)
    page = b"x" * 65_536 + b"\n"  # more than a pipe holds
    for _ in range(100):
        outlet.put(page)
    outlet.close(timeout=0.0)
    assert outlet.lost >= 90
    os.close(reader)
    outlet._thread.join(30.0)
    os.close(writer)


def test_a_line_cut_short_does_not_spoil_the_next(tmp_path, monkeypatch):
    """After a write that stopped in the middle of a line, the next line starts on a new one."""
    path = tmp_path / "log"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    room = [6]

    def scarce(target, data, write=os.write):
        if room[0] == 0:
            room[0] = 1_000
            raise OSError(28, "No space left on device")
        taken = data[: room[0]]
        room[0] -= len(taken)
        return write(target, taken)

    monkeypatch.setattr(os, "write", scarce)
    outlet = Outlet(fd)
    outlet._write([b"one\n", b"two\n"])
    outlet._write([b"three\n"])
    os.close(fd)
    assert path.read_bytes() == b"one\ntw\nthree\n"
    assert outlet.lost == 1


def test_after_closing_lines_are_counted_as_lost(tmp_path):
    """A late line is counted, and closing twice changes nothing."""
    outlet = Outlet(os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT))
    outlet.close()
    outlet.put(b"late\n")
    outlet.close()
    assert outlet.lost == 1
    os.close(outlet._fd)


FORKING = """
import os, sys
from outlast.telemetry.outlet import Outlet
outlet = Outlet(1)
outlet.put(b"parent, before\\n")
child = os.fork()
outlet.put(b"parent, after\\n" if child else b"child\\n")
outlet.close(timeout=120.0)
if child:
    os.waitpid(child, 0)
os._exit(0)
"""


def test_a_forked_child_writes_its_own_lines():
    """The thread does not survive a fork, the log does; what the parent had queued is written once, by the parent."""
    words = [sys.executable, "-W", "ignore", "-c", FORKING]
    said = subprocess.run(words, capture_output=True, check=True, timeout=120)
    assert sorted(said.stdout.splitlines()) == [b"child", b"parent, after", b"parent, before"]


def test_a_line_put_just_before_closing_is_written(tmp_path):
    """However the thread and the closing fall together, over many rounds."""
    path = tmp_path / "log"
    for _ in range(200):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        outlet = Outlet(fd)
        outlet.put(b"x\n")
        outlet.close(timeout=120.0)
        os.close(fd)
    assert path.read_bytes() == b"x\n" * 200
