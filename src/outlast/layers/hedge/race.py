"""One call and its two legs: the first is sent, and when it takes long the second."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from outlast.flow.call import Answer, Call, Handler, Legs
from outlast.flow.stream import Stream
from outlast.model.errors import ContextLength, Failure, Rejected
from outlast.model.events import HedgeLost, HedgeRefused, HedgeStarted, HedgeWon
from outlast.model.target import Target
from outlast.ports import Race

LATER = 0.001
"""Seconds: what comes at the very moment at which it was expected is not late."""


class Draw(Protocol):
    """One call that a budget has granted."""

    def done(self) -> None:
        """It has been made."""
        ...

    def undo(self, now: float) -> None:
        """It was not made after all."""
        ...


class Leave(Struct, frozen=True):
    """Leave to ask `target` too: out of its budget, and out of what a route may be asked twice."""

    target: Target
    draw: Draw
    give_back: Callable[[], None]


class Rules(Protocol):
    """What a hedge asks before it does anything."""

    def patience(self, call: Call, now: float) -> float | None:
        """Seconds after which this attempt takes unusually long; None while too little is known."""
        ...

    def leave(self, hedge: Hedge, awaited: Call, now: float) -> Leave | str:
        """Leave to ask another target beside the one that is awaited, or why not."""
        ...


class Ran(Struct):
    """What a leg brought."""

    answer: Answer
    second: bool


class Hedge(Legs, eq=False, kw_only=True):
    """One call that may be made twice. Waits with the clock of `Io.watch`, so that no task sleeps.

    Attributes:
        due: when the second leg starts; infinite while nothing is awaited.
    """

    rules: Rules
    call: Call
    inner: Handler
    due: float = inf
    _race: Race[Ran] | None = None
    _awaited: Call | None = None
    _since: float = 0.0
    _leave: Leave | None = None
    _hedged: bool = False
    _sent: bool = False
    _failure: Failure | None = None

    async def answer(self) -> Answer:
        """What the leg that speaks first brings, or the last real failure of both."""
        io = self.call.io
        race = self._race = io.race(_decides, _let_go)
        race.enter(self._run(replace(self.call, legs=self)))
        try:
            ran = await race.winner()
            if ran.second:
                self._won()
            return ran.answer  # noqa: TRY300  (the legs' ends are one story)
        except Rejected:
            if self._failure is None:
                raise
            raise self._failure from None
        finally:
            self._lost("cancelled")
            self._race = self._awaited = self._failure = None  # errors name frames that name this

    async def _run(self, leg: Call) -> Ran:
        """One leg, to its answer or its last failure."""
        second = leg.toward is not None
        try:
            return Ran(await self.inner(leg), second)
        except Failure as failure:
            if not isinstance(failure, Rejected):
                self._failure = failure
            if second:
                self._lost(failure.kind)
            raise
        finally:
            self.racing = False

    def sent(self, view: Call, now: float) -> None:
        """An attempt is being sent. If it is the first leg's, it is awaited only so long."""
        if view.toward is not None:
            self._sent = True
        elif not self._hedged and (patience := self.rules.patience(view, now)) is not None:
            self._awaited, self._since = view, now
            view.io.watch(self, now + patience + LATER)

    def rest(self, view: Call) -> None:
        """That attempt has content, or is over."""
        if view is self._awaited:
            self._awaited = None
            view.io.watch(self, inf)

    def expire(self) -> None:
        """It has had no content in its time: ask another target too, if that may be."""
        call, awaited, race = self.call, self._awaited, self._race
        if awaited is None or race is None:
            return
        now = call.io.now()
        leave = self.rules.leave(self, awaited, now)
        if isinstance(leave, str):
            call.io.emit(HedgeRefused(call.id, awaited.target.name, leave))
            return
        target = leave.target
        started = HedgeStarted(call.id, target.name, awaited.target.name, now - self._since)
        self._leave, self._since = leave, now
        self._hedged = self.racing = True
        self.tried.add(target.name)
        call.io.emit(started)
        race.enter(self._run(replace(call, legs=self, toward=target)))

    def _won(self) -> None:
        now = self.call.io.now()
        leave = self._settled(now)
        if leave is not None:
            self.call.io.emit(HedgeWon(self.call.id, leave.target.name, now - self._since))

    def _lost(self, kind: str) -> None:
        leave = self._settled(self.call.io.now())
        if leave is not None:
            self.call.io.emit(HedgeLost(self.call.id, leave.target.name, kind))

    def _settled(self, now: float) -> Leave | None:
        """The leave that was given, settled; None if that has been done, or none was given."""
        leave, self._leave = self._leave, None
        if leave is not None and self._sent:
            leave.draw.done()
        elif leave is not None:
            leave.draw.undo(now)
            leave.give_back()
        return leave


def _decides(error: BaseException) -> bool:
    """Does this error of one leg end the other too: would it be the same there?"""
    return not isinstance(error, Failure) or not (error.onward or isinstance(error, ContextLength))


def _let_go(ran: Ran) -> None:
    """It came too late."""
    if isinstance(ran.answer, Stream):
        ran.answer.abort("another attempt was faster")
