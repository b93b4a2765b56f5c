"""What a type checker knows of guarded callables: exactly what it knew before. Read by mypy, see test_typing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import partial
from typing import Any, assert_type, overload

import outlast
from outlast import (
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
    time_left,
)

search = guard(
    Deadline(10), Retry(attempts=3, on=(OSError, TimeoutError)), Limit(rpm=60), Slots(8), Breaker(), Timeout(2)
)
assert_type(search, Guard)


@search
def plain(words: str, many: int = 3, *, deep: bool = False) -> list[str]:
    return [words] * many if deep else []


@search
async def coroutine(words: str) -> list[str]:
    return [words]


@search
def items(words: str) -> Generator[str, int, bool]:
    sent = yield words
    return sent > 0


@search
async def aitems(words: str) -> AsyncIterator[str]:
    yield words


@search
@contextlib.contextmanager
def opened(words: str) -> Iterator[str]:
    yield words


@search
@contextlib.asynccontextmanager
async def aopened(words: str) -> AsyncIterator[str]:
    yield words


@overload
def either(word: str) -> str: ...
@overload
def either(word: int) -> int: ...
@search
def either(word: str | int) -> str | int:
    return word


class Shop:
    @search
    def method(self, word: str) -> int:
        return len(word)

    @search
    async def later(self, word: str) -> int:
        return len(word)

    @classmethod
    @search
    def of_class(cls, word: str) -> Shop:
        return cls()

    @staticmethod
    @search
    def of_nobody(word: str) -> int:
        return len(word)

    @property
    @search
    def value(self) -> int:
        return 3


class Asks:
    def __call__(self, word: str) -> int:
        return len(word)


def add(one: int, other: int) -> int:
    return one + other


async def story(shop: Shop) -> None:
    assert_type(plain("hi", 2, deep=True), list[str])
    assert_type(await coroutine("hi"), list[str])
    assert_type(items("hi"), Generator[str, int, bool])
    assert_type([item async for item in aitems("hi")], list[str])
    with opened("hi") as word:
        assert_type(word, str)
    async with aopened("hi") as word:
        assert_type(word, str)
    assert_type(either("hi"), str)
    assert_type(either(3), int)
    assert_type(shop.method("hi"), int)
    assert_type(await shop.later("hi"), int)
    assert_type(Shop.of_class("hi"), Shop)
    assert_type(shop.of_nobody("hi"), int)
    assert_type(shop.value, int)
    assert_type(search(Asks())("hi"), int)
    assert_type(search(partial(add, 1))(2), int)

    assert_type(search.call(add, 1, 2), int)
    assert_type(search.call(add, other=2, one=1), int)
    assert_type(await search.call(coroutine, "hi"), list[str])
    later = search.call(coroutine, "hi")
    await assert_type(later, Coroutine[Any, Any, list[str]])
    assert_type(search.call(partial(add, 1), 2), int)
    assert_type(search.call(Asks(), "hi"), int)
    assert_type(search.call(shop.method, "hi"), int)
    assert_type(search.entering(opened, "hi"), AbstractContextManager[str])
    assert_type(search.entering(aopened, "hi"), AbstractAsyncContextManager[str])
    assert_type(time_left(), float | None)

    callback: Callable[[str], Awaitable[list[str]]] = coroutine
    await callback("hi")

    plain(3)  # type: ignore[arg-type]
    plain("hi", wide=True)  # type: ignore[call-arg]
    await plain("hi")  # type: ignore[misc]
    await coroutine(3)  # type: ignore[arg-type]
    either(3.0)  # type: ignore[call-overload]
    shop.method(3)  # type: ignore[arg-type]
    search.call(add, 1)  # type: ignore[call-arg]
    search.call(add, 1, "2")  # type: ignore[arg-type]
    search.call(add, 1, 2, tries=3)  # type: ignore[call-arg]
    search(3)  # type: ignore[type-var]
    guard(Retry)  # type: ignore[arg-type]
    guard(print)  # type: ignore[arg-type]
    guard(Retry(on=3))  # type: ignore[arg-type]
    guard(Retry(on=KeyboardInterrupt))  # type: ignore[arg-type]
    guard(Breaker(5))  # type: ignore[arg-type]
    guard(Fallback(1), classify=lambda error: "sometimes")  # type: ignore[arg-type,return-value]


def handled() -> str:
    try:
        plain("hi")
    except Rejected as refusal:
        assert_type(refusal.retry_after, float | None)
        return refusal.gate
    except Exhausted as exhausted:
        assert_type(exhausted.last, Exception)
        assert_type([(attempt.error, attempt.waited) for attempt in exhausted.attempts], list[tuple[str, float]])
        return exhausted.why
    except outlast.Failure as failure:
        return failure.kind
    return ""
