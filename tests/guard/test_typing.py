"""A guard keeps types: mypy, strict, agrees with every line of `typed.py`, the errors that are expected included."""

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
def test_types_are_kept():
    """Functions, coroutines, generators, managers, overloads, methods, partial objects; and wrong calls are found."""
    done = checked(Path(__file__).parent / "typed.py")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(300)
def test_a_wrong_type_would_be_found(tmp_path):
    """So that the test above means something."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from outlast import guard, Retry\nanswer: str = guard(Retry())(len)('four')\n")
    done = checked(wrong)
    assert done.returncode == 1
    assert 'expression has type "int", variable has type "str"' in done.stdout
