"""What has ended is taken away, a little at a time, and what was put is held to its bound."""

from __future__ import annotations

import sqlite3

from outlast.store.sqlite.schema import TABLES

EVERY = 10.0
"""Seconds between two sweeps."""
STEP = 500
"""So many rows of a table are taken away in one of them; what is left over is swept with the next batch."""


class Sweep:
    """Knows when it is time again."""

    __slots__ = ("_due",)

    def __init__(self) -> None:
        self._due = 0.0

    def run(self, db: sqlite3.Connection, now: float) -> None:
        """Set right what the clock's being set back has made wrong, and take away what has ended, when it is time."""
        [latest] = db.execute("SELECT latest FROM state").fetchone()
        db.execute("UPDATE state SET latest = ?", (now,))
        if latest > now:
            _begin_anew(db, now)
        elif now < self._due:
            return
        self._due = now if _took_all(db, now) else now + EVERY


def make_room(db: sqlite3.Connection, most: int) -> None:
    """Take away what was put and not used for longest, until no more is left than that many bytes."""
    oldest = "SELECT rowid FROM kept WHERE NOT promised ORDER BY used LIMIT 1"
    while db.execute("SELECT bytes FROM state").fetchone()[0] > most:
        if not db.execute(f"DELETE FROM kept WHERE rowid IN ({oldest})").rowcount:  # noqa: S608  (ours)
            return


def _begin_anew(db: sqlite3.Connection, now: float) -> None:
    """What was written at a moment that is still to come is as if written now."""
    for table in TABLES:
        db.execute(f"UPDATE {table} SET ends = :now + (ends - at), at = :now WHERE at > :now", {"now": now})  # noqa: S608


def _took_all(db: sqlite3.Connection, now: float) -> bool:
    """Take away what has ended; may there be more? As much as is good for one batch."""
    more = False
    for table in TABLES:
        ended = f"SELECT rowid FROM {table} WHERE ends <= ? LIMIT {STEP}"  # noqa: S608  (ours)
        taken = db.execute(f"DELETE FROM {table} WHERE rowid IN ({ended})", (now,)).rowcount  # noqa: S608
        more = more or taken >= STEP
    return more
