"""What the kernel says that a process and all its children have used: CPU time to the nanosecond, resident memory."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

_WHOLE_PROCESS = 2
"""CPUCLOCK_SCHED: the clock of all threads of a process, those that have ended included."""


def family(pid: int) -> Iterator[int]:
    """The process and all that it started, as far as they live."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in children.read_text().split():
                yield from family(int(child))


def cpu_seconds(pid: int) -> float:
    """CPU time that the process and its children have used so far."""
    used = 0.0
    for member in family(pid):
        with contextlib.suppress(OSError):
            used += time.clock_gettime(~member << 3 | _WHOLE_PROCESS)
    return used


def resident_bytes(pid: int) -> int:
    """Memory of the process and its children that is in RAM now."""
    return sum(_resident(member) for member in family(pid))


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Rss:"):
                return int(line.split()[1]) * 1024
    return 0
