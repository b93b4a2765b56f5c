"""Less than was asked for, and an answer that says so: stale, weaker, simplified, static."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Never, ParamSpec, Protocol, TypeVar, overload

from outlast.guard.classify import Classify
from outlast.guard.errors import note
from outlast.guard.guarding import guard
from outlast.guard.policies import NOTHING
from outlast.guard.world import World
from outlast.ports import Sink
from outlast.recipes.answer import Answer, Source
from outlast.recipes.in_time import around
from outlast.recipes.ladder import Failed, Ladder, Rung, Ways
from outlast.recipes.shelf import Kept, Shelf
from outlast.recipes.unkept import refuse
from outlast.recipes.way import Given, Way

P = ParamSpec("P")
T = TypeVar("T")

UNKEPT = {
    "fallback_model": "use weaker=, a function that asks it",
    "fallback": "say which: weaker=, simpler=, or a value as static=",
    "default": "use static=",
    "cache": "use stale=",
    "exceptions": "give classify=: what is a failure is decided once",
    "timeout": "say which: within= for each attempt, deadline= for the whole",
}
"""Why not, and what to use."""


class Cache(Protocol):
    """The least that a cache has. It may have `set(key, value)` or be assigned to, with coroutine functions or not."""

    def get(self, key: str, /) -> Any:  # noqa: ANN401  (what was put there)
        """What is kept under that key."""
        ...


@overload
def degrade(  # type: ignore[overload-overlap]  # who is awaited comes first
    primary: Callable[P, Coroutine[Any, Any, T]],
    *,
    stale: Cache | None = None,
    weaker: Callable[P, Any] | None = None,
    simpler: Callable[P, Any] | None = None,
    static: object = NOTHING,
    within: float | None = None,
    deadline: float | None = None,
    key: Callable[P, str] | None = None,
    classify: Classify | None = None,
    name: str | None = None,
    sinks: Iterable[Sink] = (),
    io: World | None = None,
    **_unkept: Never,
) -> Ways[P, Coroutine[Any, Any, Answer[T]]]: ...


@overload
def degrade(
    primary: Callable[P, T],
    *,
    stale: Cache | None = None,
    weaker: Callable[P, Any] | None = None,
    simpler: Callable[P, Any] | None = None,
    static: object = NOTHING,
    within: float | None = None,
    deadline: float | None = None,
    key: Callable[P, str] | None = None,
    classify: Classify | None = None,
    name: str | None = None,
    sinks: Iterable[Sink] = (),
    io: World | None = None,
    **_unkept: Never,
) -> Ways[P, Answer[T]]: ...


def degrade(
    primary: Callable[..., Any],
    *,
    stale: Cache | None = None,
    weaker: Callable[..., Any] | None = None,
    simpler: Callable[..., Any] | None = None,
    static: object = NOTHING,
    within: float | None = None,
    deadline: float | None = None,
    key: Callable[..., str] | None = None,
    classify: Classify | None = None,
    name: str | None = None,
    sinks: Iterable[Sink] = (),
    io: World | None = None,
    **_unkept: Never,
) -> Any:
    """A function that gives what the primary gives, or else the best of what is left, in this order.

        ask = outlast.degrade(ask_model, stale=outlast.Recent(), simpler=ask_shorter, static="Please try again later.")
        answer = await ask("hi")                    # answer.value, .source, .degraded, .failures

    Only good answers are kept, and whatever they say: an empty one is one. A cache that fails is passed by. A request
    that is wrong, or a caller over his own limit, gets the error and nothing instead.

    Args:
        primary: what is wanted.
        stale: any cache, to which good answers are added: the last one to the same arguments.
        weaker: takes the same, and asks somebody cheaper.
        simpler: takes the same, and asks for less.
        static: a value.
        within: primary, weaker and simpler have so many seconds each. Plain functions run in threads then, at most 256
            of each.
        deadline: all have; what comes after it is what takes no time.
        key: what an answer is kept under; by default a hash of all arguments, so that nobody gets another's.
        classify: takes an exception and says "failure", "throttled", "neutral" (a wrong request), or None: as usual.
        name: what errors and events call it.
        sinks: who hears of every event.
        io: the clock, the dice and the places to wait, where a test brings its own.

    Raises:
        Exception: by calls, that of the primary as it is, when nothing is left; its notes say what else was tried.
        TypeError, ValueError: a parameter is out of bounds, or promises what is not kept here.
    """
    refuse("degrade", _unkept, UNKEPT)
    _different(primary, weaker, simpler)
    if deadline is not None and not deadline > 0:
        raise ValueError(f"degrade(deadline={deadline!r}): use a number of seconds above 0")
    if stale is None and weaker is None and simpler is None and static is NOTHING:
        raise TypeError("degrade() has nothing else to give: use stale=, weaker=, simpler= or static=")
    ears = tuple(sinks)
    called = name or str(getattr(primary, "__name__", "primary"))

    def way(named: str, source: Source, function: Callable[..., Any]) -> Way:
        own = guard(*around(function, within), name=named, classify=classify, sinks=ears, io=io)
        return Way(named, source, function, own, judged=source == "primary")

    ways: list[Rung] = [way(called, "primary", primary)]
    if stale is not None:
        shelf = Shelf(stale, key, ears, io)
        ways = [Kept(ways[0], shelf), shelf]
    if weaker is not None:
        ways.append(way("weaker", "weaker", weaker))
    if simpler is not None:
        ways.append(way("simpler", "simplified", simpler))
    if static is not NOTHING:
        ways.append(Given(static))
    ladder = Ladder(ways, _as_it_was, deadline=deadline, classify=classify, sinks=ears, io=io)
    return ladder.as_function(primary, called)


def _different(primary: Callable[..., Any], weaker: object, simpler: object) -> None:
    for name, function in (("weaker", weaker), ("simpler", simpler)):
        if function == primary:  # two looks at one method are equal, and not the same
            raise ValueError(
                f"degrade({name}=…) is the primary itself, which has just failed: ask somebody else, or less"
            )


def _as_it_was(failed: Failed) -> Exception:
    """The primary's error; its notes say what else was tried."""
    error = failed[0][2]
    note(error, (f"{attempt.target}, {attempt}" for _, why, _ in failed[1:] for attempt in why))
    return error
