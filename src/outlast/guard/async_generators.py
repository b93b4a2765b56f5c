"""Async generators in a guard: as `generators`, with a timer around each read and never around what reads.

The first item has to come within the timeout and the deadline, each further one within the stall limit. The clock runs
only while somebody waits for an item, so that a slow reader does not look like a slow source.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
from contextlib import suppress
from math import inf
from types import TracebackType
from typing import Any, Generic, TypeVar

from outlast.edge.looping import loop_io
from outlast.guard.coroutines import in_time
from outlast.guard.course import Course
from outlast.guard.left import limited
from outlast.guard.turn import Turn
from outlast.guard.world import World

Y = TypeVar("Y")


class Begun(Generic[Y]):
    """An async generator whose first item is there, or is still `unread`, or which had none and is `over`."""

    __slots__ = ("first", "over", "source", "unread")

    def __init__(
        self, source: AsyncGenerator[Y, Any], first: Y | None = None, *, over: bool = False, unread: bool = False
    ) -> None:
        self.source = source
        self.first = first
        self.over = over
        self.unread = unread


async def _begun(source: AsyncGenerator[Y, Any], first: Awaitable[Y]) -> Begun[Y]:
    try:
        return Begun(source, await first)
    except StopAsyncIteration:
        return Begun(source, over=True)


class Guarded(AsyncGenerator[Y, Any]):
    """An async generator in a guard. Nothing is asked for before its first item is."""

    def __init__(
        self,
        course: Course,
        given: World | None,
        function: Callable[..., AsyncGenerator[Y, Any]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self._course = course
        self._given = given
        self._called = (function, args, kwargs)
        self._turn: Turn[Begun[Y]] | None = None
        self._source: AsyncGenerator[Y, Any] | None = None
        self._over = False
        self._seen = 0.0

    async def asend(self, value: Any) -> Y:  # noqa: ANN401  (whatever the generator takes)
        """The next item."""
        if self._over:
            raise StopAsyncIteration
        if self._source is not None and self._turn is not None:
            return await self._read(self._turn, self._source.asend(value))
        if value is not None:
            raise TypeError("an async generator that has just started takes None")
        return await self._open()

    async def athrow(
        self,
        typ: type[BaseException] | BaseException,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
    ) -> Y:
        """Raise it where the generator stands."""
        if self._over or self._source is None or self._turn is None:
            self._over = True
            raise typ
        thrown = self._source.athrow
        return await self._read(self._turn, thrown(typ) if isinstance(typ, BaseException) else thrown(typ, val, tb))

    async def aclose(self) -> None:
        """Close it, and give back what it holds."""
        if self._over:
            return
        self._over = True
        if self._source is None:
            return
        try:
            await self._source.aclose()
        except BaseException as error:
            self._ended(error)
            raise
        self._ended(None)

    def __del__(self) -> None:
        if not self._over and self._source is not None and self._turn is not None:
            self._over = True
            with suppress(Exception):  # nobody hears of it here, and at the end of a process half of it is gone
                self._course.over(self._turn, None, self._seen)

    async def _open(self) -> Y:
        self._over = True  # unless it opens
        function, args, kwargs = self._called
        io = self._given or loop_io()
        turn = self._turn = Turn[Begun[Y]](io, self._begin, function, args, kwargs, stream=True, instead=_instead)
        begun = await self._course.take(turn)
        if begun.unread:
            begun = await _begun(begun.source, begun.source.__anext__())
        self._source = begun.source
        self._seen = io.now()
        if begun.over:
            self._ended(None)
            raise StopAsyncIteration
        self._over = False
        return begun.first  # type: ignore[return-value]  # what is not over has an item

    async def _begin(self, turn: Turn[Begun[Y]], due: float) -> Begun[Y]:
        """One attempt: the generator, run up to its first item."""
        source = turn.function(*turn.args, **turn.kwargs)
        first = source.__anext__()
        if due < inf:
            return await in_time(turn.io, _begun(source, first), due, lambda: self._course.out_of_time(turn, due))
        return await _begun(source, first)

    async def _read(self, turn: Turn[Begun[Y]], item: Awaitable[Y]) -> Y:
        """A further item, under the stall limit."""
        io, stall = turn.io, self._course.stall
        try:
            if stall < inf:
                with limited(io.now, stall):
                    read = await in_time(io, item, io.now() + stall, self._course.stalled)
            else:
                read = await item
        except StopAsyncIteration:
            self._ended(None)
            raise
        except BaseException as error:
            self._ended(error)
            raise
        self._seen = io.now()
        return read

    def _ended(self, error: BaseException | None) -> None:
        self._over = True
        if self._turn is not None:
            self._course.over(self._turn, error, self._turn.io.now())


def _instead(items: AsyncIterable[Y] | Iterable[Y]) -> Begun[Y]:
    """What a fallback gives: anything that can be iterated over, with or without `async`."""

    async def source() -> AsyncGenerator[Y, None]:
        if isinstance(items, AsyncIterable):
            async for item in items:
                yield item
        else:
            for item in items:
                yield item

    return Begun(source(), unread=True)


def call(
    course: Course,
    given: World | None,
    function: Callable[..., AsyncGenerator[Y, Any]],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Guarded[Y]:
    """The async generator, in the guard."""
    return Guarded(course, given, function, args, kwargs)
