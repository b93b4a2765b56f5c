"""The page of promises names tests that exist, at least one for each promise."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
ROWS = [
    line.strip("| \n").partition(" | ")
    for line in (TESTS.parent / "docs" / "promises.md").read_text().splitlines()
    if line.startswith("| ") and "shown by" not in line
]


@pytest.mark.parametrize(("promise", "shown"), [(promise, shown) for promise, _, shown in ROWS])
def test_every_promise_is_shown_by_tests_that_exist(promise, shown):
    """A test that is renamed takes its row along."""
    named = re.findall(r"`([^`]+)::(\w+)`", shown)
    assert named, promise
    for file, name in named:
        assert re.search(rf"^(async def|def|class) {name}\b", (TESTS / file).read_text(), re.MULTILINE), (
            f"{file}::{name}"
        )
