"""Retry in a guard: until there is an answer, or nothing is left to try it with.

Decision, backoff, hint and budget are the engine's (`outlast.layers.retry`); here is only how they are driven.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from outlast.guard.desk import Desk
from outlast.guard.errors import Exhausted, Unsatisfying, note
from outlast.guard.judge import Judge
from outlast.guard.policies import Retry
from outlast.guard.turn import Turn
from outlast.layers.retry import Draw, Move
from outlast.model.errors import Failure, Rejected
from outlast.model.events import Event, RetryRefused, RetryScheduled

T = TypeVar("T")


class Once(Protocol):
    """Makes one attempt."""

    def __call__(self, turn: Turn[T], /) -> Coroutine[Any, Any, T]:
        """What it gives. It notes on the turn what a failure means."""
        ...


class Again:
    """Makes attempts until there is an answer, or nothing is left."""

    __slots__ = ("_config", "_desk", "_judge", "_name", "_once", "_retry", "_tell")

    def __init__(
        self,
        retry: Retry,
        desk: Desk,
        name: str,
        judge: Judge,
        once: Once,
        tell: Callable[[Event], None] | None,
    ) -> None:
        self._retry = retry
        self._config = retry.config
        self._desk = desk
        self._name = name
        self._judge = judge
        self._once = once
        self._tell = tell

    async def take(self, turn: Turn[T]) -> T:
        """What the first attempt that succeeds gives.

        Raises:
            Rejected: nothing was ever sent.
            Exhausted: from the last error.
            Exception: one that is not worth another attempt, as it is.
        """
        if self._retry.budget:
            self._desk.deposit(turn.machines, turn.io.now())
        try:
            return await self._once(turn)
        except Exception as error:
            if not turn.number:
                raise
            failed = error
        try:
            return await self._on(turn, failed)
        finally:
            turn.verdict = None
            del failed  # an error that names the frame that names the error is freed by no count

    async def _on(self, turn: Turn[T], failed: Exception) -> T:
        why: str | None
        retry_after: float | None = None
        try:
            while True:
                granted = self._next(turn, failed)
                if isinstance(granted, Move):
                    why = granted.reason
                    break
                draw, delay = granted
                made = turn.number
                try:
                    await turn.io.sleep(delay)
                    turn.waited += delay
                    return await self._once(turn)
                except Rejected as refusal:
                    if turn.number == made or not self._judge.named(refusal):
                        why, retry_after = refusal.message, refusal.retry_after
                        break
                    failed = refusal
                except Exception as error:
                    if turn.number == made:
                        raise  # a function of the user's that says what a call costs, say
                    failed = error
                finally:
                    self._desk.drawn(draw, turn.io.now(), sent=turn.number > made)
            if why is None:
                raise failed
            self._refused(turn, why)
            if not self._retry.reraise:
                raise self._exhausted(turn, failed, why, retry_after) from failed
            if not isinstance(failed, Unsatisfying):
                raise _noted(failed, turn, why)
            result: T = failed.result
            return result
        finally:
            del failed  # as above

    def _next(self, turn: Turn[T], failed: Exception) -> tuple[Draw | None, float] | Move:
        """A draw on the budget and the seconds to wait, or why there is no further attempt."""
        now, verdict = turn.io.now(), turn.verdict
        decision = self._judge.again(turn, failed, now, turn.io.random())
        if isinstance(decision, Move) or verdict is None:
            return decision if isinstance(decision, Move) else Move()
        draw = None
        if self._retry.budget:
            cost = self._config.cost_throttled if verdict.again == "pause" else self._config.cost
            draw = self._desk.draw(turn.machines, cost, now)
            if draw is None:
                return Move("the retry budget is spent")
        if self._tell is not None:
            scheduled = RetryScheduled(
                turn.id, self._name, verdict.kind, decision.delay, turn.number + 1, hint=verdict.retry_after
            )
            self._tell(scheduled)
        return draw, decision.delay

    def _refused(self, turn: Turn[T], why: str) -> None:
        """No further attempt is made, and the sinks hear why."""
        verdict = turn.verdict
        if self._tell is not None and verdict is not None:
            kind, hint = verdict.kind, verdict.retry_after
            self._tell(RetryRefused(turn.id, self._name, kind, why, number=turn.number + 1, hint=hint))

    def _exhausted(self, turn: Turn[T], failed: Exception, why: str, retry_after: float | None) -> Exhausted:
        exhausted = Exhausted(self._name, failed, tuple(turn.history), why)
        hint = None if turn.verdict is None else turn.verdict.retry_after
        exhausted.retry_after = hint if retry_after is None else retry_after
        return exhausted


def _noted(error: Exception, turn: Turn[Any], why: str) -> Exception:
    """The same, with its history where a traceback shows it."""
    if isinstance(error, Failure):
        error.attempts = tuple(turn.history)
    note(error, (*turn.history, why))
    return error
