"""The life of a connection, in words."""

from __future__ import annotations

from enum import IntEnum


class Stage(IntEnum):
    """Where a connection is in its life."""

    IDLE = 0
    ASKED = 1
    HEAD = 2
    BODY = 3
    DONE = 4
    LINGER = 5
    GONE = 6
