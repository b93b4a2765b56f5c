"""Recipes keep types, and a name that would be a lie is found before anything runs."""

from pathlib import Path

import pytest
from tests.guard.test_typing import checked


@pytest.mark.timeout(300)
def test_types_are_kept():
    """Of plain and of coroutine functions; mypy, strict, agrees with every line of `typed.py`."""
    done = checked(Path(__file__).parent / "typed.py")
    assert done.returncode == 0, done.stdout + done.stderr
