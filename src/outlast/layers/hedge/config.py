"""When a second target is asked beside the first, and how often at most."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from outlast.flow.bounds import AboveZero, AtLeastOne, BelowOne, Share


class HedgeConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """When a second target is asked beside the first, and how often at most. Times in seconds."""

    enabled: bool = False
    """Hedge every route that does not say otherwise. Whatever is hedged may be billed twice."""
    quantile: BelowOne = 0.95
    """A second target is asked once the first content takes longer than this share of the target's last ones."""
    least_samples: AtLeastOne = 20
    """So many of the last five minutes must be known of a target, streams and whole answers apart."""
    extra: Share = 0.05
    """At most this share of a route's calls is hedged."""
    window: AboveZero = 300.0
    """The span over which that share is counted."""
    full: Share = 0.8
    """A target that has more than this share of its slots taken is not asked."""
    lowest: Literal["critical", "high", "normal", "low", "batch"] = "normal"
    """Calls of a lower class are never hedged."""
