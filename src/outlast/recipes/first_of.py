"""One provider after the other, and the strong model before the weak one: ways to an answer, each behind its guard."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Never, ParamSpec, TypeVar, cast, overload

from outlast.guard.classify import Classify
from outlast.guard.errors import Exhausted
from outlast.guard.guarding import Guard, guard
from outlast.guard.policies import Breaker
from outlast.guard.world import World
from outlast.model.errors import Rejected
from outlast.ports import Sink
from outlast.recipes.answer import Answer, Source
from outlast.recipes.in_time import around
from outlast.recipes.ladder import Failed, Ladder, Ways, history, least_wait
from outlast.recipes.meaning import for_its_circuit
from outlast.recipes.unkept import refuse
from outlast.recipes.way import Way

P = ParamSpec("P")
T = TypeVar("T")

UNKEPT = {
    "timeout": "say which: within= for each, deadline= for all of them",
    "max_retries": "each is asked once: put outlast.backoff around a function that is worth another attempt",
    "exceptions": "give classify=: what is a failure is decided once, for the circuit and for the next in turn",
    "default": "use outlast.degrade(first_of(…), static=…), whose answer says that it is one",
}
"""Why not, and what to use."""


@overload
def first_of(  # type: ignore[overload-overlap]  # who is awaited comes first
    *options: Callable[P, Coroutine[Any, Any, T]],
    within: float | None = None,
    deadline: float | None = None,
    max_latency: float | None = None,
    breaker: Breaker | None = None,
    classify: Classify | None = None,
    name: str = "first_of",
    sinks: Iterable[Sink] = (),
    io: World | None = None,
    **_unkept: Never,
) -> Ways[P, Coroutine[Any, Any, Answer[T]]]: ...


@overload
def first_of(
    *options: Callable[P, T],
    within: float | None = None,
    deadline: float | None = None,
    max_latency: float | None = None,
    breaker: Breaker | None = None,
    classify: Classify | None = None,
    name: str = "first_of",
    sinks: Iterable[Sink] = (),
    io: World | None = None,
    **_unkept: Never,
) -> Ways[P, Answer[T]]: ...


def first_of(
    *options: Callable[..., Any],
    within: float | None = None,
    deadline: float | None = None,
    max_latency: float | None = None,
    breaker: Breaker | None = None,
    classify: Classify | None = None,
    name: str = "first_of",
    sinks: Iterable[Sink] = (),
    io: World | None = None,
    **_unkept: Never,
) -> Any:
    """A function that asks these in order, until one gives an answer. Each has a circuit and a timer of its own.

        ask = outlast.first_of(ask_openai, ask_anthropic, within=2.0)
        answer = await ask("hi")                    # answer.value, .by, .source, .failures

    What fails, throttles, refuses our key or takes too long is passed by; a request that is wrong is wrong everywhere,
    and its error goes through as it is.

    Args:
        options: functions that take the same, all of them coroutine functions or all plain. Plain ones run in threads
            where `within` is given, since nothing else could leave them behind; 256 of each at most.
        within: each has so many seconds.
        deadline: all of them have.
        max_latency: one whose live p99 is above that, by 20 samples of five minutes, comes last; one call in twenty
            asks it in its turn all the same, so that a bad time is not for ever.
        breaker: their circuits; `Breaker()` as it is, unless given.
        classify: takes an exception and says "failure", "throttled", "neutral" (a wrong request), or None: as usual.
        name: what errors and events call it.
        sinks: who hears of every event.
        io: the clock, the dice and the places to wait, where a test brings its own.

    Raises:
        Exhausted: by calls, when all have failed; from the last error, with the reasons of all in `attempts`.
        Rejected: by calls, when none could even be asked; `retry_after` is the smallest.
        TypeError, ValueError: a parameter is out of bounds, or promises what is not kept here.
    """
    refuse("first_of", _unkept, UNKEPT)
    if len(options) < 2:
        raise TypeError("first_of() takes two functions or more; for one use outlast.guard")
    named = dict(zip(_names(options), options, strict=True))
    settings = _Settings(within, breaker or Breaker(), classify, tuple(sinks), io)
    return _ladder(name, named, "fallback", settings, deadline, max_latency)


@overload
def tiers(  # type: ignore[overload-overlap]  # as above
    *,
    within: float | None = None,
    deadline: float | None = None,
    max_latency: float | None = None,
    breaker: Breaker | None = None,
    classify: Classify | None = None,
    name: str = "tiers",
    sinks: Iterable[Sink] = (),
    io: World | None = None,
    **models: Callable[P, Coroutine[Any, Any, T]],
) -> Ways[P, Coroutine[Any, Any, Answer[T]]]: ...


@overload
def tiers(
    *,
    within: float | None = None,
    deadline: float | None = None,
    max_latency: float | None = None,
    breaker: Breaker | None = None,
    classify: Classify | None = None,
    name: str = "tiers",
    sinks: Iterable[Sink] = (),
    io: World | None = None,
    **models: Callable[P, T],
) -> Ways[P, Answer[T]]: ...


def tiers(
    *,
    within: float | None = None,
    deadline: float | None = None,
    max_latency: float | None = None,
    breaker: Breaker | None = None,
    classify: Classify | None = None,
    name: str = "tiers",
    sinks: Iterable[Sink] = (),
    io: World | None = None,
    **models: Callable[..., Any],
) -> Any:
    """The same as `first_of`, from the best model to the least: every answer but that of the first is degraded.

        ask = outlast.tiers(strong=ask_opus, weak=ask_haiku, within=10)
        answer = await ask("hi")                    # answer.by is "weak", .source "weaker", .degraded true

    For models behind `Client` and the gateway it is a route: `[routes.smart]`, `targets = ["anthropic/…", "openai/…"]`.
    """
    if len(models) < 2:
        raise TypeError("tiers() takes two functions or more, each by a name of yours: tiers(strong=…, weak=…)")
    settings = _Settings(within, breaker or Breaker(), classify, tuple(sinks), io)
    return _ladder(name, models, "weaker", settings, deadline, max_latency)


class _Settings:
    """What all ways have in common."""

    __slots__ = ("breaker", "classify", "io", "sinks", "within")

    def __init__(
        self,
        within: float | None,
        breaker: Breaker,
        classify: Classify | None,
        sinks: tuple[Sink, ...],
        io: World | None,
    ) -> None:
        self.within = within
        self.breaker = breaker
        self.classify = classify
        self.sinks = sinks
        self.io = io

    def guarded(self, name: str, function: Callable[..., Any]) -> Guard:
        """The guard of one way."""
        classify = for_its_circuit(name, self.classify)
        policies = around(function, self.within, self.breaker)
        return guard(*policies, name=name, classify=classify, sinks=self.sinks, io=self.io)


def _ladder(
    name: str,
    options: Mapping[str, Callable[..., Any]],
    later: Source,
    settings: _Settings,
    deadline: float | None,
    max_latency: float | None,
) -> Ways[Any, Any]:
    for parameter, seconds in (("deadline", deadline), ("max_latency", max_latency)):
        if seconds is not None and not seconds > 0:
            raise ValueError(f"{name}({parameter}={seconds!r}): use a number of seconds above 0")
    ways = [
        Way(option, later if at else "primary", function, settings.guarded(option, function))
        for at, (option, function) in enumerate(options.items())
    ]
    ladder = Ladder(
        ways,
        lambda failed: _nothing_left(name, failed),
        deadline=deadline,
        max_latency=max_latency,
        classify=settings.classify,
        sinks=settings.sinks,
        io=settings.io,
    )
    return ladder.as_function(next(iter(options.values())), name)


def _nothing_left(name: str, failed: Failed) -> Exception:
    """All have failed, or none could be asked."""
    reasons = history(failed)
    sent = [error for _, _, error in failed if not isinstance(error, Rejected)]
    if not sent:
        wait = least_wait(failed)
        more = "" if wait is None else f"; try again in {wait:.3g} s"
        refusal = Rejected(
            f"{name}: none of {len(failed)} can be asked now{more}",
            gate="first_of",
            code="nobody_left",
            retry_after=wait,
        )
        refusal.attempts = reasons
        return refusal
    exhausted = Exhausted(name, sent[-1], reasons, "nobody else is left")
    exhausted.retry_after = least_wait(failed)
    exhausted.__cause__ = sent[-1]
    return exhausted


def _names(options: Sequence[Callable[..., Any]]) -> list[str]:
    """What they are called, told apart by numbers where that is the same."""
    names: list[str] = []
    for option in options:
        called = cast("str", getattr(option, "__name__", type(option).__name__))
        many = sum(name == called or name.startswith(f"{called}-") for name in names)
        names.append(f"{called}-{many + 1}" if many else called)
    return names
