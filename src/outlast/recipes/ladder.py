"""Ways to an answer, one after the other, written once for coroutines and for plain functions.

way ──▶ answer, which says whose it is and why those before gave none
 │ failed, refused, out of time ──▶ next way ──▶ … ──▶ nothing is left: an error with the history
 │ a wrong request, the caller's own limit ──▶ his error, as it is: no other way would do better
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from math import inf
from types import MappingProxyType
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from outlast.edge.blocking import BlockingIo, driven
from outlast.guard.classify import Classify
from outlast.guard.errors import Attempt
from outlast.guard.guarding import Guard, ears_of
from outlast.guard.world import World
from outlast.model.errors import Rejected, TimedOut
from outlast.model.events import AttemptEnded, FailedOver
from outlast.ports import Sink
from outlast.recipes.answer import Answer, Source
from outlast.recipes.meaning import meaning_of, onward
from outlast.recipes.way import Arguments, Clock, NothingHere, Way

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)

EXPLORE = 0.05
"""The share of calls that asks a slow way in its turn all the same, to learn whether it still is slow."""

_SYSTEM = BlockingIo()


class Ways(Protocol[P, R_co]):
    """A function that asks one way after the other. Attributes: `guards`, those of the ways by name."""

    @property
    def guards(self) -> Mapping[str, Guard]:
        """The guards of the ways: their state, and an operator's hand on their circuits."""
        ...

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """An answer that says what it is; to be awaited where the ways are coroutine functions."""
        ...


class Rung(Protocol):
    """What a ladder asks of a way."""

    @property
    def name(self) -> str:
        """What answers and errors call it."""
        ...

    @property
    def source(self) -> Source:
        """What its answer is."""
        ...

    @property
    def awaits(self) -> bool:
        """Does it need an event loop?"""
        ...

    @property
    def judged(self) -> bool:
        """May its error be the caller's own?"""
        ...

    @property
    def guard(self) -> Guard | None:
        """Its policies."""
        ...

    def ask(self, arguments: Arguments, clock: Clock, due: float) -> Coroutine[Any, Any, Any]:
        """What it gives."""
        ...


Failed = list[tuple["Rung", tuple[Attempt, ...], Exception]]
"""Which ways gave no answer and why, in order. A way that has its own history tells all of it."""


class Ladder:
    """Asks one way after the other.

    Args:
        ways: in order.
        nothing_left: makes the error, or raises it, when none gave an answer.
        deadline: seconds for all of them.
        max_latency: seconds; a way whose live p99 is above comes last.
        classify: what an exception means, asked before the usual classification.
        sinks: who hears that one way was taken for another.
        io: the world; the system's when None.
    """

    __slots__ = ("_classify", "_deadline", "_max_latency", "_nothing_left", "_random", "_tell", "_ways", "clock")

    def __init__(
        self,
        ways: Sequence[Rung],
        nothing_left: Callable[[Failed], Exception],
        *,
        deadline: float | None,
        max_latency: float | None = None,
        classify: Classify | None = None,
        sinks: tuple[Sink, ...] = (),
        io: World | None = None,
    ) -> None:
        self._tell = ears_of(sinks, io)
        self._ways = tuple(ways)
        self._nothing_left = nothing_left
        self._deadline = inf if deadline is None else deadline
        self._max_latency = inf if max_latency is None else max_latency
        self._classify = classify
        self.clock: Clock = (io or _SYSTEM).now
        self._random = (io or _SYSTEM).random

    async def climb(self, arguments: Arguments) -> Answer[Any]:
        """The first answer.

        Raises:
            Exception: what the caller did wrong, as it is; or what `nothing_left` makes.
        """
        failed: Failed = []
        due = self.clock() + self._deadline
        for way in self._in_turn():
            started = self.clock()
            try:
                value = await way.ask(arguments, self.clock, due)
            except NothingHere:
                continue
            except Exception as error:
                self._took(way, started, error)
                why = self._reasons(way, error, len(failed) + 1, self.clock() - started)
                if not why:
                    raise
                failed.append((way, why, error))
            else:
                self._took(way, started, None)
                return self._answer(way, value, failed)
        try:
            raise self._nothing_left(failed)
        finally:
            failed.clear()  # an error that names the frame that names the error is freed by no count

    def _in_turn(self) -> Sequence[Rung]:
        """The ways in order, those last that have lately been too slow."""
        if self._max_latency == inf:
            return self._ways
        now = self.clock()
        slow = [way for way in self._ways if isinstance(way, Way) and way.slow(self._max_latency, now)]
        if not slow or self._random() < EXPLORE:
            return self._ways
        return [*(way for way in self._ways if way not in slow), *slow]

    def _took(self, way: Rung, started: float, error: Exception | None) -> None:
        """How long a way takes is known of answers, and of those that a timer cut."""
        if self._max_latency < inf and isinstance(way, Way) and (error is None or isinstance(error, TimedOut)):
            now = self.clock()
            way.took(now - started, now, self._random(), cut=error is not None)

    def _reasons(self, way: Rung, error: Exception, number: int, seconds: float) -> tuple[Attempt, ...]:
        """Why it gave no answer; nothing where that is the caller's own affair."""
        verdict = meaning_of(error, way.name, self._classify)
        if way.judged and not onward(verdict):
            return ()
        if verdict.attempts:
            return tuple(map(_attempt_of, verdict.attempts))
        name, kind, of = way.name, verdict.kind, type(error).__name__
        return (Attempt("", name, name, "", number, kind, seconds, message=verdict.message, error=of, waited=0.0),)

    def _answer(self, way: Rung, value: Any, failed: Failed) -> Answer[Any]:  # noqa: ANN401  (what the way has given)
        before = history(failed)
        if failed and self._tell is not None:
            self._tell(FailedOver("", failed[-1][0].name, way.name, before[-1].kind))
        failed.clear()
        if not isinstance(value, Answer):
            return Answer(value, way.source, way.name, before)
        source = value.source if way.source == "primary" or value.degraded else way.source
        return Answer(value.value, source, value.by, (*before, *value.failures))

    def as_function(self, like: Callable[..., Any], name: str) -> Ways[Any, Any]:
        """A function of this ladder: a coroutine function if any of its ways is one."""
        awaits = self._ways[0].awaits
        for way in self._ways:
            if way.awaits and not awaits:
                raise TypeError(
                    f"{name}: {way.name} is a coroutine function, and {self._ways[0].name} is not: without an event "
                    "loop nobody can await it. Make all of them the same"
                )
        function = self._coroutine() if awaits else self._plain()
        function.__name__ = function.__qualname__ = name
        function.__doc__ = like.__doc__
        function.__wrapped__ = like  # type: ignore[attr-defined]
        function.guards = MappingProxyType(  # type: ignore[attr-defined]
            {way.name: way.guard for way in self._ways if way.guard is not None}
        )
        return cast("Ways[Any, Any]", function)

    def _coroutine(self) -> Callable[..., Any]:
        async def asked(*args: Any, **kwargs: Any) -> Answer[Any]:  # noqa: ANN401  (what the ways take)
            return await self.climb((args, kwargs))

        return asked

    def _plain(self) -> Callable[..., Any]:
        def asked(*args: Any, **kwargs: Any) -> Answer[Any]:  # noqa: ANN401  (as above)
            return driven(self.climb((args, kwargs)))

        return asked


def _attempt_of(ended: AttemptEnded) -> Attempt:
    """An attempt of the engine's, told as one of a guard's."""
    if isinstance(ended, Attempt):
        return ended
    fields = {name: getattr(ended, name) for name in AttemptEnded.__struct_fields__}
    return Attempt(**fields, error=ended.kind, waited=0.0)


def history(failed: Failed) -> tuple[Attempt, ...]:
    """All that was tried, in order."""
    return tuple(attempt for _, why, _ in failed for attempt in why)


def least_wait(failed: Failed) -> float | None:
    """Seconds until one of those that refused may take a call."""
    refusals = [error for _, _, error in failed if isinstance(error, Rejected)]
    return min((refusal.retry_after for refusal in refusals if refusal.retry_after is not None), default=None)
