"""Context managers in a guard: entering is tried again, and what is entered is held until it is left.

An exception that leaves the block counts as one of what was entered, if it is a failure at all: a mistake of the block
is neutral, as everywhere, and one that the manager swallows is none.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, suppress
from math import inf
from types import TracebackType
from typing import Any, Generic, TypeVar

from outlast.edge.blocking import driven
from outlast.guard.course import Course
from outlast.guard.turn import Turn
from outlast.guard.world import World

T = TypeVar("T")


class Entered(Generic[T]):
    """A manager, and what entering it gave; no manager where a fallback gave it."""

    __slots__ = ("manager", "value")

    def __init__(self, manager: Any, value: T) -> None:  # noqa: ANN401  (with or without async)
        self.manager = manager
        self.value = value


def _instead(value: T) -> Entered[T]:
    return Entered(None, value)


async def enter(turn: Turn[Entered[T]], due: float) -> Entered[T]:  # noqa: ARG001  (it cannot be interrupted)
    """One attempt to enter."""
    manager = turn.function(*turn.args, **turn.kwargs)
    if not isinstance(manager, AbstractContextManager):
        raise TypeError(f"{type(manager).__name__} cannot be entered by with: use async with, or guard.call")
    return Entered(manager, manager.__enter__())


class Guarded(Generic[T]):
    """A context manager in a guard, for `with` or `async with`, whichever the guarded one is for. May be used again."""

    def __init__(
        self,
        course: Course,
        blocking: World,
        given: World | None,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self._course = course
        self._blocking = blocking
        self._given = given
        self._called = (function, args, kwargs)
        self._entered: list[tuple[Turn[Entered[T]], Entered[T], float]] = []

    def __enter__(self) -> T:
        turn = Turn[Entered[T]](self._blocking, enter, *self._called, stream=True, instead=_instead)
        return self._keep(turn, driven(self._course.take(turn)))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        turn, entered, _ = self._entered.pop()
        swallowed: bool | None = None
        try:
            if entered.manager is not None:
                swallowed = entered.manager.__exit__(kind, error, trace)
        except BaseException as own:
            self._left(turn, own)
            raise
        self._left(turn, None if swallowed else error)
        return swallowed

    async def __aenter__(self) -> T:
        from outlast.edge.looping import loop_io  # noqa: PLC0415  (it imports asyncio)

        io = self._given or loop_io()
        turn = Turn[Entered[T]](io, self._aenter, *self._called, stream=True, instead=_instead)
        return self._keep(turn, await self._course.take(turn))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        turn, entered, _ = self._entered.pop()
        swallowed: bool | None = None
        try:
            if entered.manager is not None:
                swallowed = await entered.manager.__aexit__(kind, error, trace)
        except BaseException as own:
            self._left(turn, own)
            raise
        self._left(turn, None if swallowed else error)
        return swallowed

    async def _aenter(self, turn: Turn[Entered[T]], due: float) -> Entered[T]:
        """One attempt to enter."""
        from outlast.guard.coroutines import in_time  # noqa: PLC0415  (it imports asyncio)

        manager = turn.function(*turn.args, **turn.kwargs)
        if not isinstance(manager, AbstractAsyncContextManager):
            raise TypeError(f"{type(manager).__name__} cannot be entered by async with: use with, or guard.call")
        entering = manager.__aenter__()
        if due < inf:
            late = self._course.out_of_time
            return Entered(manager, await in_time(turn.io, entering, due, lambda: late(turn, due)))
        return Entered(manager, await entering)

    def _keep(self, turn: Turn[Entered[T]], entered: Entered[T]) -> T:
        self._entered.append((turn, entered, turn.io.now()))
        return entered.value

    def _left(self, turn: Turn[Entered[T]], error: BaseException | None) -> None:
        self._course.over(turn, error, turn.io.now())

    def __del__(self) -> None:
        for turn, _, since in self._entered:
            with suppress(Exception):  # nobody hears of it here, and at the end of a process half of it is gone
                self._course.over(turn, None, since)
