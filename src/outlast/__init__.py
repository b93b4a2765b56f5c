"""Keeps an application's LLM calls working when the providers behind them fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from outlast.asking import Answered
    from outlast.blocking_stream import BlockingStream
    from outlast.client import AsyncClient, Client
    from outlast.config import Config, ConfigError, load, simulated
    from outlast.edge.deadline import time_left
    from outlast.extraction import Extracted, Extracting
    from outlast.flow.stream import Stream
    from outlast.guard import (
        Breaker,
        Deadline,
        Exhausted,
        Fallback,
        Guard,
        Limit,
        Rejected,
        Retry,
        Slots,
        Timeout,
        guard,
    )
    from outlast.model.errors import Failure
    from outlast.model.messages import Chunk, Counted, Reply, Usage, Vectors
    from outlast.queue import AsyncQueue, Queue, Ticket
    from outlast.recipes import (
        Answer,
        CircuitBreaker,
        RateLimiter,
        Recent,
        backoff,
        degrade,
        first_of,
        tiers,
        timeouts,
    )
    from outlast.transports import Transport, transport

_PLACES = {
    "Answer": "outlast.recipes",
    "Answered": "outlast.asking",
    "AsyncClient": "outlast.client",
    "AsyncQueue": "outlast.queue",
    "BlockingStream": "outlast.blocking_stream",
    "Breaker": "outlast.guard",
    "Chunk": "outlast.model.messages",
    "CircuitBreaker": "outlast.recipes",
    "Client": "outlast.client",
    "Config": "outlast.config",
    "ConfigError": "outlast.config",
    "Counted": "outlast.model.messages",
    "Deadline": "outlast.guard",
    "Exhausted": "outlast.guard",
    "Failure": "outlast.model.errors",
    "Extracted": "outlast.extraction",
    "Extracting": "outlast.extraction",
    "Fallback": "outlast.guard",
    "Guard": "outlast.guard",
    "Limit": "outlast.guard",
    "Queue": "outlast.queue",
    "RateLimiter": "outlast.recipes",
    "Recent": "outlast.recipes",
    "Rejected": "outlast.guard",
    "Reply": "outlast.model.messages",
    "Retry": "outlast.guard",
    "Slots": "outlast.guard",
    "Stream": "outlast.flow.stream",
    "Ticket": "outlast.queue",
    "Timeout": "outlast.guard",
    "Transport": "outlast.transports",
    "Usage": "outlast.model.messages",
    "Vectors": "outlast.model.messages",
    "backoff": "outlast.recipes",
    "degrade": "outlast.recipes",
    "first_of": "outlast.recipes",
    "guard": "outlast.guard",
    "load": "outlast.config",
    "simulated": "outlast.config",
    "tiers": "outlast.recipes",
    "time_left": "outlast.edge.deadline",
    "timeouts": "outlast.recipes",
    "transport": "outlast.transports",
}
"""Where the public names live; each is imported when it is first used, so that `import outlast` is quick."""

__all__ = [
    "Answer",
    "Answered",
    "AsyncClient",
    "AsyncQueue",
    "BlockingStream",
    "Breaker",
    "Chunk",
    "CircuitBreaker",
    "Client",
    "Config",
    "ConfigError",
    "Counted",
    "Deadline",
    "Exhausted",
    "Extracted",
    "Extracting",
    "Failure",
    "Fallback",
    "Guard",
    "Limit",
    "Queue",
    "RateLimiter",
    "Recent",
    "Rejected",
    "Reply",
    "Retry",
    "Slots",
    "Stream",
    "Ticket",
    "Timeout",
    "Transport",
    "Usage",
    "Vectors",
    "backoff",
    "degrade",
    "first_of",
    "guard",
    "load",
    "simulated",
    "tiers",
    "time_left",
    "timeouts",
    "transport",
]


def __getattr__(name: str) -> object:
    """A public name, from where it lives."""
    if name not in _PLACES:
        raise AttributeError(f"module 'outlast' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    value: object = getattr(import_module(_PLACES[name]), name)
    globals()[name] = value
    return value
