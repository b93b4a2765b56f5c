"""A log searched for one request: files as they are rotated, plain or gzip, of any size, with lines that are broken.

outlast.log.2.gz, outlast.log.1, outlast.log  ──▶  line by line, the oldest first  ──▶  what is about the request
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from msgspec import Struct, field

from outlast.model.events import RequestEnded
from outlast.telemetry.logged import Logged, logged
from outlast.telemetry.story import Background, Story, Timed, story_of

LONGEST_LINE = 1024 * 1024
"""Bytes; a longer line is none of ours."""
MOST_FACTS = 2_000
"""Lines about one request that are kept, the last ones: a caller may give many requests one id."""
NEWS = (b'"event":"breaker"', b'"event":"taken_out"', b'"event":"back_in"', b'"event":"limit_cut"')
"""What may explain what the request met, whoever caused it."""
GZIP = b"\x1f\x8b"
TIME = re.compile(rb'"time": ?"([^"]{1,40})"')


class Search(Struct):
    """A search for one request, fed with the lines of a log in their order.

    Attributes:
        call: the request's id.
        lines: how many there were.
        broken: how many of them were cut or garbled, and skipped.
        ended: how many requests of that id have ended.
        since: the time of the first line, as it is written there; empty while there was none.
        until: the time of the last line.
    """

    call: str
    lines: int = 0
    broken: int = 0
    ended: int = 0
    since: str = ""
    until: str = ""
    _facts: list[Timed] = field(default_factory=list)
    _background: Background = field(default_factory=Background)

    def read(self, lines: Iterable[bytes]) -> None:
        """Look at these lines too."""
        wanted = json.dumps(self.call).encode()
        last = b""
        for line in lines:
            if not line.strip():
                continue
            self.lines += 1
            if not line.rstrip().endswith(b"}"):
                self.broken += 1
                continue
            if wanted in line or any(news in line for news in NEWS):
                self._take(logged(line))
            self.since = self.since or _time_in(line)
            last = line
        self.until = _time_in(last) or self.until

    def _take(self, said: Logged | None) -> None:
        if said is None:
            self.broken += 1
            return
        if said.call == self.call:
            background = self._background.of(said.event, said.time)
            self._facts += [news for news in background if not self._knows(news[1])]
            self._facts.append((said.time, said.event))
            self.ended += isinstance(said.event, RequestEnded)
            del self._facts[:-MOST_FACTS]
        self._background.note(said.time, said.event)

    def _knows(self, news: Struct) -> bool:
        return any(fact is news for _, fact in self._facts)

    def story(self) -> Story | None:
        """The story of the last request of that id; None when no line is about it."""
        return story_of(self.call, self._facts) if self._facts else None


def _time_in(line: bytes) -> str:
    found = TIME.search(line)
    return found[1].decode("ascii", "replace") if found else ""


def lines_of(stream: BufferedReader) -> Iterator[bytes]:
    """The lines of a file, gzipped or not. A line that is too long, or cut with its file, comes in pieces."""
    packed = stream.peek(2)[:2] == GZIP
    source = gzip.GzipFile(fileobj=stream) if packed else stream
    try:
        while line := source.readline(LONGEST_LINE):
            yield line
    except (EOFError, zlib.error, gzip.BadGzipFile):
        yield b"..."  # a piece of a line that nobody can read: counted as broken


def rotated(path: Path) -> list[Path]:
    """The log and what it was before it was rotated, the oldest first: outlast.log.2.gz, outlast.log.1, outlast.log."""
    older = re.compile(re.escape(path.name) + r"[.-]\d[\w.-]*(\.gz)?")
    beside = [other for other in path.parent.iterdir() if older.fullmatch(other.name) and other.is_file()]
    return [*sorted(beside, key=lambda other: other.stat().st_mtime), path]


@contextmanager
def opened(path: Path) -> Iterator[Iterator[bytes]]:
    """The lines of that file."""
    with path.open("rb") as file:
        yield lines_of(file)
