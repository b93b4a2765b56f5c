"""The upstream of all peers: compiled from `upstream.c` when that has changed, and started."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from bench.processes import Process

SOURCE = Path(__file__).with_suffix(".c")
BUILD = SOURCE.parent / ".build"


class NoCompilerError(Exception):
    """There is no C compiler."""


def compiled() -> Path:
    """The program, newer than its source.

    Raises:
        NoCompilerError: it has to be compiled and cannot be.
    """
    program = BUILD / "upstream"
    if program.exists() and program.stat().st_mtime > SOURCE.stat().st_mtime:
        return program
    compiler = shutil.which("cc")
    if compiler is None:
        raise NoCompilerError("the upstream needs a C compiler: apt-get install gcc libc6-dev")
    BUILD.mkdir(exist_ok=True)
    subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, SOURCE], check=True)
    return program


class Upstream:
    """A running upstream.

    Args:
        core: where it runs.
        folder: for its log.
        port: where it listens; 0: anywhere.
    """

    def __init__(self, *, core: int, folder: Path, port: int = 0) -> None:
        log = folder / "upstream.log"
        self.process = Process([str(compiled()), str(port)], core=core, log=log, environment={})
        while not log.read_text().endswith("\n"):
            if self.process.ended() is not None:
                raise RuntimeError(f"the upstream did not start: {self.process.last_words()}")
            time.sleep(0.001)
        self.port = int(log.read_text())

    def stop(self) -> None:
        """End it."""
        self.process.stop()
