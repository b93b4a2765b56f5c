"""Retry on the same target: with full jitter, within a budget, and only where another target is no better.

    delay of attempt k:  U(0, min(cap, base * 2^(k-1)))         base 0.25 s, 1 s when overloaded; cap 20 s
    with a hint h:       max(delay, h + U(0, min(1, h / 10)))   a hint is a floor, jitter is only added

Two attempts per target while another is left, three on the last, six in all per routed call; a retry is made only while
the attempts left exceed the untried healthy targets. A wait longer than the caller's patience moves the call on.

Budget, per target: every request deposits 0.2 for 60 s; a retry costs 1, after a throttle 0.36, drawn before the sleep
and given back when the retry is not made after all. Beyond deposits there is a floor of 3 at a time and 10 in 10 s.

Sources: AWS "Exponential backoff and jitter", botocore's standard retry mode (costs), Finagle RetryBudget (deposits),
Envoy retry budgets (the floor).
"""

from __future__ import annotations

from math import inf

from msgspec import Struct

from outlast.flow.call import Answer, Call, Handler, Layer
from outlast.flow.kept import Kept
from outlast.layers.retry.budget import Budget, Draw
from outlast.layers.retry.config import RetryConfig
from outlast.layers.retry.decide import Move, SoFar, Wait, backoff, decide, delay_of, hinted
from outlast.model.errors import Failure, Rejected
from outlast.model.events import RetryRefused, RetryScheduled

__all__ = [
    "Budget",
    "Draw",
    "Move",
    "Retries",
    "RetryConfig",
    "SoFar",
    "Wait",
    "backoff",
    "decide",
    "delay_of",
    "hinted",
]

SPENT = "the retry budget is spent"
GONE = "more of the upload had been sent than is kept"


class Granted(Struct, frozen=True):
    """Leave to ask again, drawn on the budget: after how many seconds, and what is to be told of it."""

    draw: Draw
    delay: float
    event: RetryScheduled


class Run:
    """One call's stay on one target, after its first failure there; `before`: attempts that other stays made."""

    __slots__ = ("_before", "_budget", "_call", "_config", "_reconnected", "_waited")

    def __init__(self, config: RetryConfig, budget: Budget, call: Call, before: int = 0) -> None:
        self._config = config
        self._budget = budget
        self._call = call
        self._before = before
        self._waited = False
        self._reconnected = False

    def next(self, failure: Failure) -> Granted | None:
        """Leave to ask again; None to move on.

        `failure.again_at` is set where coming back later may help.
        """
        call, config = self._call, self._config
        if not call.repeatable:
            call.io.emit(RetryRefused(call.id, call.target.name, failure.kind, GONE))
            return None
        io = call.io
        now = io.now()
        so_far, dice = self._so_far(now), io.random()
        decision = decide(config, failure, so_far, now, dice)
        cost = config.cost_throttled if failure.again == "pause" else config.cost
        if isinstance(decision, Wait):
            before = self._budget.balance(now)
            draw = self._budget.withdraw(cost, now)
            if draw is not None:
                scheduled = self._scheduled(failure, so_far, now, draw, decision.delay, (cost, before))
                self._waited = self._waited or failure.again in {"once", "last"}
                self._reconnected = self._reconnected or failure.again == "at_once"
                return Granted(draw, decision.delay, scheduled)
            decision = Move(SPENT)
        failure.again_at = decision.ready
        if decision.reason is not None:
            delay = delay_of(config, failure, so_far, now, dice)
            io.emit(self._not_made(failure, so_far, now, delay, cost, decision.reason))
        return None

    def _scheduled(
        self, failure: Failure, so_far: SoFar, now: float, draw: Draw, delay: float, paid: tuple[float, float]
    ) -> RetryScheduled:
        call, config = self._call, self._config
        cost, before = paid
        return RetryScheduled(
            call=call.id,
            target=call.target.name,
            kind=failure.kind,
            delay=delay,
            number=so_far.total + 1,
            least=delay_of(config, failure, so_far, now, 0.0),
            most=delay_of(config, failure, so_far, now, 1.0),
            hint=failure.retry_after,
            cost=cost,
            before=before,
            after=self._budget.balance(now),
            floor=draw.free,
        )

    def _not_made(
        self, failure: Failure, so_far: SoFar, now: float, delay: float, cost: float, reason: str
    ) -> RetryRefused:
        call = self._call
        return RetryRefused(
            call=call.id,
            target=call.target.name,
            kind=failure.kind,
            reason=reason,
            delay=delay,
            patience=so_far.patience if so_far.patience < inf else None,
            left=so_far.left,
            number=so_far.total + 1,
            healthy=so_far.healthy,
            cost=cost,
            balance=self._budget.balance(now),
            hint=failure.retry_after,
        )

    def revisit(self) -> Granted | None:
        """Coming back to a target that has failed before is a retry too."""
        call, cost = self._call, self._config.cost_throttled
        now = call.io.now()
        before = self._budget.balance(now)
        draw = self._budget.withdraw(cost, now)
        kind = next((past.kind for past in reversed(call.story.tried) if past.target == call.target.name), "")
        number = call.story.made + 1
        if draw is None:
            call.io.emit(
                RetryRefused(call.id, call.target.name, kind, SPENT, 0.0, number=number, cost=cost, balance=before)
            )
            return None
        after = self._budget.balance(now)
        scheduled = RetryScheduled(
            call.id, call.target.name, kind, 0.0, number, cost=cost, before=before, after=after, floor=draw.free
        )
        return Granted(draw, 0.0, scheduled)

    def refused(self, failure: Failure, by: Rejected) -> None:
        """A gate of our own has refused the retry: the caller hears of the real failure, not of that."""
        call = self._call
        if by.gate == "pause" and by.retry_after is not None:
            failure.again_at = call.io.now() + by.retry_after
        call.io.emit(RetryRefused(call.id, call.target.name, failure.kind, by.message))

    def _so_far(self, now: float) -> SoFar:
        call = self._call
        return SoFar(
            here=self._before + call.made,
            made=call.story.made - call.earlier,
            total=call.story.made,
            healthy=call.others.healthy(now),
            patience=call.others.patience(now),
            left=call.deadline - now,
            limit=call.target.timers.limit(call.request.stream),
            waited=self._waited,
            reconnected=self._reconnected,
        )


def _made_here(call: Call) -> int:
    """Attempts that the routed call has made on this target before."""
    return sum(1 for past in call.story.tried if past.number > call.earlier and past.target == call.target.name)


class Retries:
    """The budgets of all targets, and the layer that draws on them."""

    __slots__ = ("_budgets", "_config")

    def __init__(self, config: RetryConfig) -> None:
        self._config = config
        self._budgets: Kept[Budget] = Kept()

    def budget(self, target: str, now: float = 0.0) -> Budget:
        """The budget of that target. With `now`, others that are as good as new may be forgotten for it."""
        return self._budgets.get(target) or self._budgets.put(target, Budget(self._config), now)

    def layer(self) -> Layer:
        """Ask the same target again while that is allowed, affordable and better than moving on."""

        def layer(inner: Handler) -> Handler:
            async def handle(call: Call) -> Answer:
                now = call.io.now()
                budget = self.budget(call.target.name, now)
                if call.revisit:
                    run = Run(self._config, budget, call, _made_here(call))
                    return await _again(inner, call, None, run)
                budget.deposit(now)
                try:
                    return await inner(call)
                except Failure as error:
                    failure = error
                try:
                    return await _again(inner, call, failure, Run(self._config, budget, call))
                finally:
                    del failure  # as below

            return handle

        return layer


async def _again(inner: Handler, call: Call, failure: Failure | None, run: Run) -> Answer:
    """Ask again until there is an answer, or raise the last failure for routing to move on."""
    try:
        while True:
            granted = run.next(failure) if failure is not None else run.revisit()
            if granted is None:
                raise failure if failure is not None else _spent(call)
            made = call.made
            draw = granted.draw
            try:
                call.io.emit(granted.event)
                if granted.delay > 0:
                    await call.io.sleep(granted.delay)
                return await inner(call)
            except Rejected as refusal:
                if failure is None:
                    raise
                run.refused(failure, refusal)
                raise failure from None
            except Failure as error:
                failure = error
            finally:
                if call.made > made:
                    draw.done()
                else:
                    draw.undo(call.io.now())
    finally:
        del failure  # an error that names the frame that names the error is freed by no count


def _spent(call: Call) -> Rejected:
    return Rejected(f"{call.target.name}: {SPENT}", gate="retry", code="retry_budget")
