"""How many calls at once, and how many may wait for how long."""

from __future__ import annotations

from msgspec import Struct

from outlast.flow.bounds import AboveZero, AtLeastOne, BelowOne


class SlotsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How many at once, and how many may wait for how long. Times in seconds."""

    enabled: bool = True
    slots: AtLeastOne = 64
    """Calls under way at once."""
    queue: int = 256
    """Calls that may wait."""
    wait: float = 2.0
    """None waits longer."""
    target: float = 0.5
    """A caller whose oldest call has waited longer is served newest first."""
    age: AboveZero = 0.4
    """Who has waited so long counts as one class better, twice as long as two, and so on."""


class AdaptiveConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How the slots of a target adapt to what its provider bears. Times in seconds."""

    enabled: bool = True
    least: AtLeastOne = 1
    """So many calls at once are always allowed."""
    cut: BelowOne = 0.8
    """What is left of the limit after a call was throttled, or the provider overloaded."""
    window: float = 1.0
    """It is cut once in this time at most, and goes beyond a limit that was too much once in it too."""
    remember: float = 30.0
    """For so long it stays below the limit that was too much; 0: it climbs there again at once."""


class BulkheadConfig(SlotsConfig, frozen=True, forbid_unknown_fields=True):
    """The slots of each target, the queue for them, and how they adapt. Times in seconds."""

    adaptive: AdaptiveConfig = AdaptiveConfig()
    """Fewer slots while the provider says that it has too much to do."""


GATEWAY = SlotsConfig(slots=1024, queue=1000, wait=10.0, target=2.0, age=2.0)
"""Admission's defaults."""
