"""What an import costs: fresh processes, taken in turn, each told apart from a Python that does nothing.

The files are in the page cache and compiled, as for any process after the first.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from bench.inprocess.driver import surroundings
from bench.inprocess.environment import ROOT

NOTHING = "python"
STATEMENTS = {
    NOTHING: "pass",
    "asyncio": "import asyncio",
    "outlast": "from outlast import Client",
    "openai": "import openai",
    "litellm": "import litellm",
}
"""What is imported, by the name that the table gives it. asyncio: what any library with an event loop begins with."""
OURS = "from outlast.client import Client"
"""The same import of ours as Python times it: what `importlib.import_module` imports, it does not."""


SAYS = "; print(open('/proc/self/status').read())"
"""What every process does last, so that we know how much memory it had."""
PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


class Import(Struct, frozen=True):
    """One fresh process, from its start to its end: milliseconds of time and of CPU, and its most memory in MB."""

    wall: float
    cpu: float
    memory: float


class Module(Struct, frozen=True):
    """One module of an import: milliseconds for itself, and with what it was the first to import."""

    name: str
    own: float
    with_imports: float


def imported(python: Path, statement: str) -> Import:
    """What a fresh process that runs this statement costs.

    Raises:
        RuntimeError: it did not end well.
    """
    start = time.monotonic()
    command = [str(python), "-c", statement + SAYS]
    with subprocess.Popen(command, cwd=ROOT, env=surroundings(), stdout=subprocess.PIPE, text=True) as process:
        words = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    peak = PEAK.search(words)
    if process.returncode != 0 or peak is None:
        raise RuntimeError(f"{statement!r} ended with {process.returncode}")
    return Import(wall * 1e3, (usage.ru_utime + usage.ru_stime) * 1e3, int(peak[1]) / 1024)


def imports(
    python: Path, *, rounds: int, told: Callable[[str], None], statements: Sequence[str] = tuple(STATEMENTS)
) -> dict[str, list[Import]]:
    """So many fresh processes for each statement, taken in turn; the first of each only fills the caches."""
    result: dict[str, list[Import]] = {name: [] for name in statements}
    for number in range(rounds + 1):
        for name in statements:
            cost = imported(python, STATEMENTS[name])
            if number:
                result[name].append(cost)
        told(f"imports: {'warm' if not number else f'round {number} of {rounds}'}")
    return result


def modules(python: Path, statement: str = OURS) -> list[Module]:
    """Every module that a fresh process imports for this statement, as Python itself times them."""
    done = subprocess.run(
        [python, "-X", "importtime", "-c", statement],
        cwd=ROOT,
        env=surroundings(),
        capture_output=True,
        text=True,
        check=True,
    )
    return parsed(done.stderr)


def parsed(told: str) -> list[Module]:
    """The modules in what `-X importtime` writes, without those that every Python imports."""
    found: list[Module] = []
    for line in told.splitlines():
        own, _, rest = line.removeprefix("import time:").partition("|")
        cumulative, _, name = rest.partition("|")
        if not own.strip().isdigit():
            continue
        found.append(Module(name.strip(), int(own) / 1e3, int(cumulative) / 1e3))
        if found[-1].name == "site":
            found.clear()  # up to here it is Python's own start
    return found
