"""How a call waits for a preferred target, and how targets are ranked."""

from __future__ import annotations

from msgspec import Struct


class RoutingConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How long a call waits for a preferred target, and how targets are ranked. Times in seconds."""

    enabled: bool = True
    """Try the next target when one fails; without it only the first of a route is ever asked."""
    patience_same: float = 0.5
    """A pause as short as this is waited for although the next target serves the same model."""
    patience_other: float = 2.5
    """The same when the next target serves another model."""
    max_wait: float = 60.0
    """Without another target, a pause is waited for at most so long."""
    explore: float = 0.05
    """With order "latency": the share of calls that goes to another target than the fastest, to learn about it."""
    rank_every: float = 1.0
    """With order "latency": how often the order is worked out anew."""
    least_samples: int = 20
    """`max_latency` judges a target by at least so many samples of the last five minutes."""
    expected_output: int = 1000
    """With `max_cost`: output tokens of a request that sets no limit."""
