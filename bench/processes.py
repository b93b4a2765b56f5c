"""A process on one core, that ends with us however we end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

SERVER_CORE, LOAD_CORE = (sorted(os.sched_getaffinity(0)) * 2)[:2]
"""Where the peer under test runs, and where the load and the upstream do."""

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


class Process:
    """A started process; its output goes to a file.

    Args:
        command: the program and its arguments.
        core: where it and its children run.
        log: takes what it writes.
        environment: beside ours.
    """

    def __init__(self, command: Sequence[str], *, core: int, log: Path, environment: Mapping[str, str]) -> None:
        def on_start() -> None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            os.sched_setaffinity(0, {core})

        with log.open("wb") as output:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                cwd=log.parent,
                start_new_session=True,
                preexec_fn=on_start,  # noqa: PLW1509  (we have no threads)
            )
        self.log = log

    @property
    def pid(self) -> int:
        """Its number."""
        return self._popen.pid

    def ended(self) -> int | None:
        """Its exit status; None while it runs."""
        return self._popen.poll()

    def stop(self) -> None:
        """Kill it and its children, without a farewell."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()

    def last_words(self) -> str:
        """The end of what it wrote, on one line."""
        return " | ".join(self.log.read_text("utf-8", "replace").strip().splitlines()[-3:])[-300:]


def lift_limits() -> None:
    """Let us and what we start have as many open files as may be."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
