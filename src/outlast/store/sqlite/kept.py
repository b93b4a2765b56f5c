"""Bytes that are kept, claimed, swapped and purged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from outlast.ports import Stored
from outlast.store.sqlite.moments import LIVES, left_of

OVERHEAD = 128
"""Bytes that a row takes beside its key and value, about."""
STEP = 1_000
"""So many are purged in one transaction."""
END = "\x7f"
"""Sorts behind every sign that a key may hold."""

PUT = """
    INSERT INTO kept (key, value, at, ends, used, promised, size) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET
        value = excluded.value, at = excluded.at, ends = excluded.ends, used = excluded.used,
        promised = excluded.promised, size = excluded.size
"""


def get(db: sqlite3.Connection, key: str, now: float) -> Stored | None:
    """What is kept there."""
    row = db.execute("SELECT value, at, ends FROM kept WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    value, at, ends = row
    left = left_of(at, ends, now)
    return Stored(value, left) if left > 0 else None


def put(db: sqlite3.Connection, key: str, value: bytes, seconds: float, now: float, *, promised: bool = False) -> None:
    """Keep that."""
    if seconds <= 0:
        db.execute("DELETE FROM kept WHERE key = ?", (key,))
        return
    size = len(key) + len(value) + OVERHEAD
    db.execute(PUT, (key, value, now, now + seconds, now, promised, size))


def claim(db: sqlite3.Connection, key: str, value: bytes, seconds: float, now: float) -> Stored | None:
    """Keep that if nothing is kept there, or tell what is."""
    found = get(db, key, now)
    if found is None:
        put(db, key, value, seconds, now, promised=True)
    return found


def swap(db: sqlite3.Connection, key: str, was: bytes, value: bytes, seconds: float, now: float) -> bool:
    """Keep that in place of exactly `was`."""
    found = get(db, key, now)
    if found is None or found.value != was:
        return False
    put(db, key, value, seconds, now, promised=True)
    return True


def delete(db: sqlite3.Connection, key: str) -> None:
    """Forget what is there, bytes or log."""
    db.execute("DELETE FROM kept WHERE key = ?", (key,))
    db.execute("DELETE FROM logs WHERE key = ?", (key,))


def purge(db: sqlite3.Connection, prefix: str, holding: str, now: float) -> tuple[int, bool]:
    """Forget some of what begins so and holds that: how many there were, and whether there may be more."""
    found, more = 0, False
    for table in ("kept", "logs", "sums"):
        rows = db.execute(
            f"SELECT key, {LIVES} FROM {table} "  # noqa: S608  (ours)
            f"WHERE key >= :first AND key < :last AND instr(key, :holding) LIMIT {STEP}",
            {"now": now, "first": prefix, "last": prefix + END, "holding": holding},
        ).fetchall()
        db.executemany(f"DELETE FROM {table} WHERE key = ?", [(key,) for key, _ in rows])  # noqa: S608  (ours)
        found += sum(lives for _, lives in rows)
        more = more or len(rows) == STEP
    return found, more


def use(db: sqlite3.Connection, keys: Iterable[str], now: float) -> None:
    """These were asked for."""
    db.executemany("UPDATE kept SET used = ? WHERE key = ?", [(now, key) for key in keys])
