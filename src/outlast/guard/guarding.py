"""A guard: policies around any callable."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar, cast, overload

from outlast.edge.blocking import BlockingIo
from outlast.guard import contexts, forks, generators, plain, threads
from outlast.guard.blocks import Block
from outlast.guard.classify import Classify
from outlast.guard.course import Course
from outlast.guard.desk import Desk
from outlast.guard.explain import State, explained, state_of
from outlast.guard.judge import Judge
from outlast.guard.kinds import Kind, kind_of
from outlast.guard.operator import Operator
from outlast.guard.order import planned
from outlast.guard.policies import KeyOf, Policy
from outlast.guard.world import World
from outlast.layers.breaker import Change, changed
from outlast.model.events import Event
from outlast.ports import Sink

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_BLOCKING = BlockingIo()
_NUMBERS = itertools.count(1)

MOST_NAMED = 64
"""Of so many functions that it is applied to, a guard tells the names."""


class Guard:
    """Policies around any callable. Made by `guard(…)`.

    One guard is one dependency: whatever it is applied to shares its circuit, limits, slots and retry budget. Any
    number of threads and event loops may use it at once, and it lives on in a forked child.

    Attributes:
        name: what errors and events call it.
        breaker: an operator's hand on the circuit.
    """

    __slots__ = ("__weakref__", "_applied", "_course", "_desk", "_io", "breaker", "name")

    def __init__(self, course: Course, desk: Desk, io: World | None) -> None:
        self.name = course.name
        self._course = course
        self._desk = desk
        self._io = io
        self._applied: dict[str, Kind] = {}
        self.breaker = Operator(desk, (io or _BLOCKING).now)

    def __repr__(self) -> str:
        return f"Guard({self.name!r}, {', '.join(type(policy).__name__ for policy in self._course.plan.policies())})"

    def __call__(self, function: F) -> F:
        """The same callable, guarded: as a decorator, or `guarded = search(function)`.

        Takes functions, coroutine functions, generators and async generators, functions of `contextmanager` and
        `asynccontextmanager`, methods of all kinds, `functools.partial` and objects with `__call__`; gives the same
        kind and type.

        Raises:
            TypeError: it is nothing of the kind.
        """
        if isinstance(function, (classmethod, staticmethod)):
            return cast("F", type(function)(self(function.__func__)))
        if isinstance(function, type) or not callable(function):
            raise TypeError(
                f"{self.name} goes around functions, not {function!r}: for a class, guard its methods, or use "
                "guard.call(TheClass, …)"
            )
        kind = kind_of(function)
        if len(self._applied) < MOST_NAMED:
            self._applied[getattr(function, "__qualname__", type(function).__name__)] = kind
        return cast("F", as_before(function, self._around(kind, function)))

    def _around(self, kind: Kind, function: Callable[..., Any]) -> Callable[..., Any]:
        if kind == "coroutine function":
            return self._around_coroutine(function)
        start = self._starter(kind)

        @wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  (whatever the function takes and gives)
            return start(function, args, kwargs)

        return guarded

    def _around_coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        start = self._starter("coroutine function")

        @wraps(function)
        async def guarded(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  (as above)
            return await start(function, args, kwargs)

        return guarded

    def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What the callable gives, called through the guard; to be awaited where it is a coroutine function.

        Raises:
            Rejected: it was never called: a breaker, limit, slot or deadline said no. `retry_after` says how long.
            Exhausted: it failed, and was called again until nothing was left. `attempts` is the history.
            OutOfTime: its time was up; a TimeoutError.
            Exception: its own, which no policy takes for a failure, or which is not to be retried.
        """
        return cast("T", self._starter(kind_of(function))(function, args, kwargs))

    @overload
    def entering(
        self, manager: Callable[P, AbstractAsyncContextManager[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> AbstractAsyncContextManager[T]: ...

    @overload
    def entering(
        self, manager: Callable[P, AbstractContextManager[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> AbstractContextManager[T]: ...

    def entering(self, manager: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """The context manager that this gives, guarded: for classes and functions of which only a human knows it.

        To have entered it is a success, until the block breaks; for what succeeds when it is over, use `block`.
        """
        return self._enter(manager, args, kwargs)

    def block(self, *args: object, **kwargs: object) -> Block:
        """For `with` or `async with`: what stands inside is one attempt, from its first line to its last.

        Takes what `key=` takes, where there is one; good for one time.

        Raises:
            TypeError: the guard would have to repeat, interrupt or replace the block, which nobody can.
        """
        return Block(self._course, self._io or _BLOCKING, self._io, args, kwargs)

    def state(self, key: str | None = None) -> State:
        """How it stands, for that key where the guard has `key=`."""
        now = self._now()
        machines = self._desk.machines(key, now)
        return self._desk.locked(lambda: state_of(machines, now))

    def explain(self) -> str:
        """What it does, with the numbers, how it stands, and what it is applied to."""
        now = self._now()
        keyed = self._course.keyed
        known = self._desk.locked(
            lambda: [(key, state_of(of, now)) for key, of in self._desk.known() if (key is not None) == keyed]
        )
        applied = [
            f"{function}, a{'n' if kind[0] in 'aeiou' else ''} {kind}" for function, kind in self._applied.items()
        ]
        return explained(self.name, self._course.plan.policies(), known, applied)

    def _now(self) -> float:
        return (self._io or _BLOCKING).now()

    def _starter(self, kind: Kind) -> Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]:
        """What calls a callable of that kind through the guard."""
        course, given = self._course, self._io
        if kind == "function":
            in_thread = course.plan.timeout is not None and course.plan.timeout.in_thread
            if in_thread:
                return partial(threads.call if given is None else threads.at_once, course, given or _BLOCKING)
            return partial(plain.call, course, given or _BLOCKING)
        if kind == "generator":
            return partial(generators.call, course, given or _BLOCKING)
        if kind == "context manager":
            return self._enter
        from outlast.guard import async_generators, coroutines  # noqa: PLC0415  (asyncio takes long to import)

        return partial((coroutines if kind == "coroutine function" else async_generators).call, course, given)

    def _enter(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> contexts.Guarded[Any]:
        return contexts.Guarded(self._course, self._io or _BLOCKING, self._io, function, args, kwargs)


def guard(
    *policies: Policy,
    name: str | None = None,
    key: KeyOf | None = None,
    classify: Classify | None = None,
    failed: Callable[[Any], bool] | None = None,
    sinks: Iterable[Sink] = (),
    io: World | None = None,
) -> Guard:
    """Policies around any callable, outermost first.

    Args:
        policies: Fallback, Deadline, Retry, Limit, Slots, Breaker, Timeout; each is optional.
        name: what errors, events and `explain` call it; by default "guard-1" and so on.
        key: takes what the function takes and names whose call it is: each key has machines of its own, forgotten
            when they are as good as new.
        classify: takes an exception and says "failure", "throttled", "neutral", or None: as usual.
        failed: takes a result and says whether it is a failure all the same.
        sinks: who hears of every event.
        io: the clock, the dice and the places to wait: the system's, unless a test brings its own.

    Raises:
        OrderError: the policies cannot stand in this order; says why.
    """
    plan = planned(policies)
    called = name or f"guard-{next(_NUMBERS)}"
    tell = ears_of(tuple(sinks), io)
    desk = Desk(plan, called, (io or _BLOCKING).random, _changed(called, tell))
    forks.register(desk)
    judge = Judge(plan, classify)
    return Guard(Course(plan, desk, called, judge, key=key, failed=failed, tell=tell), desk, io)


def ears_of(sinks: tuple[Sink, ...], io: World | None) -> Callable[[Event], None] | None:
    """Who hears of events: the sinks, or an io that brings its own; None where nobody does."""
    if not sinks:
        return None if io is None else io.emit
    from outlast.edge.ears import Ears  # noqa: PLC0415  (it imports asyncio)

    return Ears(sinks if io is None else (*sinks, io.emit)).tell


def _changed(name: str, tell: Callable[[Event], None] | None) -> Callable[[Change, str], None] | None:
    """What tells of a circuit's transitions."""
    if tell is None:
        return None
    return lambda change, call: tell(changed(change, name, call))


def as_before(function: Callable[..., Any], guarded: Callable[..., Any]) -> Callable[..., Any]:
    """Guarded, and bound to instances exactly where the callable was: partial objects and the like never are."""
    if hasattr(type(function), "__get__") and not isinstance(function, partial):
        return guarded
    return cast("Callable[..., Any]", staticmethod(guarded))
