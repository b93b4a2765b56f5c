"""The policies that a guard is made of: immutable values with the layers' defaults. Times in seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field

from outlast.flow.bounds import checked
from outlast.layers.breaker.config import BreakerConfig
from outlast.layers.bulkhead import SlotsConfig
from outlast.layers.limits.config import LimitConfig
from outlast.layers.retry.config import RetryConfig

Matching = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]
"""Which exceptions: a type, several, or a function that says yes or no."""

KeyOf = Callable[..., str]
"""Takes what the guarded function takes, and names whose machines the call falls under."""

NOTHING: Any = msgspec.UNSET

_RETRY = RetryConfig()
_SLOTS = SlotsConfig()
C = TypeVar("C", bound=Struct)


def _above_zero(policy: object, name: str, value: float | None) -> None:
    if value is not None and not value > 0:
        raise ValueError(f"{type(policy).__name__}({name}={value!r}): use a number of seconds above 0")


def _matching(policy: object, on: Matching | None) -> None:
    types = on if isinstance(on, tuple) else (on,) if isinstance(on, type) else ()
    if on is not None and not types and not callable(on):
        raise TypeError(
            f"{type(policy).__name__}(on=…): use an exception type, a tuple of them, or a function, not {on!r}"
        )
    for kind in types:
        if not issubclass(kind, Exception):
            raise TypeError(
                f"{type(policy).__name__}(on=…): {kind!r} is no Exception; cancellations and interrupts are never "
                "failures"
            )


class Deadline(Struct, frozen=True):
    """The whole call, its waits and retries included, has so many seconds. For a stream: until its first item."""

    seconds: float

    def __post_init__(self) -> None:
        _above_zero(self, "seconds", self.seconds)


class Retry(Struct, frozen=True):
    """Try again what failed: full jitter, within a budget, never without the time for it.

    Raises:
        ValueError, TypeError: a parameter is out of bounds.
    """

    attempts: int = _RETRY.on_last
    """Attempts in all."""
    on: Matching | None = None
    """What is tried again; None: what the guard's classification calls a failure or throttled."""
    base: float = _RETRY.base
    """The first backoff is at most so long; it doubles."""
    cap: float = _RETRY.cap
    """No backoff without a hint is longer; applied before the jitter."""
    hint_max: float = _RETRY.hint_max
    """A dependency that asks for a longer wait than this is not waited for."""
    budget: bool = True
    """Retries are at most a fifth of the calls, and a few more where there are few calls."""
    reraise: bool = False
    """Raise the last exception itself, with the attempts in its notes, instead of `Exhausted`."""

    def __post_init__(self) -> None:
        names = {"on_last": "attempts"}
        for name in ("base", "cap"):
            if getattr(self, name) < 0:
                raise ValueError(f"Retry({name}={getattr(self, name)!r}): use a number of seconds, 0 or more")
        if self.attempts < 1:
            raise ValueError(f"Retry(attempts={self.attempts!r}): use a whole number, 1 or more")
        checked(type(self).__name__, self.config, names)
        _matching(self, self.on)

    @property
    def config(self) -> RetryConfig:
        """As the layer's machines take it."""
        many = self.attempts
        return RetryConfig(
            base=self.base,
            base_overloaded=max(self.base, min(_RETRY.base_overloaded, 4 * self.base)),
            cap=self.cap,
            per_target=many,
            on_last=many,
            total=many,
            per_request=many,
            hint_max=self.hint_max,
        )


class Limit(Struct, frozen=True):
    """No more than so much in so much time: a call waits for its place, first come first served, or is refused.

    Outside of `Retry` it charges each call once, inside each attempt. Several limits next to each other are one
    decision: all are charged, or none.
    """

    rpm: float | None = None
    """Calls a minute."""
    tpm: float | None = None
    """Tokens a minute, or whatever `tokens` counts."""
    tokens: Callable[..., float] | None = None
    """Takes what the function takes, and says how many tokens the call will use."""
    burst: float = 10.0
    """So many seconds' worth may come at once."""
    max_wait: float = 60.0
    """A call waits for its place at most so long, and never beyond its deadline; 0: it is refused at once."""
    key: KeyOf | None = None
    """Whose limit it is, as a function of the arguments: each key has its own."""

    def __post_init__(self) -> None:
        if self.rpm is None and self.tpm is None:
            raise ValueError("Limit() limits nothing: give it rpm=, or tpm= and tokens=")
        if (self.tpm is None) != (self.tokens is None):
            raise ValueError("Limit(tpm=…) needs tokens=, which says how many tokens a call will use, and only then")
        checked(type(self).__name__, self.config)

    @property
    def config(self) -> LimitConfig:
        """As the layer's machines take it."""
        return LimitConfig(rpm=self.rpm, tpm=self.tpm)


class Slots(Struct, frozen=True):
    """So many at once; some more may wait for a while."""

    slots: int = _SLOTS.slots
    """Calls under way at once. A stream holds its slot until it is closed."""
    queue: int = _SLOTS.queue
    """Calls that may wait."""
    wait: float = _SLOTS.wait
    """None waits longer."""
    key: KeyOf | None = None
    """Whose call it is, as a function of the arguments: callers take turns in the queue."""

    def __post_init__(self) -> None:
        checked(type(self).__name__, self.config)
        if self.queue < 0 or self.wait < 0:
            raise ValueError("Slots(queue=…, wait=…): use numbers that are 0 or more")

    @property
    def config(self) -> SlotsConfig:
        """As the layer's machine takes it."""
        return SlotsConfig(slots=self.slots, queue=self.queue, wait=self.wait)


class Breaker(BreakerConfig, frozen=True, kw_only=True):
    """Stop calling what keeps failing, then let a few probes test it. Takes the fields of `BreakerConfig` by name."""

    def __post_init__(self) -> None:
        if self.enabled is not True:
            raise TypeError("Breaker takes its parameters by name, as in Breaker(failures=5); leave it out for none")
        checked(type(self).__name__, self.config)

    @property
    def config(self) -> BreakerConfig:
        """As the layer's machine takes it."""
        fields = {name: getattr(self, name) for name in BreakerConfig.__struct_fields__}
        return BreakerConfig(**fields)


class Timeout(Struct, frozen=True):
    """One attempt has so many seconds; of a stream, the first item, and each further one.

    A coroutine is cancelled. A plain function cannot be interrupted: it can ask `outlast.time_left()`, is not tried
    again once the deadline has passed, and counts as slow if it came late.
    """

    seconds: float
    stall: float | None = None
    """Each further item of a stream; None: as long as the first."""
    in_thread: bool = False
    """Run a plain function in a thread of its own, and leave it behind when it takes longer. It goes on there."""

    def __post_init__(self) -> None:
        _above_zero(self, "seconds", self.seconds)
        _above_zero(self, "stall", self.stall)


class Fallback(Struct, frozen=True):
    """What is given instead, when the call was refused or failed for a reason that is not its caller's fault."""

    value: Any = NOTHING
    """Given as it is."""
    call: Callable[..., Any] | None = field(default=None)
    """Called with the same arguments; may be a coroutine function where the guarded one is."""
    on: Matching | None = None
    """For which exceptions; None: `Rejected`, `Exhausted`, and what the classification calls failure or throttled."""

    def __post_init__(self) -> None:
        if (self.value is NOTHING) == (self.call is None):
            raise TypeError("Fallback takes a value or call=, one of both")
        _matching(self, self.on)


Policy = Deadline | Retry | Limit | Slots | Breaker | Timeout | Fallback
"""What a guard can be made of."""

__all__ = [
    "NOTHING",
    "Breaker",
    "Deadline",
    "Fallback",
    "KeyOf",
    "Limit",
    "Matching",
    "Policy",
    "Retry",
    "Slots",
    "Timeout",
]
