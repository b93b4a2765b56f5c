"""Lines to a file descriptor, written by a thread of its own, so that a stuck reader holds up nobody.

put(line) ──▶ at most `room` lines wait ──▶ thread: one write for all that came in LINGER seconds ──▶ fd
   │                                            │
   └── no room: lost += 1                       └── disk full, pipe closed: lost += n, and on with the next
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque

LINGER = 0.05
"""Seconds to gather lines for one write: a thread woken for every line would cost each request a context switch."""
BATCH = 512
"""Most lines in one write."""


_OUTLETS: weakref.WeakSet[Outlet] = weakref.WeakSet()


class Outlet:
    """A place to put lines that never blocks and never raises. A forked child writes with a thread of its own.

    Attributes:
        lost: lines that could not be written, since the start.
    """

    __slots__ = (
        "__weakref__",
        "_called",
        "_closed",
        "_closing",
        "_fd",
        "_lines",
        "_room",
        "_thread",
        "_torn",
        "_wake",
        "lost",
    )

    def __init__(self, fd: int, *, room: int = 10_000) -> None:
        self._fd = fd
        self._room = room
        self._closed = False
        self._torn = False
        self.lost = 0
        self._begin()
        _OUTLETS.add(self)

    def _begin(self) -> None:
        """Nothing waits, and there is no thread: at first, and in a forked child, where the lines are the parent's."""
        self._lines: deque[bytes] = deque()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._called = False
        self._thread: threading.Thread | None = None

    def put(self, line: bytes) -> None:
        """Queue one line, which ends in a newline; it is counted as lost where there is no room."""
        if len(self._lines) >= self._room or self._closed:
            self.lost += 1
            return
        self._lines.append(line)
        if not self._called:
            self._call()

    def _call(self) -> None:
        """Let the thread take what waits, soon; further lines need not call it until then."""
        self._called = True
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="outlast-log", daemon=True)
            self._thread.start()
        self._wake.set()

    def close(self, timeout: float = 1.0) -> None:
        """Write what waits, for at most `timeout` seconds; what then still waits is lost. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout)
        self.lost += len(self._lines)

    def _run(self) -> None:
        closed = False
        while not closed:
            self._wake.wait()
            self._closing.wait(LINGER)
            closed = self._closed
            self._wake.clear()
            self._called = False  # before the lines are taken: one that comes later calls again
            while batch := self._take():
                self._write(batch)

    def _take(self) -> list[bytes]:
        lines = self._lines
        batch: list[bytes] = []
        while lines and len(batch) < BATCH:
            batch.append(lines.popleft())
        return batch

    def _write(self, batch: list[bytes]) -> None:
        mend = b"\n" if self._torn else b""
        data = mend + b"".join(batch)
        written = 0
        try:
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError:
            done = data[:written]
            self.lost += len(batch) - max(0, done.count(b"\n") - len(mend))
            self._torn = not done.endswith(b"\n") if done else self._torn
        else:
            self._torn = False


def _after_fork() -> None:
    for outlet in list(_OUTLETS):
        outlet._begin()  # noqa: SLF001  (the same file)


os.register_at_fork(after_in_child=_after_fork)
