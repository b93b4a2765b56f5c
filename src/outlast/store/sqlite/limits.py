"""Limits: of each the moment at which it is full again, as long as that is to come."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from outlast.ports import Asked, Decision
from outlast.store.charging import Limit, charged, leased, limits_of, taken, tightened
from outlast.store.sqlite.moments import ends_of

PUT = """
    INSERT INTO limits (scope, name, at, ends) VALUES (?, ?, ?, ?)
    ON CONFLICT (scope, name) DO UPDATE SET at = excluded.at, ends = excluded.ends
"""


def take(db: sqlite3.Connection, asked: Sequence[Asked], max_wait: float, now: float) -> list[Decision]:
    """Charge all of it, or nothing."""
    decisions, after = taken(asked, _tats(db, asked, now), now, max_wait)
    _write(db, after, now)
    return decisions


def settle(db: sqlite3.Connection, asked: Sequence[Asked], now: float) -> None:
    """Charge it, whatever is left."""
    _write(db, charged(asked, _tats(db, asked, now), now), now)


def lease(db: sqlite3.Connection, asked: Asked, now: float) -> float:
    """Charge the share that is left."""
    share, after = leased(asked, _tats(db, [asked], now), now)
    _write(db, after, now)
    return share


def tighten(db: sqlite3.Connection, asked: Asked, now: float) -> None:
    """No more than each cost is left."""
    _write(db, tightened(asked, _tats(db, [asked], now), now), now)


def _tats(db: sqlite3.Connection, asked: Sequence[Asked], now: float) -> dict[Limit, float]:
    found = {}
    for limit in limits_of(asked):
        row = db.execute("SELECT at, ends FROM limits WHERE scope = ? AND name = ?", limit).fetchone()
        if row is not None:
            at, ends = row
            found[limit] = ends_of(at, ends, now)
    return found


def _write(db: sqlite3.Connection, after: Mapping[Limit, float], now: float) -> None:
    db.executemany(PUT, [(*limit, now, tat) for limit, tat in after.items()])
