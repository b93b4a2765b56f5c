"""How often and how patiently one target is asked again."""

from __future__ import annotations

from msgspec import Struct

from outlast.flow.bounds import AboveZero


class RetryConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How often and how patiently one target is asked again. Times in seconds."""

    enabled: bool = True
    base: float = 0.25
    """First backoff after a transient failure."""
    base_overloaded: float = 1.0
    """First backoff after the provider said that it is overloaded."""
    cap: float = 20.0
    """No backoff without a hint is longer; applied before the jitter."""
    per_target: int = 2
    """Attempts on a target while another is left."""
    on_last: int = 3
    """Attempts on the last target."""
    total: int = 6
    """Attempts in all for one routed call."""
    per_request: int = 12
    """Upstream calls in all for one request, re-prompts and resumptions included."""
    hint_max: float = 60.0
    """A longer hint is not waited for."""
    useful: float = 0.05
    """An attempt with less time than this before the deadline is not started."""
    deposit: float = 0.2
    """What a request pays into its target's budget."""
    deposit_ttl: AboveZero = 60.0
    """How long a deposit is good."""
    cost: AboveZero = 1.0
    """What a retry draws."""
    cost_throttled: AboveZero = 0.36
    """What a retry after a throttle draws."""
    floor_at_once: int = 3
    """Retries under way at a time that need no deposits."""
    floor: int = 10
    """Retries that need no deposits, in `floor_seconds`."""
    floor_seconds: AboveZero = 10.0
