"""The course of a call through a guard's policies, written once for coroutines and for plain functions.

    limits of calls ──▶ retry ─┬─▶ limits ▸ slots ▸ breaker ▸ attempt ──▶ answer
                               └────────── backoff ◀── failed ───┘

What an attempt holds lives from `enter` to `settle`, and is settled in one of three places: after an exception, after
an answer, or when the stream is over that the answer is the beginning of. Nothing awaits after a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from itertools import count
from math import inf
from types import CoroutineType
from typing import Any, TypeVar

from outlast.guard.again import Again
from outlast.guard.bill import Bill
from outlast.guard.desk import Desk
from outlast.guard.errors import Attempt, OutOfTime, Unsatisfying
from outlast.guard.judge import Judge
from outlast.guard.left import DUE, outer_due
from outlast.guard.machines import Held
from outlast.guard.order import Plan
from outlast.guard.policies import Fallback, KeyOf
from outlast.guard.turn import Turn
from outlast.layers.bulkhead import Ticket
from outlast.model.caller import UserType
from outlast.model.errors import Failure, Rejected
from outlast.model.events import AttemptEnded, Event, FailedOver, LimitHit, Refused, Shed

T = TypeVar("T")

LIMITS: dict[str, UserType] = {"limits": "operator", "caller_limits": "user"}
"""Gates that are limits, and whose."""

LEASE = 120.0
"""A probe that has no limit is taken for lost after so many seconds, and a little more."""


class Course:
    """Takes calls through the policies of one guard.

    Args:
        plan: the policies.
        desk: their machines.
        name: what errors and events call the guard.
        judge: what failures mean.
        key: whose machines a call falls under, as a function of its arguments.
        failed: is that result a failure?
        tell: takes events; None when nobody listens.
    """

    __slots__ = (
        "_again",
        "_attempts",
        "_caller",
        "_calls",
        "_failed",
        "_key",
        "_numbers",
        "_tell",
        "_timeout",
        "desk",
        "judge",
        "keyed",
        "name",
        "plan",
        "stall",
    )

    def __init__(
        self,
        plan: Plan,
        desk: Desk,
        name: str,
        judge: Judge,
        *,
        key: KeyOf | None,
        failed: Callable[[Any], bool] | None,
        tell: Callable[[Event], None] | None,
    ) -> None:
        self.plan = plan
        self.desk = desk
        self.name = name
        self.judge = judge
        self._key = key
        self.keyed = key is not None
        self._caller = None if plan.slots is None else plan.slots.key
        self._failed = failed
        self._tell = tell
        self._numbers = count(1)
        self._timeout = inf if plan.timeout is None else plan.timeout.seconds
        self.stall = self._timeout if plan.timeout is None else plan.timeout.stall or plan.timeout.seconds
        self._calls = Bill(plan.calls, 0)
        self._attempts = Bill(plan.attempts, len(plan.calls))
        self._again = None if plan.retry is None else Again(plan.retry, desk, name, judge, self.once, tell)

    # -- a whole call ------------------------------------------------------------------------------------------

    async def take(self, turn: Turn[T]) -> T:
        """What the guarded function gives in the end.

        Raises:
            Rejected: it was never called.
            Exhausted: it failed, and was called again until nothing was left.
            Exception: its own, which nobody takes for a failure, or nobody retries.
        """
        io, plan = turn.io, self.plan
        now = io.now()
        due = inf if plan.deadline is None else now + plan.deadline.seconds
        turn.deadline = due if DUE.get() is None else min(due, outer_due(io.now, now))
        turn.machines = self.desk.machines(
            None if self._key is None else str(self._key(*turn.args, **turn.kwargs)), now
        )
        if self._tell is not None:
            turn.id = f"{self.name}-{next(self._numbers)}"
        if plan.fallback is not None:
            return await self._or_instead(turn, plan.fallback)
        return await self._through(turn)

    async def _or_instead(self, turn: Turn[T], fallback: Fallback) -> T:
        """What the function gives, or what is given instead of a failure that is not the caller's fault."""
        try:
            return await self._through(turn)
        except Exception as error:
            if not self.judge.degrades(error, fallback):
                raise
            if self._tell is not None:
                kind = self.judge.verdict(error).kind
                self._tell(FailedOver(turn.id, self.name, f"{self.name}/fallback", kind))
        if fallback.call is None:
            return turn.instead(fallback.value)
        given = fallback.call(*turn.args, **turn.kwargs)
        return turn.instead(await given if isinstance(given, CoroutineType) else given)

    def _through(self, turn: Turn[T]) -> Coroutine[Any, Any, T]:
        return self._charged(turn) if self.plan.calls else self._sent(turn)

    async def _sent(self, turn: Turn[T]) -> T:
        if self._again is not None:
            return await self._again.take(turn)
        try:
            return await self.once(turn)
        except Unsatisfying as unsatisfying:
            result: T = unsatisfying.result
            return result

    async def _charged(self, turn: Turn[T]) -> T:
        """Charged to the limits of calls first; they are refunded when nothing was sent."""
        io = turn.io
        held = self._hold(turn, self._calls)
        try:
            started = io.now()
            wait = self._paid(turn, held, started)
            if wait > 0:
                await io.sleep(wait)
                turn.waited = io.now() - started
            return await self._sent(turn)
        finally:
            held.sent = turn.number > 0
            self.desk.settle(held, "neutral", io.now())

    def _paid(self, turn: Turn[T], held: Held, now: float) -> float:
        try:
            return self.desk.pay(held, now)
        except Rejected as refusal:
            self._refused(turn, refusal)
            raise

    def _hold(self, turn: Turn[T], bill: Bill) -> Held:
        caller = self._caller
        return Held(
            machines=turn.machines,
            call=turn.id,
            charges=bill.of(turn.args, turn.kwargs),
            caller="" if caller is None else str(caller(*turn.args, **turn.kwargs)),
            deadline=turn.deadline,
            lease_for=min(self._timeout, LEASE),
        )

    # -- one attempt -------------------------------------------------------------------------------------------

    async def once(self, turn: Turn[T]) -> T:
        """One attempt: what it needs is got, held while it lasts, and given back with how it ended."""
        io, desk = turn.io, self.desk
        held = turn.held = self._hold(turn, self._attempts)
        started = io.now()
        try:
            wait = desk.enter(held, started, io.waiter)
            if wait is not None:
                started = await self._waited(turn, held, wait, started)
            due = min(turn.deadline, started + self._timeout)
            if due < inf:
                answer = await self._in_time(turn, held, started, due)
            else:
                held.sent = True
                turn.number += 1
                answer = await turn.attempt(turn, due)
            if self._failed is not None and not turn.stream and self._failed(answer):
                raise Unsatisfying(answer)  # noqa: TRY301  (it is settled as any failure)
        except BaseException as error:
            self._broke(turn, held, started, error)
            raise
        now = io.now()
        slow = now - started > self.judge.slow_after
        if turn.stream:
            desk.answered(held, now, slow=slow)
        else:
            desk.settle(held, "success", now, slow=slow)
        if self._tell is not None:
            self._ended(turn, "ok", now - started)
        return answer

    async def _waited(self, turn: Turn[T], held: Held, wait: float | Ticket | None, since: float) -> float:
        """The moment at which all is held that the attempt needs."""
        io, now = turn.io, since
        while wait is not None:
            if not isinstance(wait, Ticket):
                await io.sleep(wait)
            elif wait.waiter is not None:
                await wait.waiter.wait(min(wait.since + wait.slots.config.wait, turn.deadline))
            now = io.now()
            wait = self.desk.enter(held, now, io.waiter)
        turn.waited += now - since
        return now

    async def _in_time(self, turn: Turn[T], held: Held, started: float, due: float) -> T:
        """An attempt that knows when it has to be over."""
        if due <= started:
            raise Rejected(f"{self.name}: no time is left before the deadline", gate="deadline", code="deadline")
        token = DUE.set((due, turn.io.now))
        try:
            held.sent = True
            turn.number += 1
            return await turn.attempt(turn, due)
        finally:
            DUE.reset(token)

    # -- ends --------------------------------------------------------------------------------------------------

    def _broke(self, turn: Turn[T], held: Held, started: float, error: BaseException) -> None:
        """There is no answer: what was held is given back, and what it means is noted on the turn."""
        now = turn.io.now()
        if not held.sent:
            self.desk.settle(held, "neutral", now)
            if isinstance(error, Rejected):
                self._refused(turn, error)
            return
        seconds = now - started
        verdict = self._learn(held, error, now, seconds)
        if not isinstance(error, Exception):
            return
        if self._again is not None:
            turn.verdict = verdict
        kind = verdict.kind
        turn.history.append(
            Attempt(
                turn.id,
                self.name,
                self.name,
                "",
                turn.number,
                kind,
                seconds,
                message=verdict.message,
                error=type(error).__name__,
                waited=turn.waited,
            )
        )
        turn.waited = 0.0
        if self._tell is not None:
            self._ended(turn, kind, seconds, verdict.message)

    def over(self, turn: Turn[Any], error: BaseException | None, now: float) -> None:
        """A stream is over: what it held is given back, and a success that broke becomes a failure."""
        held = turn.held
        if held is None:
            return
        if error is None:
            self.desk.settle(held, "success", now)
        else:
            self._learn(held, error, now, 0.0)

    def _learn(self, held: Held, error: BaseException, now: float, seconds: float) -> Failure:
        """What the error means, told to those who have held something for it."""
        judge, desk = self.judge, self.desk
        try:
            verdict = judge.verdict(error)
            outcome = judge.outcome(error, verdict, seconds)
        except BaseException:
            desk.settle(held, "neutral", now)  # a hook has failed: nothing may be kept for that
            raise
        desk.settle(held, outcome, now, slow=judge.slow(error, seconds), hint=verdict.retry_after or 0.0)
        return verdict

    def out_of_time(self, turn: Turn[Any], due: float) -> OutOfTime:
        """What is raised when that moment has come."""
        if due >= turn.deadline:
            return OutOfTime(f"{self.name}: the deadline has passed", phase="deadline")
        return OutOfTime(f"{self.name}: no answer within {self._timeout:.3g} s", phase="attempt")

    def stalled(self) -> OutOfTime:
        """What is raised when a stream has not gone on in time."""
        return OutOfTime(f"{self.name}: nothing more within {self.stall:.3g} s", phase="stall")

    # -- telling -----------------------------------------------------------------------------------------------

    def _ended(self, turn: Turn[Any], kind: str, seconds: float, message: str = "") -> None:
        if self._tell is not None:
            ended = AttemptEnded(turn.id, self.name, self.name, "", turn.number, kind, seconds, message=message)
            self._tell(ended)

    def _refused(self, turn: Turn[Any], refusal: Rejected) -> None:
        """One of our gates has said no."""
        if self._tell is None:
            return
        if refusal.gate in LIMITS:
            self._tell(LimitHit(turn.id, self.name, refusal.message, LIMITS[refusal.gate], refusal.retry_after))
        elif refusal.gate == "slots":
            self._tell(Shed(turn.id, self.name, refusal.message, refusal.retry_after or 0.0))
        else:
            self._tell(Refused(turn.id, self.name, refusal.gate, refusal.message, refusal.retry_after))
