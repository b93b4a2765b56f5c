"""Who runs: the rows of the in-process tables, and the contenders of each.

libraries        a no-op coroutine inside each resilience library; our engine answers a chat, which is more
machines         one machine of ours by itself: asked, told of the answer, told of the end
threads-16       the no-op function in sixteen threads at once, through one retry and one circuit
layers           our engine without a network, one layer after another switched on
library-call-1   whole calls to an upstream on the same machine, one after another
library-call-16  the same, sixteen under way at a time
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from functools import partial
from importlib import import_module
from typing import Literal

from msgspec import Struct

from bench.inprocess.work import Work

Loop = Literal["asyncio", "uvloop"]

LAYERS = (
    "routing", "breaker", "bulkhead", "limits", "pause", "retry", "fit", "counting", "resume", "structured",
    "admission", "degrade", "idempotency",
)  # fmt: skip
"""Every layer that is on unless switched off, in the order in which the rows add them: from the attempt outwards."""


class Contender(Struct, frozen=True):
    """One line of a table.

    Attributes:
        row: the table.
        peer: what the table calls it.
        module: its file in `contenders`.
        factory: what makes its `Work` there.
        at_once: calls under way at a time; 0 for those without a network.
        step: how many layers are switched on, where that is the question.
        loop: the event loop it runs on.
    """

    row: str
    peer: str
    module: str
    factory: str
    at_once: int = 0
    step: int | None = None
    loop: Loop = "asyncio"

    @property
    def name(self) -> str:
        """What a worker is told to run."""
        return f"{self.row}/{self.peer}"

    @property
    def networked(self) -> bool:
        """Does it ask the upstream?"""
        return self.at_once > 0

    def opened(self, upstream: str) -> AbstractAsyncContextManager[Work]:
        """Its `Work`, once entered. Imports what it needs, and nothing of the others."""
        made = getattr(import_module(f"bench.inprocess.contenders.{self.module}"), self.factory)
        if self.networked:
            made = partial(made, at_once=self.at_once)
        if self.step is not None:
            made = partial(made, layers=self.step)
        opened: AbstractAsyncContextManager[Work] = made(upstream)
        return opened


LIBRARIES = tuple(
    Contender("libraries", *words)
    for words in (
        ("bare coroutine", "bare", "coroutine"),
        ("tenacity async", "tenacity_retry", "asynchronous"),
        ("tenacity sync", "tenacity_retry", "blocking"),
        ("tenacity sync + pybreaker", "tenacity_retry", "with_breaker"),
        ("tenacity async + purgatory", "purgatory_breaker", "with_retry"),
        ("stamina async", "stamina_retry", "asynchronous"),
        ("backoff async", "backoff_retry", "asynchronous"),
        ("purgatory async", "purgatory_breaker", "alone"),
        ("outlast.guard async, retry", "guarded", "retry"),
        ("outlast.guard sync, retry", "guarded", "retry_blocking"),
        ("outlast.guard async, breaker", "guarded", "breaker"),
        ("outlast.guard async, retry and breaker", "guarded", "retry_and_breaker"),
        ("outlast.guard sync, retry and breaker", "guarded", "retry_and_breaker_blocking"),
        ("outlast.guard async, five policies", "guarded", "every"),
        ("outlast.guard sync, five policies", "guarded", "every_blocking"),
        ("outlast", "engine", "every"),
        ("outlast, quota kept", "engine", "with_quota"),
        ("outlast, quota, log and metrics", "engine", "with_sinks"),
        ("outlast, AsyncClient.chat", "engine", "whole_call"),
        ("litellm Router, mocked answer", "litellm_router", "mocked"),
    )
)

MACHINES = (
    Contender("machines", "circuit breaker", "guarded", "breaker_cycle"),
    Contender("machines", "limit", "guarded", "limit_cycle"),
    Contender("machines", "limits, settled", "guarded", "limits_cycle"),
)

IN_THREADS = (
    Contender("threads-16", "tenacity sync + pybreaker", "tenacity_retry", "with_breaker_in_threads"),
    Contender("threads-16", "outlast.guard sync, five policies", "guarded", "in_threads"),
)

STEPS = tuple(
    Contender("layers", "attempt" if layer == "" else f"+ {layer}", "engine", "with_layers", step=number)
    for number, layer in enumerate(("", *LAYERS))
)

ASYNCIO: Loop = "asyncio"
UVLOOP: Loop = "uvloop"

CALLS = tuple(
    Contender(f"library-call-{at_once}", peer, module, factory, at_once, loop=loop)
    for at_once in (1, 16)
    for peer, module, factory, loop in (
        ("bare socket", "socket_floor", "socket", ASYNCIO),
        ("bare socket, uvloop", "socket_floor", "socket", UVLOOP),
        ("outlast", "client", "chat", ASYNCIO),
        ("outlast, uvloop", "client", "chat", UVLOOP),
        ("openai SDK over outlast", "openai_sdk", "over_outlast", ASYNCIO),
        ("openai SDK", "openai_sdk", "alone", ASYNCIO),
        ("litellm Router", "litellm_router", "chat", ASYNCIO),
    )
)

EVERYBODY = (*LIBRARIES, *MACHINES, *IN_THREADS, *STEPS, *CALLS)
CONTEST: dict[str, Contender] = {contender.name: contender for contender in EVERYBODY}
