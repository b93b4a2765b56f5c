"""An answer as fast as a provider gives it: pauses before its content, and the end of it all when the provider dies.

    Behaviour ──play──> steps ──paced()──> the same steps, with a pause before the first content and between pieces

A whole answer waits before its head, as long as its stream would take in all. Refusals wait for nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from random import Random

from outlast.lab.answer import Asked, compose
from outlast.lab.laws import Latency, drawn
from outlast.lab.script import Behaviour
from outlast.lab.steps import Body, Head, Headers, Pause, Raw, Rst, Silence, Step

_GLANCE = 0.1
"""Seconds after which a provider that is about to break looks whether it has."""


class Pace:
    """The waits of one answer, drawn as they come.

    Args:
        first: seconds to the first content.
        between: seconds between pieces.
        dice: what the waits are drawn with.
        now: seconds on a clock; a pause that took longer than it should is made up for by the next.
        factor: how many times longer everything takes.
        delay: seconds before the first content, besides.

    Attributes:
        begun: has there been content?
        good: is it an answer, and no refusal?
    """

    __slots__ = ("_between", "_delay", "_dice", "_due", "_factor", "_first", "_now", "begun", "good")

    def __init__(
        self,
        first: Latency,
        between: Latency,
        dice: Random,
        now: Callable[[], float],
        *,
        factor: float = 1.0,
        delay: float = 0.0,
    ) -> None:
        self._first = first
        self._between = between
        self._dice = dice
        self._now = now
        self._factor = factor
        self._delay = delay
        self.begun = False
        self.good = False
        self._due: float | None = None

    def pause(self, pieces: int) -> Pause:
        """What passes before the next pieces of content."""
        now = self._now()
        # Never from a moment to come: a clock that stands still must not add up the pauses.
        self._due = min(now, now if self._due is None else self._due) + sum(self._wait() for _ in range(pieces))
        return Pause(max(0.0, self._due - now))

    def interrupted(self) -> None:
        """Something else took time: what comes next counts from then."""
        self._due = None

    def _wait(self) -> float:
        if self.begun:
            return drawn(self._between, self._dice) * self._factor
        self.begun = True
        return drawn(self._first, self._dice) * self._factor + self._delay


def paced(behaviour: Behaviour, pace: Pace) -> Behaviour:
    """The same behaviour at this pace."""
    return Behaviour(behaviour.name, lambda asked: _paced(behaviour.play(asked), pace, asked), behaviour.early)


def headed(behaviour: Behaviour, headers: Headers) -> Behaviour:
    """The same behaviour with more headers on its answer."""

    def play(asked: Asked) -> Iterator[Step]:
        for step in behaviour.play(asked):
            yield _with(step, headers) if isinstance(step, Head) else step

    return Behaviour(behaviour.name, play, behaviour.early)


def breakable(behaviour: Behaviour, broken: Callable[[], bool], *, attentive: bool) -> Behaviour:
    """The same behaviour, reset as soon as the provider is `broken`; if `attentive`, also in the midst of a pause."""

    def play(asked: Asked) -> Iterator[Step]:
        steps = behaviour.play(asked)
        for step in _glancing(steps) if attentive else steps:
            if broken():
                yield Rst()
                return
            yield step

    return Behaviour(behaviour.name, play, behaviour.early)


def counted(behaviour: Behaviour, count: Callable[[int], None]) -> Behaviour:
    """The same behaviour; `count` is told of pieces of content as they are made."""

    def play(asked: Asked) -> Iterator[Step]:
        for step in behaviour.play(asked):
            if isinstance(step, Body) and step.pieces:
                count(step.pieces)
            yield step

    return Behaviour(behaviour.name, play, behaviour.early)


def _paced(steps: Iterable[Step], pace: Pace, asked: Asked) -> Iterator[Step]:
    held: Head | None = None
    for step in steps:
        if held is not None:
            yield pace.pause(_made(step, asked))
            yield held
            held = None
        elif pieces := _due_before(step, pace, asked):
            yield pace.pause(pieces)
        if isinstance(step, Head):
            pace.good = step.status == 200
            held = step if pace.good and step.framing == "length" else None
        if held is None:
            yield step
    if held is not None:
        yield held


def _due_before(step: Step, pace: Pace, asked: Asked) -> int:
    """Pieces of content that are to be waited for before this step of a stream, or of what was written by hand."""
    match step:
        case Body(pieces=None):
            return int(pace.good and not pace.begun)
        case Body(pieces=int(pieces)):
            return pieces
        case Raw(data) if data.startswith(b"HTTP/1.1 200"):
            return _made(step, asked)
        case Pause(seconds) if seconds > 0:
            pace.interrupted()
    return 0


def _glancing(steps: Iterable[Step]) -> Iterator[Step]:
    """The same steps, with long pauses, and silence, in pieces."""
    for step in steps:
        if isinstance(step, Silence):
            yield from itertools.repeat(Pause(_GLANCE))
        left = step.seconds if isinstance(step, Pause) else 0.0
        while left > _GLANCE:
            yield Pause(_GLANCE)
            left -= _GLANCE
        yield Pause(left) if isinstance(step, Pause) else step


def _made(step: Step, asked: Asked) -> int:
    """Pieces of content that were made before this step of a whole answer."""
    if isinstance(step, Body) and step.pieces:
        return step.pieces
    return len(compose(asked).tokens) if asked.kind == "chat" else 1


def _with(head: Head, headers: Headers) -> Head:
    said = {name.lower() for name, _ in head.headers}
    more = tuple((name, value) for name, value in headers if name not in said)
    return Head(head.status, head.headers + more, head.framing, head.length)
