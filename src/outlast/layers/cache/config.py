"""What is kept of answers, for how long, and for whom."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from outlast.flow.bounds import AboveZero, AtLeastOne
from outlast.model.freshness import Windows

Share = Literal["caller", "key", "everybody"]


class CacheConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Answers that are kept, and given again to the same request. Times in seconds.

    A route says otherwise with a table of its own: `cache = {fresh = 60, stale_if_error = 600}`.
    """

    enabled: bool = False
    """Keep the answers of every route that does not say otherwise."""
    fresh: float = 60.0
    """For so long an answer is given as if it had just been made."""
    stale_while_revalidate: float = 0.0
    """After that: for so long it is given at once still, and renewed behind the caller's back."""
    stale_if_error: float = 0.0
    """After `fresh`, too: for so long it is given when nobody answers."""
    share: Share = "caller"
    """Who gets the same answers: each caller its own (key and user), all users of one key, or everybody."""
    largest: AtLeastOne = 1024 * 1024
    """Bytes of an answer; a larger one is not kept."""
    memory: AtLeastOne = 64 * 1024 * 1024
    """Bytes of all that this process keeps; answers that were not used for longest are forgotten first."""
    disk: AtLeastOne = 1024 * 1024 * 1024
    """The same of what is kept in an SQLite file."""
    patience: AboveZero = 0.05
    """The store is waited for no longer than this; then the request goes on without it."""
    renewal: AboveZero = 180.0
    """What is asked for anew behind the caller's back has so long."""

    @property
    def windows(self) -> Windows | None:
        """Of a route that does not say otherwise."""
        if not self.enabled:
            return None
        return Windows(self.fresh, self.stale_while_revalidate, self.stale_if_error)
