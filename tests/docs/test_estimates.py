"""The errors that the page of estimates tells are those of today's estimates."""

import json
import re
from pathlib import Path

import pytest

from outlast.model.tokens import count
from outlast.model.vocabularies import COSTS

TESTS = Path(__file__).parents[1]
TEXTS = TESTS / "model" / "texts"
COUNTS = json.loads((TEXTS / "counts.json").read_text())
PAGE = (TESTS.parent / "docs" / "estimates.md").read_text()
ROWS = {
    row[0]: dict(zip(COSTS, (int(cell.strip("* ")) for cell in row[1:]), strict=True))
    for line in PAGE.splitlines()
    if re.match(r"\| \w+ \|.*\d \|$|\| \w+ \|.*\*\* \|$", line)
    for row in [[cell.strip() for cell in line.strip("| ").split("|")]]
}


def test_every_kind_of_text_has_a_row():
    assert set(ROWS) == {name.partition("_")[0] for name in COUNTS}


@pytest.mark.parametrize("kind", ROWS)
def test_a_row_tells_the_errors(kind):
    names = [name for name in COUNTS if name.partition("_")[0] == kind]
    for vocabulary, told in ROWS[kind].items():
        true = sum(COUNTS[name][vocabulary] for name in names)
        ours = sum(count((TEXTS / f"{name}.txt").read_text("utf-8"), vocabulary) for name in names)
        assert told == round((ours / true - 1) * 100), vocabulary
