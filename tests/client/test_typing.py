"""Extraction keeps types: mypy, strict, agrees with every line of `typed.py`, the errors that are expected included."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ASKING = [sys.executable, "-m", "mypy", "--strict", "--warn-unused-ignores", "--python-version", "3.11"]


def checked(path):
    """What mypy says of a file, by itself."""
    asked = [*ASKING, "--config-file", "", "--cache-dir", str(ROOT / ".mypy_cache"), str(path)]
    return subprocess.run(asked, cwd=ROOT / "src", capture_output=True, text=True, check=False)


@pytest.mark.timeout(300)
def test_the_value_has_the_type_that_was_asked_for():
    """Classes, lists of them, typed dictionaries; and a plain schema promises nothing."""
    done = checked(Path(__file__).parent / "typed.py")
    assert done.returncode == 0, done.stdout + done.stderr
