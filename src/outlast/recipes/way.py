"""One way to an answer: a function, behind a guard of its own, and how long it has lately taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import Any

from outlast.flow.quantiles import Quantiles
from outlast.guard.guarding import Guard
from outlast.guard.kinds import kind_of
from outlast.guard.left import limited
from outlast.recipes.answer import Source
from outlast.recipes.latch import Latch

Clock = Callable[[], float]
Arguments = tuple[tuple[Any, ...], Mapping[str, Any]]

LEAST_SAMPLES = 20
"""A way is not called slow by less; samples are forgotten after five minutes."""


class NothingHere(LookupError):  # noqa: N818  (it is none)
    """This way has nothing to give, which is no failure."""


class Way:
    """A function behind a guard.

    Attributes:
        name: what answers and errors call it.
        source: what its answer is.
        guard: its policies.
        judged: is its error what the caller did wrong, perhaps? If not, it only means that the next way is taken.
    """

    __slots__ = ("_function", "_latch", "_taken", "awaits", "guard", "judged", "name", "source")

    def __init__(
        self, name: str, source: Source, function: Callable[..., Any], guard: Guard, *, judged: bool = True
    ) -> None:
        kind = kind_of(function)
        if kind not in {"function", "coroutine function"}:
            raise TypeError(f"{name} is a{'n' if kind[0] == 'a' else ''} {kind}: use a function that gives one answer")
        self.name = name
        self.source: Source = source
        self.guard = guard
        self.judged = judged
        self.awaits = kind == "coroutine function"
        self._function = function
        self._taken = Quantiles()
        self._latch = Latch()

    async def ask(self, arguments: Arguments, clock: Clock, due: float) -> Any:  # noqa: ANN401  (what the function gives)
        """What it gives, by that moment.

        Raises:
            NothingHere: it has nothing.
            Exception: its own, or that of its guard.
        """
        args, kwargs = arguments
        with limited(clock, due - clock() if due < inf else inf):
            given = self.guard.call(self._function, *args, **kwargs)
            return await given if self.awaits else given

    def slow(self, limit: float, now: float) -> bool:
        """Is its live p99 above that?"""
        with self._latch:
            p99 = self._taken.at(0.99, now, LEAST_SAMPLES)
        return p99 is not None and p99 > limit

    def took(self, seconds: float, now: float, dice: float, *, cut: bool) -> None:
        """Take note of how long it took, or would have taken at least."""
        with self._latch:
            if cut:
                self._taken.add_cut(seconds, now, dice)
            else:
                self._taken.add(seconds, now)


class Given:
    """A way that costs nothing: one value for all. Looks like a `Way`."""

    __slots__ = ("_value",)

    name = "static"
    source: Source = "static"
    awaits = False
    judged = False
    guard = None

    def __init__(self, value: object) -> None:
        self._value = value

    async def ask(self, arguments: Arguments, clock: Clock, due: float) -> Any:  # noqa: ANN401, ARG002
        """The value, whatever is asked and however late it is."""
        return self._value
