"""A block of code in a guard: `with search.block():` is one attempt, from its first line to its last.

    limits ▸ slots ▸ breaker ──▶ the block ──▶ settled with how it ended
                                     ▲
                    the call's coroutine is suspended here, and goes on when the block is left

A block can neither be repeated nor interrupted, nor can anything be given instead of it.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from types import TracebackType
from typing import Any

from outlast.guard.course import Course
from outlast.guard.plain import Stopped
from outlast.guard.turn import Turn
from outlast.guard.world import World

INSIDE = object()
"""What the call's coroutine gives out while the block runs."""


class _Inside:
    """Waits for the end of the block."""

    __slots__ = ()

    def __await__(self) -> Generator[object, None, None]:
        yield INSIDE


async def _attempt(turn: Turn[None], due: float) -> None:  # noqa: ARG001  (it cannot be interrupted, but it can ask)
    await _Inside()


def _nothing() -> None:
    """What a block calls: what it does is written between its lines."""


class _Entering:
    """Waits for whatever the call waits for before the block may run."""

    __slots__ = ("_coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, None]:
        step, coroutine = self._coroutine.send(None), self._coroutine
        while step is not INSIDE:
            try:
                sent = yield step
            except BaseException as error:  # noqa: BLE001  (it is the coroutine's to take)
                step = coroutine.throw(error)
            else:
                step = coroutine.send(sent)


class Block:
    """One entry into a guard, for `with` or `async with`. Made by `guard.block()`; good for one time."""

    __slots__ = ("_blocking", "_called", "_coroutine", "_course", "_given")

    def __init__(
        self, course: Course, blocking: World, given: World | None, args: tuple[object, ...], kwargs: dict[str, object]
    ) -> None:
        plan = course.plan
        for policy, why in ((plan.retry, "repeated"), (plan.timeout, "interrupted"), (plan.fallback, "replaced")):
            if policy is not None:
                of = type(policy).__name__
                raise TypeError(f"{course.name}: a block cannot be {why}, as {of} would: guard a function instead")
        self._course = course
        self._blocking = blocking
        self._given = given
        self._called: tuple[tuple[object, ...], dict[str, object]] | None = args, kwargs
        self._coroutine: Coroutine[Any, Any, None] | None = None

    def __enter__(self) -> None:
        coroutine = self._begun(self._blocking)
        if coroutine.send(None) is not INSIDE:
            coroutine.close()
            raise RuntimeError("without an event loop nothing can be awaited: this io is for async with only")
        self._coroutine = coroutine

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left(error)

    async def __aenter__(self) -> None:
        from outlast.edge.looping import loop_io  # noqa: PLC0415  (it imports asyncio)

        coroutine = self._begun(self._given or loop_io())
        await _Entering(coroutine)
        self._coroutine = coroutine

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left(error)

    def _begun(self, io: World) -> Coroutine[Any, Any, None]:
        if self._called is None:
            raise RuntimeError("a block is good for one time: ask guard.block() for each")
        (args, kwargs), self._called = self._called, None
        return self._course.take(Turn[None](io, _attempt, _nothing, args, kwargs))

    def _left(self, error: BaseException | None) -> None:
        """The block is over: the call goes on to its end. Nothing awaits here."""
        coroutine, self._coroutine = self._coroutine, None
        if coroutine is None:
            return
        thrown = Stopped(error) if isinstance(error, StopIteration) else error
        trace = None if error is None else error.__traceback__
        try:
            if thrown is None:
                coroutine.send(None)
            else:
                coroutine.throw(thrown)
        except StopIteration:
            return
        except BaseException as raised:
            if raised is not thrown:
                raise
        if error is not None:
            error.__traceback__ = trace
