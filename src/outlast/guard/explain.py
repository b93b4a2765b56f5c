"""What a guard does and how it stands, in words and as values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import singledispatch

from msgspec import Struct

from outlast.guard.machines import Machines
from outlast.guard.policies import (
    Breaker,
    Deadline,
    Fallback,
    Limit,
    Matching,
    Policy,
    Retry,
    Slots,
    Timeout,
)

WIDTH = 10
MOST_KEYS = 20
"""Of so many keys is told how they stand."""


class State(Struct, frozen=True):
    """How the machines of one key stand. What there is no policy for is None."""

    breaker: str | None
    """closed, open, half_open, or an operator's word: forced_open, disabled, observe."""
    retry_after: float
    """Seconds until the breaker may let a call pass; 0 when it does."""
    in_flight: int | None
    """Slots taken, or calls that the breaker has let pass and that are not over."""
    waiting: int | None
    """Calls in the queue for a slot."""
    left: dict[str, float]
    """What may be spent of each limit at once."""


def state_of(machines: Machines, now: float) -> State:
    """How they stand."""
    breaker, slots = machines.breaker, machines.slots
    in_flight = slots.used if slots is not None else breaker.flying if breaker is not None else None
    return State(
        breaker=None if breaker is None else breaker.override or breaker.state,
        retry_after=0.0 if breaker is None else breaker.ready(now),
        in_flight=in_flight,
        waiting=None if slots is None else slots.waiting,
        left={bucket.name: bucket.remaining(now) for of in machines.limits if of for bucket in of.buckets},
    )


def explained(
    name: str, policies: Iterable[Policy], states: Iterable[tuple[str | None, State]], applied: Iterable[str]
) -> str:
    """All of it, in some lines."""
    lines = [f"guard {name}: what it is applied to goes through, outermost first"]
    lines += [f"  {type(policy).__name__.lower():{WIDTH}} {described(policy)}" for policy in policies]
    standing = list(states)
    lines += [f"  {'now':{WIDTH}} {line}" for key, state in standing[:MOST_KEYS] for line in _standing(key, state)]
    if len(standing) > MOST_KEYS:
        lines.append(f"  {'':{WIDTH}} and {len(standing) - MOST_KEYS} more keys")
    lines += [f"  {'around':{WIDTH}} {function}" for function in applied]
    return "\n".join(lines)


def _standing(key: str | None, state: State) -> Iterator[str]:
    parts = []
    if state.breaker is not None:
        wait = f" for {state.retry_after:.3g} s" if 0 < state.retry_after < float("inf") else ""
        parts.append(f"breaker {state.breaker}{wait}")
    if state.in_flight is not None:
        parts.append(f"{state.in_flight} in flight")
    if state.waiting is not None:
        parts.append(f"{state.waiting} waiting")
    parts += [f"{left:.4g} left of {name}" for name, left in state.left.items()]
    if parts:
        yield ("" if key is None else f"{key}: ") + ", ".join(parts)


@singledispatch
def described(policy: object) -> str:
    """What a policy does, with its numbers."""
    raise TypeError(f"{policy!r} is no policy")


@described.register
def _(policy: Deadline) -> str:
    return f"{_seconds(policy.seconds)} for the whole call, its waits and retries included"


@described.register
def _(policy: Retry) -> str:
    budget = "within a budget of a fifth of the calls" if policy.budget else "without a budget"
    return (
        f"{policy.attempts} attempts, on {_matching(policy.on)}; full jitter from {_seconds(policy.base)} to "
        f"{_seconds(policy.cap)}, {budget}"
    )


@described.register
def _(policy: Limit) -> str:
    amounts = [f"{policy.rpm:g} calls"] if policy.rpm is not None else []
    amounts += [f"{policy.tpm:g} tokens"] if policy.tpm is not None else []
    each = " for each key" if policy.key is not None else ""
    waits = f"waits up to {_seconds(policy.max_wait)}" if policy.max_wait > 0 else "refuses at once"
    return f"{' and '.join(amounts)} a minute{each}, {_seconds(policy.burst)} of that at once; {waits}"


@described.register
def _(policy: Slots) -> str:
    return f"{policy.slots} at once, {policy.queue} may wait for up to {_seconds(policy.wait)}"


@described.register
def _(policy: Breaker) -> str:
    return (
        f"opens after {policy.failures} failures in a row, or of {policy.min_calls} calls in "
        f"{_seconds(policy.window)} {policy.failure_rate:.0%} failed; for {_seconds(policy.open)} to "
        f"{_seconds(policy.open_max)}; {policy.successes} successful probes close it"
    )


@described.register
def _(policy: Timeout) -> str:
    plain = (
        "a plain function runs in a thread that is left behind"
        if policy.in_thread
        else ("a plain function is not interrupted, but can ask time_left()")
    )
    return f"{_seconds(policy.seconds)} for an attempt, of a stream for each item; {plain}"


@described.register
def _(policy: Fallback) -> str:
    given = f"what {_called(policy.call)} gives" if policy.call is not None else f"a {type(policy.value).__name__}"
    on = "refusals and failures" if policy.on is None else _matching(policy.on)
    return f"{given} instead, on {on}"


def _matching(on: Matching | None) -> str:
    if on is None:
        return "what counts as a failure"
    types = on if isinstance(on, tuple) else (on,)
    return ", ".join(_called(kind) for kind in types)


def _called(function: Callable[..., object]) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _seconds(seconds: float) -> str:
    return f"{seconds:g} s"
