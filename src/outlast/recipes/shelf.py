"""Where good answers are put, and looked for when there are none: any cache, which may fail and never spoils an answer.

A cache is whatever has `get(key)` and either `set(key, value)` or `cache[key] = value`: a `Recent`, a dict, a client of
Redis; with coroutine functions or without. It stands behind a guard of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import sha256
from math import inf
from typing import Any

import msgspec

from outlast.guard.guarding import Guard, guard
from outlast.guard.kinds import kind_of
from outlast.guard.left import limited
from outlast.guard.policies import Breaker, Timeout
from outlast.guard.world import World
from outlast.ports import Sink
from outlast.recipes.answer import Answer, Source
from outlast.recipes.ladder import Rung
from outlast.recipes.way import Arguments, Clock, NothingHere

HOLDS_UP = 0.5
"""A cache that is awaited holds up an answer for so many seconds at most."""

MISSING: Any = object()


class Shelf:
    """The cache of one ladder, as a way to an answer: the one that was given last time. Looks like a `Way`.

    Args:
        cache: any cache.
        key: what an answer is kept under, as a function of the arguments; by default a hash of all of them.
    """

    __slots__ = ("_get", "_key", "_misses", "_put", "awaits", "guard")

    name = "stale"
    source: Source = "stale"
    judged = False

    def __init__(
        self,
        cache: object,
        key: Callable[..., str] | None,
        sinks: Iterable[Sink],
        io: World | None,
    ) -> None:
        get, put = getattr(cache, "get", None), getattr(cache, "set", None) or getattr(cache, "__setitem__", None)
        if get is None or put is None:
            raise TypeError(
                f"stale={cache!r} is no cache: it needs get(key), and set(key, value) or cache[key] = value"
            )
        self._get: Callable[..., Any] = get
        self._put: Callable[..., Any] = put
        self._key = key
        self._misses = not hasattr(cache, "set")  # then it is a mapping, which tells what it lacks from None
        self.awaits = kind_of(get) == "coroutine function"
        if self.awaits != (kind_of(put) == "coroutine function"):
            raise TypeError("stale=: get and set must both be coroutine functions, or both be none")
        self.guard: Guard = guard(Breaker(failures=3), Timeout(HOLDS_UP), name="stale", sinks=sinks, io=io)

    def key_of(self, arguments: Arguments) -> str:
        """What an answer to these arguments is kept under.

        Raises:
            TypeError: they cannot be told apart by what they contain; says what to do.
        """
        args, kwargs = arguments
        if self._key is not None:
            return str(self._key(*args, **kwargs))
        try:
            return sha256(msgspec.msgpack.encode((args, sorted(kwargs.items())), order="deterministic")).hexdigest()
        except TypeError as error:
            raise TypeError(f"stale=: give key=, a function of the arguments, for {error}") from None

    async def ask(self, arguments: Arguments, clock: Clock, due: float) -> Any:  # noqa: ANN401  (what was put there)
        """The answer that is kept for these arguments, if there is one. Empty ones are answers too."""
        key = self.key_of(arguments)
        with limited(clock, due - clock() if self.awaits and due < inf else inf):
            kept = await self._called(self._get, (key, MISSING) if self._misses else (key,))
        if kept is MISSING or (kept is None and not self._misses):
            raise NothingHere
        return kept

    async def keep(self, arguments: Arguments, value: object, clock: Clock, due: float) -> None:
        """Put a good answer there. It is one whether that works or not; its guard tells sinks when it does not."""
        with suppress(Exception), limited(clock, due - clock() if self.awaits and due < inf else inf):
            await self._called(self._put, (self.key_of(arguments), value))

    async def _called(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:  # noqa: ANN401
        given = self.guard.call(function, *arguments)
        return await given if self.awaits else given


class Kept:
    """The primary, whose good answers are kept. Looks like a `Way`."""

    __slots__ = ("_shelf", "_way", "awaits", "guard", "judged", "name", "source")

    def __init__(self, way: Rung, shelf: Shelf) -> None:
        self._way = way
        self._shelf = shelf
        self.name, self.source, self.guard = way.name, way.source, way.guard
        self.awaits, self.judged = way.awaits, way.judged

    async def ask(self, arguments: Arguments, clock: Clock, due: float) -> Any:  # noqa: ANN401  (what the way gives)
        """What it gives."""
        self._shelf.key_of(arguments)  # who cannot be told apart hears of it at once, not when it fails
        given = await self._way.ask(arguments, clock, due)
        if not isinstance(given, Answer):
            await self._shelf.keep(arguments, given, clock, due)
        elif not given.degraded:
            await self._shelf.keep(arguments, given.value, clock, due)
        return given
