"""Exponential backoff with jitter, as a decorator: a guard with `Retry`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Never

from outlast.guard.classify import Classify
from outlast.guard.guarding import Guard, guard
from outlast.guard.policies import Deadline, Matching, Policy, Retry
from outlast.guard.world import World
from outlast.ports import Sink
from outlast.recipes.unkept import refuse

_RETRY = Retry()

UNKEPT = {
    "jitter": "it cannot be turned off: clients that failed together would come back together. Leave it out",
    "exponential_base": "the longest possible wait doubles each time. Leave it out",
    "multiplier": "the first wait is at most base=, the next one twice that, up to cap=",
    "max_retries": "attempts= counts the first one too: use one more than that",
    "max_tries": "use attempts=",
    "retries": "attempts= counts the first one too: use one more than that",
    "base_delay": "use base=",
    "max_delay": "use cap=",
    "max_time": "use deadline=, which bounds the attempts as well",
    "exceptions": "use on=, or leave it out: failures are tried again then, and mistakes of the program are not",
    "min_wait": "a least wait for all would bring clients together again; a hint in the error is a floor of its own",
    "on_retry": "give sinks=: they hear of RetryScheduled",
}
"""Why not, and what to use."""


def backoff(
    attempts: int = _RETRY.attempts,
    base: float = _RETRY.base,
    cap: float = _RETRY.cap,
    *,
    on: Matching | None = None,
    deadline: float | None = None,
    reraise: bool = False,
    budget: bool = True,
    failed: Callable[[Any], bool] | None = None,
    classify: Classify | None = None,
    name: str | None = None,
    sinks: Iterable[Sink] = (),
    io: World | None = None,
    **_unkept: Never,
) -> Guard:
    """A decorator that tries again what failed: the wait is anything up to `min(cap, base · 2^(k-1))` seconds.

        @outlast.backoff(attempts=4, base=0.5, cap=20)
        async def ask(prompt: str) -> str: …

    Mistakes of the program (TypeError, ValueError, HTTP 400 …) go through as they are. `retry-after` on an error, or in
    the headers of its response, is a floor. There is no wait after the last attempt, and none beyond the deadline.

    Args:
        attempts: how many in all.
        base: the first wait is at most so many seconds.
        cap: no wait without a hint is longer.
        on: which exceptions, if not those that count as failures: a type, a tuple of types, or a function.
        deadline: seconds for the whole, waits included.
        reraise: raise the last exception itself instead of `Exhausted`.
        budget: retries are at most a fifth of the calls, and a few more where there are few.
        failed: takes a result and says whether it is a failure all the same.
        classify: takes an exception and says "failure", "throttled", "neutral", or None: as usual.
        name: what errors and events call it.
        sinks: who hears of every event.
        io: the clock, the dice and the places to wait, where a test brings its own.

    Raises:
        TypeError, ValueError: a parameter is out of bounds, or promises what is not kept here.
    """
    refuse("backoff", _unkept, UNKEPT)
    retry = Retry(attempts=attempts, on=on, base=base, cap=cap, budget=budget, reraise=reraise)
    policies: list[Policy] = [] if deadline is None else [Deadline(deadline)]
    return guard(*policies, retry, name=name or "backoff", classify=classify, failed=failed, sinks=sinks, io=io)
