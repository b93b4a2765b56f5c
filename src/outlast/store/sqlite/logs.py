"""Logs: entries that are only ever added at the end."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from outlast.store.sqlite.moments import left_of

HEAD = """
    INSERT INTO logs (key, held, at, ends) VALUES (?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET held = excluded.held, at = excluded.at, ends = excluded.ends
"""


def append(db: sqlite3.Connection, key: str, entries: Sequence[bytes], seconds: float, now: float) -> int:
    """Add these, and tell how many there are."""
    held = _held(db, key, now)
    both = held + len(entries)
    if seconds <= 0 or not both:
        db.execute("DELETE FROM logs WHERE key = ?", (key,))
        return 0
    if not held:
        db.execute("DELETE FROM logs WHERE key = ?", (key,))  # and what an old one held, which had ended
    db.execute(HEAD, (key, both, now, now + seconds))
    db.executemany(
        "INSERT INTO entries (key, number, value) VALUES (?, ?, ?)",
        [(key, number, entry) for number, entry in enumerate(entries, held)],
    )
    return both


def read(db: sqlite3.Connection, key: str, start: int, now: float) -> list[bytes]:
    """The entries from that number on."""
    db.execute("BEGIN")  # the head and the entries as they were at one moment
    try:
        if not _held(db, key, now):
            return []
        rows = db.execute("SELECT value FROM entries WHERE key = ? AND number >= ? ORDER BY number", (key, start))
        return [value for (value,) in rows]
    finally:
        db.rollback()


def _held(db: sqlite3.Connection, key: str, now: float) -> int:
    row = db.execute("SELECT held, at, ends FROM logs WHERE key = ?", (key,)).fetchone()
    if row is None:
        return 0
    held, at, ends = row
    return held if left_of(at, ends, now) > 0 else 0
