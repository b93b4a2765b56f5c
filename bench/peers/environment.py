"""An environment for a peer's Python package, at the versions and hashes that are pinned beside this file."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from bench.peers.peer import ENVIRONMENTS, HERE

_UV = HERE.parents[1] / "scripts" / "uv"


class PythonEnvironment:
    """A virtual environment of the bench's own.

    Args:
        name: of the peer; `peers/NAME.txt` lists what is in it.
        package: the one that counts.
    """

    def __init__(self, name: str, package: str) -> None:
        self.folder = ENVIRONMENTS / name
        self._list = HERE / f"{name}.txt"
        self._package = package

    def program(self, name: str) -> str:
        """A program of the environment."""
        return str(self.folder / "bin" / name)

    def version(self) -> str:
        """Which version of the package is pinned."""
        found = re.search(rf"^{self._package}(?:\[[^]]*\])?==(\S+)", self._list.read_text(), re.MULTILINE)
        return found[1] if found else ""

    def install(self) -> None:
        """Make it hold what is pinned, if it does not yet."""
        mark = Mark(self.folder, [self._list])
        if mark.holds():
            return
        run(_UV, "venv", "-q", "--clear", "--python", sys.executable, self.folder)
        run(_UV, "pip", "install", "-q", "--require-hashes", "--python", self.program("python"), "-r", self._list)
        mark.set()


class Mark:
    """Remembers in a folder for which lists it was filled."""

    def __init__(self, folder: Path, lists: list[Path]) -> None:
        self._file = folder / ".installed"
        self._digest = hashlib.sha256(b"".join(file.read_bytes() for file in lists)).hexdigest()

    def holds(self) -> bool:
        """Whether the folder was filled for these lists."""
        return self._file.exists() and self._file.read_text() == self._digest

    def set(self) -> None:
        """Remember that it was."""
        self._file.write_text(self._digest)


class NotInstalledError(Exception):
    """A peer could not be installed."""


def run(program: str | Path, *arguments: str | Path, cwd: Path | None = None) -> None:
    """Run an installer; programs of our own Python's environment come first.

    Raises:
        NotInstalledError: it failed; the text is the end of what it said.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which(program, path=path)
    if found is None:
        raise NotInstalledError(f"{program} is missing")
    done = subprocess.run(
        [found, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotInstalledError(" | ".join(done.stderr.strip().splitlines()[-3:])[-300:])
