"""A queue keeps types: mypy, strict, agrees with every line of `typed.py`, the errors that are expected included."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(300)
def test_types_are_kept():
    """A ticket gives what the work gives, coroutine function or not; wrong arguments and classes are found."""
    asking = [sys.executable, "-m", "mypy", "--strict", "--warn-unused-ignores", "--config-file", ""]
    asking += ["--python-version", "3.11", "--cache-dir", str(ROOT / ".mypy_cache")]
    path = str(Path(__file__).parent / "typed.py")
    done = subprocess.run([*asking, path], cwd=ROOT / "src", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
