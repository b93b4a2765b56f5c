"""An answer that says what it is."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from msgspec import Struct

from outlast.guard.errors import Attempt

T = TypeVar("T")

Source = Literal["primary", "fallback", "stale", "weaker", "simplified", "static"]
"""Where an answer comes from."""

DEGRADED: frozenset[Source] = frozenset({"stale", "weaker", "simplified", "static"})
"""Sources that give less than was asked for. Another provider of the same is none of them."""


class Answer(Struct, Generic[T], frozen=True, eq=False):
    """An answer that says what it is. Never true or false by itself: an empty value is an answer too."""

    value: T
    """What was asked for, or what there is instead."""
    source: Source = "primary"
    """Where it comes from."""
    by: str = ""
    """Which function gave it: its name, or the one that it was given."""
    failures: tuple[Attempt, ...] = ()
    """Why those before it did not, in order; `kind` "rejected" means that it was not even asked."""

    @property
    def degraded(self) -> bool:
        """Is it less than what was asked for?"""
        return self.source in DEGRADED

    def __bool__(self) -> bool:
        raise TypeError("an Answer is neither true nor false: ask for its value, its source, or whether it is degraded")

    def __repr__(self) -> str:
        """Says where it comes from, and never what it is."""
        return f"<Answer {self.source} by {self.by}, {len(self.failures)} failed before>"
