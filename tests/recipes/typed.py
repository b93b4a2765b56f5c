"""What the recipes give, as mypy sees it. Held to it by `test_typing.py`; never run."""

from typing import assert_type

from outlast import (
    Answer,
    CircuitBreaker,
    Guard,
    RateLimiter,
    Recent,
    backoff,
    degrade,
    first_of,
    tiers,
    timeouts,
)


def plain(prompt: str, *, temperature: float = 1.0) -> list[str]:
    """Plain."""
    return [prompt]


def other(prompt: str, *, temperature: float = 1.0) -> list[str]:
    """Plain as well."""
    return [prompt]


async def ask(prompt: str) -> str:
    """A coroutine function."""
    return prompt


async def ask_other(prompt: str) -> str:
    """Another."""
    return prompt


@backoff(attempts=4, base=0.5, cap=20)
async def patient(prompt: str) -> str:
    """As before."""
    return prompt


breaker = CircuitBreaker(failure_threshold=5, recovery_timeout=30, half_open_max_calls=2, success_threshold=2)
limiter = RateLimiter(rate=10, per=60, burst=3, key=lambda user, *_: str(user))


async def uses() -> None:
    """Everything."""
    assert_type(backoff(), Guard)
    assert_type(timeouts(total=3), Guard)
    assert_type(await patient("hi"), str)
    assert_type(breaker(plain)("hi", temperature=0.2), list[str])
    assert_type(await breaker(ask)("hi"), str)
    assert_type(await breaker.call(ask, "hi"), str)
    with breaker as entered:
        assert_type(entered, CircuitBreaker)
    async with breaker as entered:
        assert_type(entered, CircuitBreaker)
    assert_type(await limiter(ask)("hi"), str)
    assert_type(limiter.allow("ann"), bool)

    assert_type(await first_of(ask, ask_other, within=2.0)("hi"), Answer[str])
    assert_type(first_of(plain, other)("hi", temperature=0.1), Answer[list[str]])
    assert_type((await tiers(strong=ask, weak=ask_other)("hi")).value, str)
    assert_type(await degrade(ask, stale=Recent[str](), static="sorry")("hi"), Answer[str])
    assert_type(degrade(plain, weaker=other)("hi").value, list[str])

    first_of(plain, other)(3)  # type: ignore[arg-type]
    first_of(plain, other)("hi", tone="warm")  # type: ignore[call-arg]
    assert first_of(ask, ask_other)("hi").value  # type: ignore[attr-defined]
    await breaker.call(ask, 3)  # type: ignore[arg-type]
    backoff(max_retries=3)  # type: ignore[arg-type]
    CircuitBreaker(fail_max=3)  # type: ignore[arg-type]
