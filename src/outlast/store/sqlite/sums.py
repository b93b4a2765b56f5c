"""Sums, several under one key."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import msgspec

from outlast.store.sqlite.moments import left_of

PUT = """
    INSERT INTO sums (key, sums, at, ends) VALUES (?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET sums = excluded.sums, at = excluded.at, ends = excluded.ends
"""
_SUMS = msgspec.json.Decoder(dict[str, int])


def add(db: sqlite3.Connection, key: str, amounts: Mapping[str, int], seconds: float, now: float) -> dict[str, int]:
    """Add to them; all of them, as they are then."""
    sums = _sums(db, key, now)
    for field, amount in amounts.items():
        sums[field] = sums.get(field, 0) + amount
    if seconds > 0:
        db.execute(PUT, (key, msgspec.json.encode(sums).decode(), now, now + seconds))
    else:
        db.execute("DELETE FROM sums WHERE key = ?", (key,))
    return sums


def _sums(db: sqlite3.Connection, key: str, now: float) -> dict[str, int]:
    row = db.execute("SELECT sums, at, ends FROM sums WHERE key = ?", (key,)).fetchone()
    if row is None:
        return {}
    sums, at, ends = row
    return _SUMS.decode(sums) if left_of(at, ends, now) > 0 else {}
