"""A circuit breaker under the names that everybody knows: a guard with `Breaker`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from math import inf
from types import TracebackType
from typing import Any, Literal, Never, ParamSpec, Self, TypeVar

from outlast.guard.blocks import Block
from outlast.guard.classify import matches
from outlast.guard.guarding import Guard, guard
from outlast.guard.policies import Breaker, Matching
from outlast.guard.world import World
from outlast.layers.breaker import Override
from outlast.model.errors import Outcome
from outlast.ports import Sink
from outlast.recipes.unkept import refuse

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

State = Literal["closed", "open", "half_open"] | Override

RATE = 0.5
"""The share of failures that opens it, however they are spread."""

UNKEPT = {
    "fail_max": "use failure_threshold=",
    "reset_timeout": "use recovery_timeout=",
    "timeout": "use recovery_timeout= for how long it stays open, and guard(Breaker(…), Timeout(…)) for the call",
    "call_timeout": "a breaker has no timer: use guard(Breaker(…), Timeout(…))",
    "fallback_function": "use outlast.degrade, or guard(Fallback(call=…), Breaker(…))",
    "throw_new_error_on_trip": "the call that opens it gets its own error, and nobody else's",
    "listeners": "give sinks=: they hear of BreakerChanged",
    "state_storage": "its state is that of this process",
    "redis": "its state is that of this process",
}
"""Why not, and what to use."""

_BLOCKS: ContextVar[tuple[tuple[CircuitBreaker, Block], ...]] = ContextVar("outlast_blocks", default=())
"""Blocks that are entered here and not left, in order."""


class CircuitBreaker:
    """Stop calling what keeps failing; after a while let a few calls test it. Sync and async, for threads and tasks.

        openai = outlast.CircuitBreaker(failure_threshold=5, recovery_timeout=30, half_open_max_calls=2)

        @openai
        async def ask(prompt: str) -> str: …

        await openai.call(client.ask, "hi")
        with openai: …                          # async with as well

    It counts failures. A mistake of the program (ValueError, HTTP 400 …) and a cancellation are neither failure nor
    success. What was begun before it opened changes nothing any more: it opens for `recovery_timeout`, no longer.

    Args:
        failure_threshold: it opens after so many failures in a row, and, once there are as many in a minute, when half
            of the calls of that minute have failed.
        recovery_timeout: seconds that it stays open. An error that says `retry-after` can make it a minute at most.
        half_open_max_calls: calls that may test it at once.
        success_threshold: successful tests that close it; a failed one opens it again.
        expected_exception: what counts as a failure, if not what usually does; all else is neutral.
        exclude: what never does.
        name: what errors and events call it.
        sinks: who hears of every event.
        io: the clock, the dice and the places to wait, where a test brings its own.

    Attributes:
        guard: what it is made of; its `explain()` says how it stands.

    Raises:
        Rejected: by calls while it is open; `retry_after` says for how long.
        TypeError, ValueError: a parameter is out of bounds, or promises what is not kept here.
    """

    __slots__ = ("guard",)

    def __init__(
        self,
        failure_threshold: int = 5,
        recovery_timeout: float = 30.0,
        half_open_max_calls: int = 2,
        success_threshold: int = 2,
        *,
        expected_exception: Matching | None = None,
        exclude: Matching | None = None,
        name: str | None = None,
        sinks: Iterable[Sink] = (),
        io: World | None = None,
        **_unkept: Never,
    ) -> None:
        refuse("CircuitBreaker", _unkept, UNKEPT)
        _bounded(failure_threshold, recovery_timeout, half_open_max_calls, success_threshold)
        circuit = Breaker(
            failures=failure_threshold,
            failure_rate=RATE,
            min_calls=max(Breaker().min_calls, int(failure_threshold / RATE)),
            open=recovery_timeout,
            open_max=recovery_timeout,
            jitter=0.0,
            probes=half_open_max_calls,
            successes=success_threshold,
        )
        classify = None if expected_exception is None and exclude is None else _said(expected_exception, exclude)
        self.guard: Guard = guard(circuit, name=name or "circuit", classify=classify, sinks=sinks, io=io)

    def __repr__(self) -> str:
        return f"CircuitBreaker({self.guard.name!r})"

    def __call__(self, function: F) -> F:
        """The same callable behind the breaker: what `outlast.guard` takes."""
        return self.guard(function)

    def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function gives; to be awaited where it is a coroutine function."""
        return self.guard.call(function, *args, **kwargs)

    @property
    def state(self) -> State:
        """closed, open, half_open; or an operator's word. Half-open begins when the time is up, not with a call."""
        state = self.guard.state()
        now = self.guard.breaker.state()
        return "half_open" if now == "open" and state.retry_after <= 0 else now or "closed"

    def block(self) -> Block:
        """The same as the breaker itself in `with`, for generators, which may be closed somewhere else."""
        return self.guard.block()

    def force_open(self, seconds: float = inf) -> None:
        """Refuse every call for so long, or until `reset`."""
        self.guard.breaker.force_open(seconds)

    def reset(self) -> None:
        """Closed, and whatever an operator said is over."""
        self.guard.breaker.release()

    def __enter__(self) -> Self:
        block = self.guard.block()
        block.__enter__()
        return self._entered(block)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._last().__exit__(kind, error, trace)

    async def __aenter__(self) -> Self:
        block = self.guard.block()
        await block.__aenter__()
        return self._entered(block)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._last().__aexit__(kind, error, trace)

    def _entered(self, block: Block) -> Self:
        _BLOCKS.set((*_BLOCKS.get(), (self, block)))
        return self

    def _last(self) -> Block:
        """The block of this breaker that was entered last here."""
        blocks = _BLOCKS.get()
        for at in range(len(blocks) - 1, -1, -1):
            breaker, block = blocks[at]
            if breaker is self:
                _BLOCKS.set(blocks[:at] + blocks[at + 1 :])
                return block
        raise RuntimeError(
            f"{self.guard.name}: this block was entered in another context, as happens in generators: use "
            "`with breaker.block():` there"
        )


def _bounded(failures: int, seconds: float, calls: int, successes: int) -> None:
    """Raises ValueError for what is out of bounds, by the names that were used."""
    counts = {"failure_threshold": failures, "half_open_max_calls": calls, "success_threshold": successes}
    for name, many in counts.items():
        if many < 1 or many != int(many):
            raise ValueError(f"CircuitBreaker({name}={many!r}): use a whole number, 1 or more")
    if not 0 < seconds < inf:
        raise ValueError(f"CircuitBreaker(recovery_timeout={seconds!r}): use a number of seconds above 0")


def _said(expected: Matching | None, exclude: Matching | None) -> Callable[[Exception], Outcome | None]:
    """What an exception means to who has said what he expects."""

    def classify(error: Exception) -> Outcome | None:
        if exclude is not None and matches(exclude, error):
            return "neutral"
        if expected is None:
            return None
        return "failure" if matches(expected, error) else "neutral"

    return classify
