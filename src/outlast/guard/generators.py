"""Generators in a guard: what is opened is tried again until its first item is there, and held until it is closed.

next ──▶ limits ▸ slots ▸ breaker ▸ first item ──▶ given: a success      further items ──▶ end, close, dropped
▲                  │                                       │
└──── backoff ◀────┘                                     broken: the success becomes a failure
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any, Generic, TypeVar

from outlast.edge.blocking import driven
from outlast.guard.course import Course
from outlast.guard.left import limited
from outlast.guard.turn import Turn
from outlast.guard.world import World

Y = TypeVar("Y")


class Begun(Generic[Y]):
    """A generator whose first item is there, or which had none: then `stop` says what it returned."""

    __slots__ = ("first", "source", "stop")

    def __init__(
        self, source: Generator[Y, Any, Any], first: Y | None = None, stop: StopIteration | None = None
    ) -> None:
        self.source = source
        self.first = first
        self.stop = stop


async def begin(turn: Turn[Begun[Y]], due: float) -> Begun[Y]:  # noqa: ARG001  (it cannot be interrupted, but can ask)
    """One attempt: the generator, run up to its first item."""
    return _begun(turn.function(*turn.args, **turn.kwargs))


def _begun(source: Generator[Y, Any, Any]) -> Begun[Y]:
    try:
        return Begun(source, next(source))
    except StopIteration as stop:
        return Begun(source, stop=stop)


def _instead(items: Iterable[Y]) -> Begun[Y]:
    """What a fallback gives: anything that can be iterated over."""

    def source() -> Generator[Y, Any, None]:
        yield from items

    return _begun(source())


class Guarded(Generator[Y, Any, Any]):
    """A generator in a guard. Nothing is asked for before its first item is."""

    def __init__(
        self,
        course: Course,
        io: World,
        function: Callable[..., Generator[Y, Any, Any]],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self._course = course
        self._turn = Turn[Begun[Y]](io, begin, function, args, kwargs, stream=True, instead=_instead)
        self._source: Generator[Y, Any, Any] | None = None
        self._over = False
        self._seen = 0.0

    def send(self, value: Any) -> Y:  # noqa: ANN401  (whatever the generator takes)
        """The next item."""
        if self._over:
            raise StopIteration
        source = self._source
        if source is not None:
            return self._step(lambda: source.send(value))
        if value is not None:
            raise TypeError("a generator that has just started takes None")
        return self._open()

    def throw(
        self,
        typ: type[BaseException] | BaseException,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
    ) -> Y:
        """Raise it where the generator stands."""
        source = self._source
        if self._over or source is None:
            self._over = True
            raise typ
        if isinstance(typ, BaseException):
            return self._step(lambda: source.throw(typ))
        return self._step(lambda: source.throw(typ, val, tb))

    def close(self) -> None:
        """Close it, and give back what it holds."""
        if self._over:
            return
        self._over = True
        if self._source is None:
            return
        try:
            self._source.close()
        except BaseException as error:
            self._ended(error)
            raise
        self._ended(None)

    def __del__(self) -> None:
        if not self._over and self._source is not None:
            self._over = True
            with suppress(Exception):  # nobody hears of it here, and at the end of a process half of it is gone
                self._course.over(self._turn, None, self._seen)

    def _open(self) -> Y:
        self._over = True  # unless it opens
        begun = driven(self._course.take(self._turn))
        self._source = begun.source
        self._seen = self._turn.io.now()
        if begun.stop is not None:
            self._ended(None)
            raise StopIteration(begun.stop.value)
        self._over = False
        return begun.first  # type: ignore[return-value]  # without a stop there is an item

    def _step(self, step: Callable[[], Y]) -> Y:
        io = self._turn.io
        try:
            with limited(io.now, self._course.stall):
                item = step()
        except StopIteration:
            self._ended(None)
            raise
        except BaseException as error:
            self._ended(error)
            raise
        self._seen = io.now()
        return item

    def _ended(self, error: BaseException | None) -> None:
        self._over = True
        self._course.over(self._turn, error, self._turn.io.now())


def call(
    course: Course,
    io: World,
    function: Callable[..., Generator[Y, Any, Any]],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Guarded[Y]:
    """The generator, in the guard."""
    return Guarded(course, io, function, args, kwargs)
