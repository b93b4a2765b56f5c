"""The Python that contenders run in: an environment of its own with the versions that `requirements/bench.txt` pins.

The package itself is not installed there but read from `src`, so that what is measured is what is being worked on.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bench.peers.environment import Mark, run
from bench.peers.peer import ENVIRONMENTS

ROOT = Path(__file__).parents[2]
FOLDER = ENVIRONMENTS / "inprocess"
PYTHON = FOLDER / "bin" / "python"
PINNED = ROOT / "requirements" / "bench.txt"
MARK = Mark(FOLDER, [PINNED])
TOLD = (
    "tenacity",
    "stamina",
    "backoff",
    "pybreaker",
    "purgatory",
    "openai",
    "litellm",
    "httptools",
    "msgspec",
    "uvloop",
)
"""Whose versions stand in the results."""


def installed(told: Callable[[str], None]) -> Path:
    """The environment's Python; made first, when it is missing or its list has changed.

    Raises:
        NotInstalledError: it cannot be made.
    """
    if not MARK.holds():
        told(f"installing {FOLDER.relative_to(ROOT)}")
        uv = ROOT / "scripts" / "uv"
        run(uv, "venv", "-q", "--clear", "--python", sys.executable, FOLDER)
        run(uv, "pip", "install", "-q", "--require-hashes", "--python", PYTHON, "-r", PINNED)
        _lead_to_source()
        MARK.set()
    return PYTHON


def _lead_to_source() -> None:
    for packages in FOLDER.glob("lib/python*/site-packages"):
        (packages / "outlast.pth").write_text(f"{ROOT / 'src'}\n")


ASK = """
import importlib.metadata, json, sys
import outlast
found = {name: importlib.metadata.version(name) for name in sys.argv[1:]}
print(json.dumps({"outlast": outlast.__version__, **found}))
"""


def versions(python: Path) -> dict[str, str]:
    """Which versions run there."""
    done = subprocess.run([str(python), "-c", ASK, *TOLD], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found
