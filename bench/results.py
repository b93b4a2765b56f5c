"""Results in a file, written anew after each row, so that a run that ends early is not lost."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.figures import Figure

FOLDER = Path(__file__).parent / "results"


def write(name: str, about: dict[str, Any], figures: Iterable[Figure], folder: Path | None = None) -> Path:
    """The file that now holds all of it: in `folder`, or among our results."""
    file = (folder or FOLDER) / f"{name}.json"
    file.parent.mkdir(exist_ok=True)
    told = {"about": about, "results": [figure.told() for figure in figures]}
    file.write_text(json.dumps(told, indent=1) + "\n")
    return file
