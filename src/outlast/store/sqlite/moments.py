"""Moments by the wall clock, which all processes of a machine share, and which may be set back.

What was written at a moment that is still to come was written before the clock was set back; nobody knows how long ago.
Its time begins anew then: it lives once more as long at most, and never for ever.
"""

from __future__ import annotations


def left_of(at: float, ends: float, now: float) -> float:
    """Seconds that something has left which was written at `at` and ends at `ends`."""
    return ends - max(at, now)


def ends_of(at: float, ends: float, now: float) -> float:
    """When it ends by the clock as it is now."""
    return now + left_of(at, ends, now)


LIVES = "(ends > :now OR (at > :now AND ends > at))"
"""The same in SQL: is something left?"""
