"""The thread that reads, on a connection of its own: it waits for no writer, and sees all that was committed."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress

from outlast.ports import StoreFailed
from outlast.store.sqlite.failures import words_of
from outlast.store.sqlite.file import File, Identity
from outlast.store.sqlite.line import Job, Line, Outcome, deliver
from outlast.store.sqlite.news import News

GLANCE = 0.05
"""Seconds between two looks whether another process has written, while anybody listens."""


class Reader:
    """Reads in a thread of its own, which runs until `line` is closed and empty.

    Args:
        file: where.
        line: what is to be read.
        news: who is told when anybody has written.
        wall: the clock.
    """

    def __init__(self, file: File, line: Line, news: News, *, wall: Callable[[], float]) -> None:
        self._file = file
        self._line = line
        self._news = news
        self._wall = wall
        self._db: sqlite3.Connection | None = None
        self._identity: Identity | None = None
        self._version = 0
        self.thread = threading.Thread(target=self._run, name="outlast-store-reads", daemon=True)

    def _run(self) -> None:
        while (jobs := self._line.take(GLANCE if self._news.wanted else None)) is not None:
            deliver([self._read(job) for job in jobs])
            if self._news.wanted:
                self._look()
        self._close()
        self._line.over()

    def _read(self, job: Job) -> Outcome:
        try:
            return Outcome(job, job.do(self._open(), self._wall()))
        except StoreFailed as failed:
            return Outcome(job, error=failed)
        except Exception as error:  # noqa: BLE001  (of anything that fails somebody is told)
            self._close()
            return Outcome(job, error=StoreFailed(words_of(error)))

    def _look(self) -> None:
        """Tell all who listen, if anything was committed since the last look."""
        try:
            version = self._open().execute("PRAGMA data_version").fetchone()[0]
        except (sqlite3.Error, StoreFailed):
            self._close()
            version = 0
        if version != self._version:
            self._version = version
            self._news.tell("")

    def _open(self) -> sqlite3.Connection:
        """A connection to the file that is there."""
        if self._db is not None and self._file.identity() != self._identity:
            self._close()
        if self._db is None:
            self._db, self._identity = self._file.connect(reading=True)
        return self._db

    def _close(self) -> None:
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None
