"""For how long an answer that was kept may be given again, and what a caller wants of that.

    stored ── fresh ──┬── stale while revalidate ──▶   given at once, and renewed behind the caller's back
                      └── stale if error ──────────▶   given only when nobody answers

Source: RFC 9111 (caching), RFC 5861 (stale controls). Both stale windows begin where freshness ends.
"""

from __future__ import annotations

from math import inf
from typing import Literal

from msgspec import Struct

Use = Literal["fresh", "renew", "spare", "none"]
"""What an answer that was kept is good for: to be given as it is, to be given while it is renewed, to be given when
nobody answers, or nothing."""

LONGEST = 400
"""Characters of a Cache-Control that are read."""


class Windows(Struct, frozen=True, forbid_unknown_fields=True):
    """For how many seconds an answer that was kept is given again. A window of 0 is closed."""

    fresh: float = 60.0
    """As if it had just been made."""
    stale_while_revalidate: float = 0.0
    """After that: at once still, while it is renewed."""
    stale_if_error: float = 0.0
    """After `fresh`, too: when nobody answers."""

    @property
    def spare(self) -> float:
        """Seconds for which it may be given when nobody answers."""
        return self.fresh + self.stale_if_error

    @property
    def life(self) -> float:
        """Seconds for which it is of any use."""
        return self.fresh + max(self.stale_while_revalidate, self.stale_if_error)


class Wishes(Struct, frozen=True):
    """What a caller wants of answers that were kept: the words of its `Cache-Control`.

    Attributes:
        no_cache: none of them, but the new one may be kept.
        no_store: none of them, and nothing is to be kept.
        only_if_cached: one of them or nothing.
        max_age: none that is older than so many seconds.
    """

    no_cache: bool = False
    no_store: bool = False
    only_if_cached: bool = False
    max_age: float = inf


NO_WISHES = Wishes()


def wishes_of(said: str) -> Wishes:
    """The wishes in a `Cache-Control`. What we do not know, or cannot read, is passed over."""
    words = [word.strip().lower() for word in said[:LONGEST].split(",")]
    ages = [word.partition("=")[2].strip(' "') for word in words if word.startswith("max-age=")]
    return Wishes(
        no_cache="no-cache" in words,
        no_store="no-store" in words,
        only_if_cached="only-if-cached" in words,
        max_age=min((float(age) for age in ages if age.isascii() and age.isdigit()), default=inf),
    )


def use_of(age: float, windows: Windows, wishes: Wishes = NO_WISHES) -> Use:
    """What an answer of that age is good for."""
    if wishes.no_cache or wishes.no_store or age >= wishes.max_age:
        return "none"
    if age < windows.fresh:
        return "fresh"
    if age < windows.fresh + windows.stale_while_revalidate:
        return "renew"
    return "spare" if age < windows.spare else "none"
