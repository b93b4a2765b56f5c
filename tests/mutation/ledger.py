"""The survivors that are accounted for: a table in a document, with the reason why each makes no difference."""

import re
from dataclasses import dataclass
from pathlib import Path

from .mutants import Mutant

HEADING = re.compile(r"###? `(?P<file>[^`]+)`")
ROW = re.compile(r"\| `(?P<where>[^`]*)` \| `(?P<before>[^`]+)` → `(?P<after>[^`]+)` \|(?P<reason>.*)\|")


@dataclass(frozen=True)
class Entry:
    """One row: which mutant, and why no test can notice it."""

    file: str
    where: str
    before: str
    after: str
    reason: str = ""

    @property
    def name(self) -> str:
        """The mutant's."""
        return f"{self.file} {self.where}: {self.before} → {self.after}"

    def row(self) -> str:
        """As it stands in the table."""
        return f"| `{_out(self.where)}` | `{_out(self.before)}` → `{_out(self.after)}` | {self.reason} |"


def entry_of(mutant: Mutant) -> Entry:
    """A row for that mutant, its reason to be filled in."""
    return Entry(mutant.file, mutant.where, mutant.before, mutant.after)


def read(path: Path) -> dict[str, Entry]:
    """The rows of the document by the names of their mutants; each stands below the heading that names its file."""
    entries = {}
    file = ""
    for line in path.read_text().splitlines() if path.exists() else []:
        if heading := HEADING.match(line):
            file = heading["file"]
        elif row := ROW.match(line):
            entry = Entry(file, _in(row["where"]), _in(row["before"]), _in(row["after"]), row["reason"].strip())
            if not entry.reason:
                raise ValueError(f"{path}: no reason is given for {entry.name}")
            entries[entry.name] = entry
    return entries


def _out(code: str) -> str:
    return code.replace("|", "\\|")


def _in(code: str) -> str:
    return code.replace("\\|", "|")
