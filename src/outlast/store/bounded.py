"""A store that is never waited for long: whatever it does, its user hears of it in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from outlast.ports import Keeping, Stored, StoreFailed

T = TypeVar("T")


class Bounded:
    """Another store within a time limit. Implements `Keeping`.

    Args:
        store: the other one.
        seconds: what takes longer has failed.
    """

    __slots__ = ("_seconds", "_store")

    def __init__(self, store: Keeping, seconds: float) -> None:
        self._store = store
        self._seconds = seconds

    async def get(self, key: str) -> Stored | None:
        """What is kept under that name."""
        return await self._in_time(self._store.get(key))

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keep that for so many seconds."""
        await self._in_time(self._store.put(key, value, seconds))

    async def delete(self, key: str) -> None:
        """Forget what is kept there."""
        await self._in_time(self._store.delete(key))

    async def _in_time(self, doing: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._seconds):
                return await doing
        except TimeoutError:
            raise StoreFailed(f"the store did not answer within {self._seconds:g} s") from None
