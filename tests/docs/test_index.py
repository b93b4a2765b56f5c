"""The pages that list others list all of them, and the picture of the folders has every one that there is."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "outlast"
INNER = [path.parent.name for path in sorted(SOURCE.glob("*/__init__.py"))]
FILES = sorted(path.stem for path in SOURCE.glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("folder", ["adr", "layers"])
def test_every_page_of_a_folder_is_on_its_first_page(folder):
    index = (DOCS / folder / "README.md").read_text()
    listed = set(re.findall(r"\]\(([\w-]+\.md)(?:#[\w-]+)?\)", index))
    assert listed >= {page.name for page in (DOCS / folder).glob("*.md")} - {"README.md"}


@pytest.mark.parametrize("name", INNER + FILES)
def test_every_folder_and_file_has_its_floor_in_the_picture(name):
    picture = (DOCS / "architecture.md").read_text().split("```")[1]
    assert re.search(rf"\b{name}\b", picture)


@pytest.mark.parametrize("name", [path.parent.name for path in sorted((SOURCE / "dialects").glob("*/__init__.py"))])
def test_every_dialect_is_in_the_picture(name):
    assert name in (DOCS / "architecture.md").read_text().split("```")[1]


@pytest.mark.parametrize(
    "word",
    [
        "cache", "coalesce", "degrade", "structured", "fit", "counting", "rewrite", "pass on unread", "estimate",
        "crossing", "store",
    ],
)  # fmt: skip
def test_the_glossary_has_the_word(word):
    rows = [line.split("|")[1] for line in (DOCS / "glossary.md").read_text().splitlines() if line.startswith("| ")]
    assert any(re.search(rf"\b{word}\b", row) for row in rows)
