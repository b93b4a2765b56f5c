"""When a circuit opens, for how long, and how it closes again."""

from __future__ import annotations

from msgspec import Struct

from outlast.flow.bounds import AboveZero, AtLeastOne, BelowOne


class BreakerConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """When a circuit opens, for how long, and how it closes again. Times in seconds."""

    enabled: bool = True
    failures: AtLeastOne = 5
    """Failures in a row that open it."""
    window: AboveZero = 60.0
    """How far back the rates look."""
    buckets: AtLeastOne = 10
    """Into how many parts the window is divided; it moves on by one part at a time."""
    min_calls: AtLeastOne = 10
    """The rates say nothing before so many calls are in the window."""
    failure_rate: AboveZero = 0.5
    """Share of failures that opens it; above 1: never."""
    slow_rate: AboveZero = 0.8
    """Share of slow calls that opens it; above 1: never."""
    slow_after: float | None = None
    """First content of a stream later than this is slow; None: only what ran into a timer is."""
    open: AboveZero = 10.0
    """How long it stays open the first time; doubles with each further opening."""
    open_max: AboveZero = 20.0
    """It is never open for longer by itself."""
    hint_max: float = 60.0
    """The most that a provider's hint can lengthen one opening to."""
    jitter: BelowOne = 0.1
    """The time open is spread by this share to both sides."""
    probes: AtLeastOne = 2
    """Probes in flight at once while half-open."""
    successes: AtLeastOne = 2
    """Successful probes that close it."""
    lease: float = 5.0
    """Seconds beyond an attempt's limit after which a silent probe is given up."""
    ramp: float = 5.0
    """After closing, the calls allowed in flight double in this time; 0 turns the slow start off."""
