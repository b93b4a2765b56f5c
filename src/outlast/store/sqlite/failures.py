"""What SQLite means when it fails, in our words, and what is to be done about it."""

from __future__ import annotations

import sqlite3

LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
UNSURE = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PROTOCOL})
"""The connection may be of no more use: it is opened anew."""

WORDS = {
    sqlite3.SQLITE_BUSY: "another process holds the file's lock",
    sqlite3.SQLITE_LOCKED: "another process holds the file's lock",
    sqlite3.SQLITE_FULL: "the disk is full: make room there",
    sqlite3.SQLITE_READONLY: "the file may only be read: give this user the right to write to it and to its folder",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: give this user the right to write to it and to its folder",
    sqlite3.SQLITE_PERM: "it cannot be opened: give this user the right to write to it and to its folder",
    sqlite3.SQLITE_IOERR: "the disk did not do what it was asked",
    sqlite3.SQLITE_CORRUPT: "the file is damaged",
    sqlite3.SQLITE_NOTADB: "the file is damaged, or no SQLite file",
    sqlite3.SQLITE_TOOBIG: "what was to be kept is too large for SQLite",
}


def code_of(error: Exception) -> int:
    """The first part of SQLite's code for it; -1 for what is none of SQLite's."""
    return getattr(error, "sqlite_errorcode", -1) & 0xFF if isinstance(error, sqlite3.Error) else -1


def words_of(error: Exception) -> str:
    """What it means. Never what was being written."""
    return WORDS.get(code_of(error)) or f"it did not do it ({type(error).__name__})"
