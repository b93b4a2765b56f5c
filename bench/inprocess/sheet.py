"""The file of results: the figures, and the machine, the versions and the command behind them."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Figure

RESULTS = Path(__file__).parents[1] / "results"


def sheet(figures: Iterable[Figure], versions: Mapping[str, str], command: str) -> dict[str, object]:
    """Everything that a reader of the figures must know."""
    return {
        "machine": f"{platform.system()} {platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "kernel": platform.release(),
        "cpu": processor(),
        "versions": dict(versions),
        "command": command,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "results": [figure.told() for figure in figures],
    }


def processor(information: Path = Path("/proc/cpuinfo")) -> str:
    """What the processor calls itself."""
    for line in information.read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def spelled(module: str) -> str:
    """The command line that was given, as one can type it."""
    return shlex.join(["python", "-m", module, *sys.argv[1:]])


def write(name: str, told: Mapping[str, object], folder: Path = RESULTS) -> Path:
    """Write the file, one figure a line, so that two runs can be compared."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(told, indent=1) + "\n")
    return path
