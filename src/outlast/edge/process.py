"""The process that we are in: its id, kept true across forks, since asking the system costs a call each time."""

from __future__ import annotations

import os


class Process:
    """What changes when a process forks. `pid` is its id."""

    pid = os.getpid()


def _forked() -> None:
    Process.pid = os.getpid()


os.register_at_fork(after_in_child=_forked)
