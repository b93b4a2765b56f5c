"""`outlast.guard`: the engine's policies around any callable, with or without an event loop.

    search = guard(Deadline(10), Retry(attempts=3), Limit(rpm=60), Slots(8), Breaker(failures=5), Timeout(2))

    @search                              # a function, coroutine function, generator, context manager, method …
    async def find(words: str) -> list[str]: …

    await search.call(client.get, url)   # or once
    print(search.explain())

Policies stand outermost first; an order that cannot work is refused with the reason. One guard is one dependency: what
it is applied to shares its circuit, its limits and its slots.
"""

import sys
from types import ModuleType

from outlast.guard.errors import Attempt, Exhausted, OutOfTime, Rejected, Unsatisfying
from outlast.guard.guarding import Guard, guard
from outlast.guard.order import OrderError
from outlast.guard.policies import Breaker, Deadline, Fallback, Limit, Policy, Retry, Slots, Timeout

__all__ = [
    "Attempt",
    "Breaker",
    "Deadline",
    "Exhausted",
    "Fallback",
    "Guard",
    "Limit",
    "OrderError",
    "OutOfTime",
    "Policy",
    "Rejected",
    "Retry",
    "Slots",
    "Timeout",
    "Unsatisfying",
    "guard",
]


class _Face(ModuleType):
    """`outlast.guard` is a function to those who use it and a package to those who import from it: it is both."""

    __call__ = staticmethod(guard)


sys.modules[__name__].__class__ = _Face
