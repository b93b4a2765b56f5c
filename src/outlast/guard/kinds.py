"""What kind of callable something is, without calling it: it says how a guard goes around it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from types import CodeType
from typing import Any, Literal

Kind = Literal["function", "coroutine function", "generator", "async generator", "context manager"]

GENERATOR, COROUTINE, AWAITABLE_GENERATOR, ASYNC_GENERATOR = 0x20, 0x80, 0x100, 0x200
"""Flags of a code object, as in `inspect`, whose import would cost more than a guard."""


@contextmanager
def _sync() -> Iterator[None]:
    yield


@asynccontextmanager
async def _async() -> AsyncIterator[None]:
    yield


MANAGERS: tuple[CodeType, ...] = (_sync.__code__, _async.__code__)
"""The code that all functions have which `contextmanager` and `asynccontextmanager` have made."""


def kind_of(function: Callable[..., Any]) -> Kind:
    """What it is, partial objects, methods and objects with `__call__` looked through."""
    while isinstance(function, partial):
        function = function.func
    code = getattr(function, "__code__", None)
    if code is None:
        code = getattr(type(function).__call__, "__code__", None)
    flags = getattr(code, "co_flags", 0)
    if not isinstance(flags, int):
        return "function"
    if flags & (COROUTINE | AWAITABLE_GENERATOR):
        return "coroutine function"
    if flags & ASYNC_GENERATOR:
        return "async generator"
    if flags & GENERATOR:
        return "generator"
    return "context manager" if code in MANAGERS else "function"
