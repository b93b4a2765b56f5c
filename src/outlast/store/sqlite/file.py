"""The file itself: it is opened with care, known again, and set aside when it is damaged."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from time import time_ns

from outlast.ports import StoreFailed
from outlast.store.sqlite.failures import DAMAGED, LOCKED, code_of, words_of
from outlast.store.sqlite.schema import prepare

BUSY = 1.0
"""Seconds that SQLite itself waits for a lock; then we look whether it is worth waiting on."""
LOG_KEPT = 64 * 1024 * 1024
"""Bytes that the write-ahead log is cut back to."""

Identity = tuple[int, int]


class File:
    """One SQLite file.

    Args:
        path: where it is, or is to be.
        most_pages: it never grows beyond so many; None: it is the disk that bounds it.
    """

    __slots__ = ("_most_pages", "path")

    def __init__(self, path: Path, most_pages: int | None = None) -> None:
        self.path = path
        self._most_pages = most_pages

    def identity(self) -> Identity | None:
        """What tells it from another file of that name; None when there is none."""
        try:
            found = os.stat(self.path)  # noqa: PTH116  (twice as fast, and asked for each command)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def connect(self, *, reading: bool = False) -> tuple[sqlite3.Connection, Identity | None]:
        """A connection, and the identity of what it is connected to. The file is made where there is none.

        Raises:
            sqlite3.Error: it cannot be worked with.
            StoreFailed: nor can it, and what it says is what to do.
        """
        self._make()
        connection = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        try:
            self._set_up(connection)
            if reading:
                connection.execute("PRAGMA query_only = on")
            found = self.identity()
        except BaseException:
            connection.close()
            raise
        return connection, found

    def _make(self) -> None:
        """An empty file that nobody else may read: it is to hold prompts and answers."""
        if not self.path.parent.is_dir():
            raise StoreFailed(f"there is no folder {self.path.parent}: make it, or name another")
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_RDONLY, 0o600))
        except OSError as error:
            raise StoreFailed(
                f"it cannot be opened ({error.strerror}): give this user the right to write to it and to its folder, "
                "or name another"
            ) from None

    def _set_up(self, connection: sqlite3.Connection) -> None:
        if connection.execute("PRAGMA journal_mode = wal").fetchone()[0] != "wal":
            raise StoreFailed("SQLite cannot keep its log beside it: name a file on a disk of this machine")
        connection.execute(f"PRAGMA journal_size_limit = {LOG_KEPT}")
        if self._most_pages is not None:
            connection.execute(f"PRAGMA max_page_count = {self._most_pages}")
        prepare(connection)

    def set_aside(self, damaged: Identity | None) -> Path | None:
        """Give a damaged file another name, so that a new one can be begun; None when it is not there any more."""
        if damaged is None or self.identity() != damaged:
            return None  # another process has done it already
        aside = self.path.with_name(f"{self.path.name}.damaged-{time_ns()}")
        with suppress(FileNotFoundError):
            self.path.rename(aside)
        for end in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                self.path.with_name(self.path.name + end).rename(aside.with_name(aside.name + end))
        return aside

    def try_out(self) -> Path | None:
        """Open it once, and set it aside if it is damaged; where to, or None. Raises `StoreFailed`, with the mend."""
        before = self.identity()
        aside = None
        try:
            self._write_nothing()
        except sqlite3.Error as error:
            if code_of(error) in LOCKED:
                return None  # who holds the lock can write to it
            if code_of(error) not in DAMAGED:
                raise StoreFailed(words_of(error)) from None
            aside = self.set_aside(before)
            self._write_anew()
        return aside

    def _write_nothing(self) -> None:
        connection, _ = self.connect()
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE state SET bytes = bytes")
            connection.rollback()
        finally:
            connection.close()

    def _write_anew(self) -> None:
        try:
            self._write_nothing()
        except sqlite3.Error as error:
            raise StoreFailed(words_of(error)) from None
