"""On what, with which versions, when and how figures were made."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.peers import PEERS
from bench.processes import LOAD_CORE, SERVER_CORE


def about(peers: Iterable[str], command: Iterable[str]) -> dict[str, Any]:
    """What must be known to judge figures or to repeat them.

    Args:
        peers: names of those that were installed.
        command: the arguments of the run.
    """
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", "-m", "bench", *command]),
        "machine": platform.machine(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "python": sys.version.split()[0],
        "server_core": SERVER_CORE,
        "load_core": LOAD_CORE,
        "versions": {name: PEERS[name].version() for name in peers},
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
