"""The process that starts the workers, starts them again, and stops them. It serves nobody: it has no thread, no loop.

A worker learns that its supervisor has died by the end of a pipe, and stops then; the supervisor, by its signals, that
a worker has ended. A second SIGTERM or SIGINT ends the patience of all of them, as it does for one process.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from outlast.gateway.workers.pages import fold

STOPS = (signal.SIGTERM, signal.SIGINT)
SHORT = 10.0
"""A worker that lived for fewer seconds is started again after a wait only, which doubles each time."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
READY = b"r"
BAD_CONFIGURATION = 2
DONE = frozenset({0, *(-number for number in STOPS)})
"""How a worker ends that was told to stop; by the signal itself, if that came before it had begun."""


class Worker:
    """What a worker is told.

    Attributes:
        folder: what the workers share.
        orphaned: readable once the supervisor has died.
    """

    __slots__ = ("_ready", "folder", "orphaned")

    def __init__(self, folder: Path, orphaned: int, ready: int) -> None:
        self.folder = folder
        self.orphaned = orphaned
        self._ready = ready

    def ready(self) -> None:
        """Say that this worker answers."""
        with contextlib.suppress(OSError):
            os.write(self._ready, READY)


class _Place:
    """One worker's place, by its number from 1 on: who has it, since when, and when it is given anew."""

    __slots__ = ("due", "number", "pid", "since", "wait")

    def __init__(self, number: int) -> None:
        self.number = number
        self.pid = 0
        self.since = 0.0
        self.wait = 0.0
        self.due = 0.0


class Supervisor:
    """Keeps so many workers at work.

    Args:
        count: how many.
        sockets: what they listen on.
        work: what a worker does; its result is its exit status.
        listening: called once, when all of them answer for the first time.
        tell: says a line to the operator.
    """

    def __init__(
        self,
        count: int,
        sockets: Sequence[socket.socket],
        work: Callable[[Worker], int],
        listening: Callable[[], None],
        tell: Callable[[str], None],
    ) -> None:
        self._places = [_Place(number) for number in range(1, count + 1)]
        self._sockets = sockets
        self._work = work
        self._listening = listening
        self._tell = tell
        self._missing = count  # workers that have not answered yet
        self._stopping = False
        self._status = 0

    def run(self) -> int:
        """Until told to stop; the exit status."""
        self._folder = Path(tempfile.mkdtemp(prefix="outlast-"))
        self._life = os.pipe()
        self._ready = os.pipe()
        self._signals = os.pipe()
        for end in (*self._ready, *self._signals):
            os.set_blocking(end, False)
        before = {number: signal.signal(number, _heard) for number in (*STOPS, signal.SIGCHLD)}
        wakeup = signal.set_wakeup_fd(self._signals[1], warn_on_full_buffer=False)
        try:
            while self._places_taken() or not self._stopping:
                self._start_due()
                self._wait()
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            for end in (*self._life, *self._ready, *self._signals):
                os.close(end)
            shutil.rmtree(self._folder, ignore_errors=True)
        return self._status

    def _places_taken(self) -> bool:
        return any(place.pid for place in self._places)

    # -- starting ----------------------------------------------------------------------------------------------

    def _start_due(self) -> None:
        now = time.monotonic()
        for place in self._places:
            if not place.pid and not self._stopping and place.due <= now:
                self._start(place)

    def _start(self, place: _Place) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # none is lost between the fork and the child's own ears
        pid = os.fork()
        if not pid:
            self._be_worker()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        place.pid, place.since = pid, time.monotonic()

    def _be_worker(self) -> None:
        """The child: never returns."""
        status = 1
        try:
            os.setpgid(0, 0)  # the terminal's signals are for the supervisor, who passes them on
            signal.set_wakeup_fd(-1)
            for heard in (*STOPS, signal.SIGCHLD):
                signal.signal(heard, signal.SIG_DFL)
            for end in (self._life[1], self._ready[0], *self._signals):
                os.close(end)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
            status = self._work(Worker(self._folder, self._life[0], self._ready[1]))
        except BaseException:  # noqa: BLE001  (told, and then this process is over)
            traceback.print_exc()
        finally:
            os._exit(status)

    # -- waiting -----------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        """Until something has happened, or a worker is due."""
        dues = [place.due for place in self._places if not place.pid]
        patience = max(0.0, min(dues) - time.monotonic()) if dues and not self._stopping else None
        readable, _, _ = select.select([self._ready[0], self._signals[0]], [], [], patience)
        if self._ready[0] in readable:
            self._note_ready(len(os.read(self._ready[0], 4096)))
        if self._signals[0] in readable:
            heard = os.read(self._signals[0], 4096)
            if signal.SIGCHLD in heard:
                self._reap()
            for number in heard:
                if number in STOPS:
                    self._stop(number)

    def _note_ready(self, count: int) -> None:
        if self._missing > 0:
            self._missing -= count
            if self._missing <= 0:
                self._listening()

    def _reap(self) -> None:
        for place in self._places:
            if not place.pid:
                continue
            pid, status = os.waitpid(place.pid, os.WNOHANG)
            if pid:
                self._ended(place, os.waitstatus_to_exitcode(status))

    def _ended(self, place: _Place, code: int) -> None:
        lived, pid, place.pid = time.monotonic() - place.since, place.pid, 0
        fold(self._folder, str(pid))
        if self._stopping:
            if code not in DONE and not self._status:
                self._status = 1
            return
        if code == BAD_CONFIGURATION and self._missing > 0:
            self._status = code  # it has said what is wrong; so would the next one
            self._stop(signal.SIGTERM)
            return
        place.wait = min(max(FIRST_WAIT, 2 * place.wait), LONGEST_WAIT) if lived < SHORT else 0.0
        place.due = time.monotonic() + place.wait
        how = f"by signal {-code}" if code < 0 else f"with status {code}"
        soon = f" in {place.wait:g} s" if place.wait else ""
        self._tell(f"worker {place.number} (process {pid}) has ended {how}; it is started again{soon}")

    # -- stopping ----------------------------------------------------------------------------------------------

    def _stop(self, number: int) -> None:
        """Pass it on. Our own share of the sockets is given up, so that they close when the last worker's does."""
        self._stopping = True
        for sock in self._sockets:
            sock.close()
        for place in self._places:
            if place.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(place.pid, number)


def _heard(number: int, frame: FrameType | None) -> None:
    """The pipe says it."""
