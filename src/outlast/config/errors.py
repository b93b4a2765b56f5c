"""What is wrong with a configuration, in one line that says where it is and how to mend it.

outlast.toml:12: routes.default.targets[1]: no provider "opnai"; did you mean "openai"?
└ file ─────┘ └ line └ path ───────────┘   └ what ───────────┘  └ mend ──────────────┘
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from difflib import get_close_matches

Path = tuple[str | int, ...]
"""Where a value stands: names of tables and keys, and places in arrays."""

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_NAME = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*(?:\.|\Z)""")
_HEADER = re.compile(r"\s*\[\[?([^\]]+)\]")
_ENTRY = re.compile(r"""\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_.\-\s])+?)\s*=""")


class ConfigError(Exception):
    """A configuration that cannot be used. Its text is one line and holds no secret.

    Attributes:
        problem: what is wrong, and how to mend it.
        path: where in the file.
        source: the file; empty when the environment is at fault.
        line: the line of it, counted from 1; 0 when there is none.
    """

    def __init__(self, problem: str, path: Path = (), *, source: str = "", line: int = 0) -> None:
        self.problem = problem
        self.path = path
        self.source = source
        self.line = line
        place = f"{source}:{line}" if source and line else source
        super().__init__(_on_one_line(": ".join(part for part in (place, spelled(path), problem) if part)))

    def within(self, source: str, text: str) -> ConfigError:
        """The same error, with the file and the line that it is about."""
        return ConfigError(self.problem, self.path, source=source, line=self.line or line_of(text, self.path))


def _on_one_line(text: str) -> str:
    """The text with line ends and other signs that nobody sees written out."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def spelled(path: Path) -> str:
    """A path as one would write it: `routes.default.targets[1]`."""
    said = ""
    for step in path:
        if isinstance(step, int):
            said += f"[{step}]"
            continue
        name = step if _BARE.match(step) else json.dumps(step)
        said += f".{name}" if said else name
    return said


def mend(wrong: str, known: Iterable[str]) -> str:
    """`; did you mean "…"?`, else the list of what there is, else nothing."""
    names = sorted(set(known))
    close = get_close_matches(wrong, names, n=1, cutoff=0.6)
    if close:
        return f'; did you mean "{close[0]}"?'
    return f"; there is {', '.join(names)}" if names else ""


def line_of(text: str, path: Path) -> int:
    """The line that says the value at `path`, or the nearest table around it; 0 when nothing does."""
    wanted = tuple(step for step in path if isinstance(step, str))
    table: tuple[str, ...] = ()
    best, depth = 0, 0
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            here = table = _names(header[1])
        elif entry := _ENTRY.match(line):
            here = (*table, *_names(entry[1]))
        else:
            continue
        shared = min(len(here), len(wanted))
        if shared > depth and here[:shared] == wanted[:shared]:
            best, depth = number, shared
    return best


def _names(dotted: str) -> tuple[str, ...]:
    """The names in `a."b.c".d`."""
    return tuple(next(part for part in found.groups() if part is not None) for found in _NAME.finditer(dotted))
