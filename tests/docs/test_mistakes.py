"""The pages that say which mistakes are not made name the tests that show it: each of them exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("recipes.md", "mistakes.md")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
TABLE = re.compile(r"^\| the usual mistake .*\n\|[-|]+\|\n((?:\|.*\n)+)", re.MULTILINE)


@cache
def names_in(path: str) -> frozenset[str]:
    """The functions of a test file that pytest runs."""
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_")
    )


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_page_names_exists(page):
    """When this fails, a test was renamed: name it anew in the page."""
    named = NAMED.findall((ROOT / "docs" / page).read_text())
    assert len(named) > 40
    missing = [f"{path}::{name}" for path, name in named if not (ROOT / path).exists() or name not in names_in(path)]
    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_every_mistake_has_a_test(page):
    """Each row of a table of mistakes names one at least, or says why there is none."""
    rows = [row for table in TABLE.findall((ROOT / "docs" / page).read_text()) for row in table.splitlines()]
    assert len(rows) > 40
    assert [row for row in rows if not NAMED.search(row) and "not in this version" not in row] == []
