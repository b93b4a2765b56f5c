"""The one thread that writes: all that waits goes in one transaction, and is heard of when that has been committed.

take what waits ─▶ is the file still ours? ─▶ BEGIN IMMEDIATE ─▶ each ─▶ COMMIT ─▶ is it still? ─▶ tell
                          │ opened anew              │ fails: each by itself          │ all have failed
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from outlast.ports import StoreFailed
from outlast.store.sqlite.failures import DAMAGED, LOCKED, UNSURE, code_of, words_of
from outlast.store.sqlite.file import File, Identity
from outlast.store.sqlite.line import Job, Line, Outcome, deliver
from outlast.store.sqlite.news import News
from outlast.store.sqlite.sweep import Sweep, make_room

PATIENCE = 30.0
"""Seconds that a lock of another process is waited for."""
REPLACED = "its file was deleted or replaced: what it held is gone, and a new one was begun"
Say = Callable[[str], None]


class Writer:
    """Writes in a thread of its own, which runs until `line` is closed and empty.

    Args:
        file: where.
        line: what is to be written.
        news: who is told of it.
        wall: the clock.
        most: bytes of what was put.
        say: hears what the owner should know; called on the thread.
        patience: seconds that a lock of another process is waited for.
    """

    def __init__(
        self,
        file: File,
        line: Line,
        news: News,
        *,
        wall: Callable[[], float],
        most: int,
        say: Say,
        patience: float = PATIENCE,
    ) -> None:
        self._file = file
        self._line = line
        self._news = news
        self._wall = wall
        self._most = most
        self._say = say
        self._patience = patience
        self._db: sqlite3.Connection | None = None
        self._identity: Identity | None = None
        self._sweep = Sweep()
        self._mode = ""
        self.thread = threading.Thread(target=self._run, name="outlast-store-writes", daemon=True)

    def _run(self) -> None:
        while (jobs := self._line.take()) is not None:
            outcomes = self._written(jobs)
            deliver(outcomes)
            for outcome in outcomes:
                if outcome.error is None and outcome.job.heard is not None:
                    self._news.tell(outcome.job.heard)
        self._close()
        self._line.over()

    def _written(self, jobs: list[Job]) -> list[Outcome]:
        """All of them in one transaction; where that fails, each in one of its own."""
        try:
            return self._committed(jobs)
        except Exception as error:  # noqa: BLE001  (of anything that fails somebody is told)
            self._rolled_back()
            if len(jobs) > 1 and not self._is_hopeless(error):
                return [outcome for job in jobs for outcome in self._written([job])]
            return self._failed(jobs, error)

    def _committed(self, jobs: list[Job]) -> list[Outcome]:
        db = self._begun(any(job.promised for job in jobs))
        now = self._wall()
        self._sweep.run(db, now)
        outcomes = [Outcome(job, job.do(db, now)) for job in jobs]
        make_room(db, self._most)
        db.commit()
        if self._file.identity() != self._identity:
            self._say(REPLACED)
            raise StoreFailed(REPLACED)
        return outcomes

    def _begun(self, promised: bool) -> sqlite3.Connection:
        """A connection to the file that is there, within a transaction."""
        if self._db is not None and self._file.identity() != self._identity:
            self._close()
            self._say(REPLACED)
        mode = "full" if promised else "normal"
        until = monotonic() + self._patience
        while True:
            try:
                return self._open(mode)
            except sqlite3.Error as error:
                if code_of(error) not in LOCKED or monotonic() >= until:
                    raise

    def _open(self, mode: str) -> sqlite3.Connection:
        if self._db is None:
            self._db, self._identity = self._file.connect()
            self._mode = ""
        if mode != self._mode:
            self._db.execute(f"PRAGMA synchronous = {mode}")
            self._mode = mode
        self._db.execute("BEGIN IMMEDIATE")
        return self._db

    # -- when it fails ---------------------------------------------------------------------------------------------

    def _rolled_back(self) -> None:
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.rollback()

    def _is_hopeless(self, error: Exception) -> bool:
        """Would none of them fare better by itself?"""
        return isinstance(error, StoreFailed) or code_of(error) in LOCKED | DAMAGED | UNSURE

    def _failed(self, jobs: list[Job], error: Exception) -> list[Outcome]:
        words = str(error) if isinstance(error, StoreFailed) else words_of(error)
        if code_of(error) in DAMAGED:
            words = self._set_aside(words)
        elif self._is_hopeless(error) and code_of(error) not in LOCKED:
            self._close()
        return [Outcome(job, error=StoreFailed(words)) for job in jobs]

    def _set_aside(self, words: str) -> str:
        """Give the damaged file another name; the next batch begins a new one."""
        damaged = self._identity if self._db is not None else self._file.identity()
        self._close()
        try:
            aside = self._file.set_aside(damaged)
        except OSError:
            return f"{words}, and could not be set aside"
        if aside is None:
            return words
        words = lost(words, aside.name)
        self._say(words)
        return words

    def _close(self) -> None:
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None


def lost(words: str, aside: str) -> str:
    """What the owner must know of a file that was set aside."""
    return f"{words}: it was set aside as {aside}, and all that it held is lost; a new one was begun"
