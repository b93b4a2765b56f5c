"""How a contender makes its calls, and the proof that it made them.

    Counted    around a no-op that counts: so many calls reached it
    Answered   over a socket: so many answers had the text that the upstream gives

Both are one tight loop, so that the loop costs the same for everybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

TEXT = "The tide comes in whether or not anybody is watching."
"""What a no-op answers."""


class Work(Protocol):
    """Something that can be called again and again."""

    async def make(self, calls: int) -> int:
        """Make so many calls; how many of them did their work."""
        ...


class Nothing:
    """The function that resilience libraries are put around. `done` counts its calls."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done = 0

    async def answer(self) -> str:
        """The answer, without waiting for anything."""
        self.done += 1
        return TEXT

    def answer_at_once(self) -> str:
        """The same for code without an event loop."""
        self.done += 1
        return TEXT


class Counter(Protocol):
    """Something that counts the calls which reached it."""

    @property
    def done(self) -> int:
        """How many did."""
        ...


class Counted:
    """Calls one after another, counted where they arrive."""

    __slots__ = ("_call", "_inner")

    def __init__(self, call: Callable[[], Awaitable[object]], inner: Counter) -> None:
        self._call = call
        self._inner = inner

    async def make(self, calls: int) -> int:
        """Make so many calls; how many arrived."""
        before, call = self._inner.done, self._call
        for _ in range(calls):
            await call()
        return self._inner.done - before


class CountedAtOnce:
    """The same without coroutines."""

    __slots__ = ("_call", "_inner")

    def __init__(self, call: Callable[[], object], inner: Counter) -> None:
        self._call = call
        self._inner = inner

    async def make(self, calls: int) -> int:
        """Make so many calls; how many arrived."""
        before, call = self._inner.done, self._call
        for _ in range(calls):
            call()
        return self._inner.done - before


class Cycles:
    """One machine by itself, asked and told again and again."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: Callable[[], None]) -> None:
        self._cycle = cycle

    async def make(self, calls: int) -> int:
        """Make so many cycles; all of them, for nothing else could have happened."""
        cycle = self._cycle
        for _ in range(calls):
            cycle()
        return calls


class Answered:
    """Calls over a socket, `at_once` of them under way at a time; each answer is looked at.

    Args:
        call: gives the text of an answer.
        at_once: calls under way at a time.
    """

    __slots__ = ("_at_once", "_call", "_text")

    def __init__(self, call: Callable[[], Awaitable[str]], at_once: int = 1) -> None:
        self._call = call
        self._at_once = at_once
        self._text = ""

    async def make(self, calls: int) -> int:
        """Make so many calls; how many gave the text that the first one gave."""
        if not self._text:
            self._text = await self._call()
        if self._at_once == 1:
            return await self._in_a_row(calls)
        share, rest = divmod(calls, self._at_once)
        shares = [share + (number < rest) for number in range(self._at_once)]
        return sum(await asyncio.gather(*(self._in_a_row(share) for share in shares)))

    async def _in_a_row(self, calls: int) -> int:
        call, text, good = self._call, self._text, 0
        for _ in range(calls):
            good += await call() == text
        return good if text else 0
