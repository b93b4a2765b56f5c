"""The tables, by version: a file of an older one is brought up to date, one of a newer one is left alone.

    kept      bytes
    logs      each with its number of entries; they are in `entries`
    sums      each with its fields as JSON
    limits    each with the moment at which it is full again
    state     how many bytes were put in all, and when anything was written last

Every row but an entry says when it was written (`at`): a moment still to come means that the clock was set back.
"""

from __future__ import annotations

import sqlite3

from outlast.ports import StoreFailed

FIRST = (
    """
    CREATE TABLE kept (
        key TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL, at REAL NOT NULL, ends REAL NOT NULL,
        used REAL NOT NULL, promised INTEGER NOT NULL, size INTEGER NOT NULL
    )
    """,
    "CREATE INDEX kept_ends ON kept (ends)",
    "CREATE INDEX kept_used ON kept (used) WHERE NOT promised",
    "CREATE TABLE state (bytes INTEGER NOT NULL, latest REAL NOT NULL)",
    "INSERT INTO state VALUES (0, 0)",
    """
    CREATE TRIGGER kept_inserted AFTER INSERT ON kept WHEN NOT NEW.promised
    BEGIN UPDATE state SET bytes = bytes + NEW.size; END
    """,
    """
    CREATE TRIGGER kept_updated AFTER UPDATE OF size, promised ON kept
    BEGIN UPDATE state SET bytes = bytes
        - CASE WHEN OLD.promised THEN 0 ELSE OLD.size END + CASE WHEN NEW.promised THEN 0 ELSE NEW.size END;
    END
    """,
    """
    CREATE TRIGGER kept_deleted AFTER DELETE ON kept WHEN NOT OLD.promised
    BEGIN UPDATE state SET bytes = bytes - OLD.size; END
    """,
    "CREATE TABLE logs (key TEXT NOT NULL PRIMARY KEY, held INTEGER NOT NULL, at REAL NOT NULL, ends REAL NOT NULL)",
    "CREATE INDEX logs_ends ON logs (ends)",
    """
    CREATE TABLE entries (
        key TEXT NOT NULL, number INTEGER NOT NULL, value BLOB NOT NULL, PRIMARY KEY (key, number)
    ) WITHOUT ROWID
    """,
    "CREATE TRIGGER log_deleted AFTER DELETE ON logs BEGIN DELETE FROM entries WHERE key = OLD.key; END",
    "CREATE TABLE sums (key TEXT NOT NULL PRIMARY KEY, sums TEXT NOT NULL, at REAL NOT NULL, ends REAL NOT NULL)",
    "CREATE INDEX sums_ends ON sums (ends)",
    """
    CREATE TABLE limits (
        scope TEXT NOT NULL, name TEXT NOT NULL, at REAL NOT NULL, ends REAL NOT NULL, PRIMARY KEY (scope, name)
    )
    """,
    "CREATE INDEX limits_ends ON limits (ends)",
)

MIGRATIONS = (FIRST,)
"""What brings a file from one version to the next; a file of version n has had the first n of them."""

LATEST = len(MIGRATIONS)
TABLES = ("kept", "logs", "sums", "limits")
"""Those whose rows end."""


def version_of(connection: sqlite3.Connection) -> int:
    """Of the tables in that file; 0 when there are none."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables, or bring them up to date. Raises `StoreFailed` when they are newer than what we know."""
    if version_of(connection) == LATEST:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _migrate(connection)
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _migrate(connection: sqlite3.Connection) -> None:
    version = version_of(connection)  # another process may have been quicker
    if version > LATEST:
        raise StoreFailed(
            f"it was made by a newer outlast (its version is {version}, this one knows {LATEST}): "
            "update outlast, or name another file"
        )
    for step in MIGRATIONS[version:]:
        for statement in step:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {LATEST}")
