"""Whether the same requests share one call."""

from __future__ import annotations

from msgspec import Struct


class CoalesceConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the same requests of one caller, under way at once, share one call."""

    enabled: bool = False
    """On every route that does not say otherwise. Who asks the same at the same time gets the same answer."""
