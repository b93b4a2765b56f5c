"""The familiar recipes for calls that must not fail, under the names that articles give them, made of guards.

    backoff            tries again, ever later, never in step with others
    CircuitBreaker     leaves alone what keeps failing, and tests it
    RateLimiter        so much for each user
    timeouts           so long for the whole, and for each attempt
    first_of, tiers    one provider after the other, the strong model before the weak one
    degrade            less than was asked for, and says so

There is no second implementation behind them: each is an arrangement of the policies of `outlast.guard`. A parameter
that articles have and that cannot be honoured is refused, with the reason and what to use.
"""

from outlast.recipes.answer import Answer, Source
from outlast.recipes.backoff import backoff
from outlast.recipes.circuit_breaker import CircuitBreaker
from outlast.recipes.degrade import degrade
from outlast.recipes.first_of import first_of, tiers
from outlast.recipes.ladder import Ways
from outlast.recipes.rate_limiter import RateLimiter
from outlast.recipes.recent import Recent
from outlast.recipes.timeouts import timeouts

__all__ = [
    "Answer",
    "CircuitBreaker",
    "RateLimiter",
    "Recent",
    "Source",
    "Ways",
    "backoff",
    "degrade",
    "first_of",
    "tiers",
    "timeouts",
]
