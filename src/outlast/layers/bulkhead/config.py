"""How many calls at once, and how many may wait for how long."""

from __future__ import annotations

from msgspec import Struct

from outlast.flow.bounds import AboveZero, AtLeastOne


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


GATEWAY = SlotsConfig(slots=1024, queue=1000, wait=10.0, target=2.0, age=2.0)
"""Admission's defaults."""
