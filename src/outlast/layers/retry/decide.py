"""Ask the same target again, or move on: the decision, as a function of the failure and of how far a call has got."""

from __future__ import annotations

from msgspec import Struct

from outlast.layers.retry.config import RetryConfig
from outlast.model.errors import Failure

JITTER_MAX = 1.0


def backoff(base: float, cap: float, attempt: int, dice: float) -> float:
    """Seconds to wait after that many failed attempts: full jitter, the cap applied before it.

    Args:
        base: seconds of the first backoff.
        cap: the most that it grows to.
        attempt: failed attempts so far, from 1.
        dice: a number in [0, 1].
    """
    return dice * min(cap, base * 2.0 ** min(attempt - 1, 1000))


def hinted(hint: float, dice: float) -> float:
    """Seconds to wait at a provider's hint: never less, and up to a tenth (at most a second) more."""
    return hint + dice * min(JITTER_MAX, 0.1 * hint)


class Wait(Struct, frozen=True):
    """Ask the same target again after `delay` seconds."""

    delay: float


class Move(Struct, frozen=True):
    """Do not ask this target again; `reason` says why, None when its class says so anyway."""

    reason: str | None = None
    ready: float | None = None
    """Monotonic time from which this target would be worth asking again, where that is known."""


class SoFar(Struct):
    """How far a call has got: what a decision depends on. Times in seconds."""

    here: int
    """Attempts made on this target."""
    made: int
    """Attempts made for the routed call."""
    total: int
    """Upstream calls made for the request."""
    healthy: int
    """Untried healthy targets."""
    patience: float
    """A wait longer than this is worse than moving on."""
    left: float
    """Time before the deadline."""
    limit: float
    """The limit of one attempt."""
    waited: bool = False
    """Was the target asked again before, after a failure that allows that once?"""
    reconnected: bool = False
    """Was it asked again at once before?"""


def decide(config: RetryConfig, failure: Failure, so_far: SoFar, now: float, dice: float) -> Wait | Move:
    """Ask the same target again, or move on."""
    if failure.again == "never":
        return Move()
    if failure.again in {"once", "last"} and so_far.waited:
        return Move()
    if _asked(failure, now) > config.hint_max:
        return Move("the provider asks for a longer wait than is worth it")
    delay = delay_of(config, failure, so_far, now, dice)
    if failure.again == "last" and (so_far.healthy or delay + so_far.limit > so_far.left):
        return Move()
    return _refused(config, so_far, delay, now + delay) or Wait(delay)


def _asked(failure: Failure, now: float) -> float:
    """Seconds that the provider wants to be left alone, by this failure's hint or by one that it met."""
    paused = failure.until - now - JITTER_MAX if failure.until is not None else 0.0
    return max(failure.retry_after or 0.0, paused)


def _refused(config: RetryConfig, so_far: SoFar, delay: float, ready: float) -> Move | None:
    """Why a retry that the failure's class allows is not made, or None."""
    if so_far.made >= config.total or so_far.total >= config.per_request:
        return Move("no attempts left")
    if so_far.here >= (config.per_target if so_far.healthy else config.on_last):
        return Move("no attempts left on this target")
    if config.total - so_far.made <= so_far.healthy:
        return Move("the attempts left are for the other targets")
    if delay > so_far.patience:
        return Move("another target is ready sooner", ready)
    if delay + config.useful >= so_far.left:
        return Move("no time left before the deadline")
    return None


def delay_of(config: RetryConfig, failure: Failure, so_far: SoFar, now: float, dice: float) -> float:
    """Seconds before the same target may be asked again."""
    if failure.again == "pause" and failure.until is not None:
        return max(0.0, failure.until - now)  # the pause that it has brought is the backoff
    if failure.again == "at_once" and not so_far.reconnected and failure.retry_after is None:
        return 0.0
    base = config.base_overloaded if failure.overloaded or failure.again == "pause" else config.base
    delay = backoff(base, config.cap, so_far.here, dice)
    hint = failure.retry_after
    return delay if hint is None else max(delay, hinted(hint, dice))
