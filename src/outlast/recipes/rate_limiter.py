"""A rate limiter for each user: a guard with a `Limit` that has keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from typing import Any, Never, ParamSpec, TypeVar

from outlast.guard.guarding import Guard, guard
from outlast.guard.policies import KeyOf, Limit
from outlast.guard.world import World
from outlast.model.errors import Rejected
from outlast.ports import Sink
from outlast.recipes.unkept import refuse

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

MINUTE = 60.0
SECONDS_AT_ONCE = 10.0
"""So many seconds' worth may come at once, unless `burst` says otherwise."""

UNKEPT = {
    "capacity": "use burst=, which is how many may come at once",
    "max_tokens": "use burst=, which is how many may come at once",
    "refill_rate": "use rate= and per=",
    "requests_per_minute": "use rate=, which is per minute unless per= says otherwise",
    "rpm": "use rate=, which is per minute unless per= says otherwise",
    "block": "use max_wait=, the seconds that a call may wait for its turn",
    "redis": "its state is that of this process",
    "storage": "its state is that of this process",
    "cost": "use guard(Limit(tpm=…, tokens=…)), which counts what a call uses",
}
"""Why not, and what to use."""


class RateLimiter:
    """So many calls in so much time, for each user. A token bucket: a refused call costs nothing, nobody polls.

        limiter = outlast.RateLimiter(rate=10, per=60, key=lambda user, *_: user)

        @limiter                                    # Rejected, with retry_after, beyond that
        async def ask(user: str, prompt: str) -> str: …

        if not limiter.allow(user): …               # or by hand

    Over any time no more calls go through than `burst` and the rate allow. Users are forgotten when their bucket is
    full again.

    Args:
        rate: so many calls …
        per: … in so many seconds.
        burst: so many may come at once after a rest. By default ten seconds' worth and at least one: a whole minute's
            worth at once would let twice the rate through in the first minute.
        key: whose limit a call falls under, as a function of its arguments; without it there is one for all.
        max_wait: a call that comes too early waits for its turn for so many seconds at most; 0: it is refused.
        name: what errors and events call it.
        sinks: who hears of every event.
        io: the clock, the dice and the places to wait, where a test brings its own.

    Attributes:
        guard: what it is made of.

    Raises:
        Rejected: by calls; `retry_after` says how long, and status is 429 where the limit is a user's own.
        TypeError, ValueError: a parameter is out of bounds, or promises what is not kept here.
    """

    __slots__ = ("_waits", "guard")

    def __init__(
        self,
        rate: float,
        per: float = MINUTE,
        *,
        burst: float | None = None,
        key: KeyOf | None = None,
        max_wait: float = 0.0,
        name: str | None = None,
        sinks: Iterable[Sink] = (),
        io: World | None = None,
        **_unkept: Never,
    ) -> None:
        refuse("RateLimiter", _unkept, UNKEPT)
        for parameter, value in (("rate", rate), ("per", per)):
            if not 0 < value < inf:
                raise ValueError(f"RateLimiter({parameter}={value!r}): use a number above 0")
        if burst is not None and not 1 <= burst < inf:
            raise ValueError(f"RateLimiter(burst={burst!r}): use a number of calls, 1 or more")
        seconds = SECONDS_AT_ONCE if burst is None else burst * per / rate
        limit = Limit(rpm=rate * MINUTE / per, burst=seconds, key=key, max_wait=max_wait)
        self._waits = max_wait > 0
        self.guard: Guard = guard(limit, name=name or "rate", sinks=sinks, io=io)

    def __repr__(self) -> str:
        return f"RateLimiter({self.guard.name!r})"

    def __call__(self, function: F) -> F:
        """The same callable behind the limiter: what `outlast.guard` takes."""
        return self.guard(function)

    def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function gives; to be awaited where it is a coroutine function."""
        return self.guard.call(function, *args, **kwargs)

    def allow(self, *args: object, **kwargs: object) -> bool:
        """May this call go through now? If so, it is charged. Takes what `key` takes; never waits."""
        try:
            self.check(*args, **kwargs)
        except Rejected:
            return False
        return True

    def check(self, *args: object, **kwargs: object) -> None:
        """Charge this call. Takes what `key` takes; never waits.

        Raises:
            Rejected: it is over the limit; `retry_after` says for how long.
            RuntimeError: the limiter is one that waits, which this would have to do on the event loop.
        """
        if self._waits:
            raise RuntimeError(
                f"{self.guard.name} waits (max_wait=): use it as a decorator or with call, or make one without max_wait"
            )
        self.guard.call(_nothing, *args, **kwargs)


def _nothing(*args: object, **kwargs: object) -> None:
    """What is called by whom only leave is wanted."""
