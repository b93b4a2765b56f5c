"""What may be used, by whom, and how limits are kept."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from outlast.flow.bounds import AboveZero, AtLeastOne

WithoutStore = Literal["local", "open", "closed"]
"""What a limit does while the store that several processes share is out of reach."""


class LimitConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What one caller, user, provider or target may use; None: as much as it likes."""

    rpm: AboveZero | None = None
    """Requests a minute."""
    tpm: AboveZero | None = None
    """Tokens a minute, prompt and answer together."""
    concurrent: AtLeastOne | None = None
    """Calls at once."""
    usd_per_day: AboveZero | None = None
    """US dollars a day."""
    without_store: WithoutStore = "local"
    """While a shared store is out of reach: each process grants its share, or everything, or nothing."""


class LimitsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How limits are kept, whatever they are. Times in seconds."""

    enabled: bool = True
    burst: float = 10.0
    """A limit's burst is what it allows in so many seconds (money: in its whole period)."""
    max_wait: float = 60.0
    """Without another target, a call waits for a provider's quota at most so long."""
    expected_output: int = 1000
    """Output tokens that a request is charged for before anything is known of its model."""
    samples: int = 20
    """From so many answers on, the live p95 of the model's output is charged instead."""
    processes: AtLeastOne = 1
    """So many processes share a store's limits, until the store has told how many they are."""
    leases: bool = False
    """Take a quarter of a second's worth from a shared store at once: fewer round trips, a little less exact."""
