"""Workers take turns: each makes its calls while the others wait.

A contender that cannot start, or whose calls do not arrive, stands in the results with the reason.
"""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from bench.inprocess.charge import Charge
from bench.inprocess.contest import Contender
from bench.inprocess.environment import ROOT
from bench.inprocess.worker import READY

SILENCE = 120.0
"""Seconds after which a worker is given up."""
QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_TELEMETRY": "False",
    "LITELLM_LOG": "ERROR",
    "DO_NOT_TRACK": "1",
    "NO_PROXY": "127.0.0.1",
}
"""Nobody calls home while it is measured."""


class BrokenWorkerError(Exception):
    """A contender cannot be measured. Its words stand in the table."""


def surroundings() -> dict[str, str]:
    """The environment of everything that is measured: no proxies, no keys, the same hashes in each run."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | QUIET | {"PYTHONHASHSEED": "0", "PYTHONWARNINGS": "ignore"}


class Worker:
    """One contender in a process of its own, on one core."""

    def __init__(self, python: Path, contender: Contender, upstream: str, core: int) -> None:
        self.contender = contender
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the worker)
        self._process = subprocess.Popen(
            ["taskset", "-c", str(core), python, "-m", "bench.inprocess.worker", contender.name, upstream],
            cwd=ROOT,
            env=surroundings(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            bufsize=0,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._words.close()

    def ready(self) -> None:
        """Return when it can take orders. Raises `BrokenWorkerError`."""
        if self._line() != READY:
            raise BrokenWorkerError("it does not speak as a worker does")

    def charge(self, calls: int) -> Charge:
        """What so many calls take. Raises `BrokenWorkerError`."""
        assert self._process.stdin is not None  # noqa: S101  (opened as a pipe)
        try:
            self._process.stdin.write(f"{calls}\n".encode())
        except BrokenPipeError:
            raise BrokenWorkerError(self._last_words()) from None
        return msgspec.json.decode(self._line(), type=Charge)

    def calls_for(self, seconds: float) -> int:
        """How many calls take about so much CPU; making them warms the contender up. Raises `BrokenWorkerError`."""
        calls = 16
        while (charge := self.charge(calls)).cpu < seconds / 4:
            calls *= 2
        return max(16, round(calls * seconds / charge.cpu))

    def _line(self) -> bytes:
        assert self._process.stdout is not None  # noqa: S101  (opened as a pipe)
        readable, _, _ = select.select([self._process.stdout], [], [], SILENCE)
        if not readable:
            raise BrokenWorkerError(f"it was silent for {SILENCE:.0f} s")
        line = self._process.stdout.readline().strip()
        if not line:
            raise BrokenWorkerError(self._last_words())
        return line

    def _last_words(self) -> str:
        self._process.wait(SILENCE)
        self._words.seek(0)
        words = self._words.read().decode(errors="replace").strip().splitlines()
        return words[-1] if words else f"it ended with {self._process.returncode}"


class Rounds:
    """What each contender took, round by round, and why some have nothing to show."""

    def __init__(self) -> None:
        self.charges: dict[str, list[Charge]] = {}
        self.broken: dict[str, str] = {}

    def attempt(self, contender: Contender, step: Callable[[], None]) -> None:
        """Do that, unless the contender is out; if it breaks now, it is out."""
        if contender.name in self.broken:
            return
        try:
            step()
        except BrokenWorkerError as broken:
            self.broken[contender.name] = str(broken)
            self.charges.pop(contender.name, None)


def measured(
    contenders: Iterable[Contender],
    *,
    python: Path,
    upstream: str,
    core: int,
    rounds: int,
    seconds: float,
    told: Callable[[str], None],
) -> Rounds:
    """So many rounds of about so much CPU for each contender, taken in turn."""
    result = Rounds()
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(python, contender, upstream, core)) for contender in contenders]
        calls: dict[str, int] = {}
        for worker in workers:
            result.attempt(worker.contender, partial(_warm, worker, calls, seconds))
            told(f"warm: {worker.contender.name} {result.broken.get(worker.contender.name, '')}".rstrip())
        for number in range(rounds):
            for worker in workers:
                result.attempt(worker.contender, partial(_one, worker, calls, result.charges))
            told(f"round {number + 1} of {rounds}")
    return result


def _warm(worker: Worker, calls: dict[str, int], seconds: float) -> None:
    worker.ready()
    calls[worker.contender.name] = worker.calls_for(seconds)


def _one(worker: Worker, calls: Mapping[str, int], charges: dict[str, list[Charge]]) -> None:
    name = worker.contender.name
    charges.setdefault(name, []).append(worker.charge(calls[name]))
