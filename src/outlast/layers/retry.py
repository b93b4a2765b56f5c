"""Retry on the same target: with full jitter, within a budget, and only where another target is no better.

    delay of attempt k:  U(0, min(cap, base * 2^(k-1)))         base 0.25 s, 1 s when overloaded; cap 20 s
    with a hint h:       max(delay, h + U(0, min(1, h / 10)))   a hint is a floor, jitter is only added

Two attempts per target while another is left, three on the last, six in all per routed call; a retry is made only while
the attempts left exceed the untried healthy targets. A wait longer than the caller's patience moves the call on.

Budget, per target: every request deposits 0.2 for 60 s; a retry costs 1, after a throttle 0.36, drawn before the sleep
and given back when the sleep is cancelled. Beyond deposits there is a floor of 3 at a time and 10 in 10 s.

Sources: AWS "Exponential backoff and jitter", botocore's standard retry mode (costs), Finagle RetryBudget (deposits),
Envoy retry budgets (the floor).
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from outlast.flow.call import Answer, Call, Handler, Layer
from outlast.model.errors import Failure, Rejected
from outlast.model.events import RetryRefused, RetryScheduled


class RetryConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """How often and how patiently one target is asked again. Times in seconds."""

    enabled: bool = True
    base: float = 0.25
    """First backoff after a transient failure."""
    base_overloaded: float = 1.0
    """First backoff after the provider said that it is overloaded."""
    cap: float = 20.0
    """No backoff without a hint is longer; applied before the jitter."""
    per_target: int = 2
    """Attempts on a target while another is left."""
    on_last: int = 3
    """Attempts on the last target."""
    total: int = 6
    """Attempts in all for one routed call."""
    per_request: int = 12
    """Upstream calls in all for one request, re-prompts and resumptions included."""
    hint_max: float = 60.0
    """A longer hint is not waited for."""
    useful: float = 0.05
    """An attempt with less time than this before the deadline is not started."""
    deposit: float = 0.2
    """What a request pays into its target's budget."""
    deposit_ttl: float = 60.0
    """How long a deposit is good."""
    cost: float = 1.0
    """What a retry draws."""
    cost_throttled: float = 0.36
    """What a retry after a throttle draws."""
    floor_at_once: int = 3
    """Retries under way at a time that need no deposits."""
    floor: int = 10
    """Retries that need no deposits, in `floor_seconds`."""
    floor_seconds: float = 10.0


def backoff(base: float, cap: float, attempt: int, dice: float) -> float:
    """Seconds to wait after that many failed attempts: full jitter, the cap applied before it.

    Args:
        base: seconds of the first backoff.
        cap: the most that it grows to.
        attempt: failed attempts so far, from 1.
        dice: a number in [0, 1].
    """
    return dice * min(cap, base * 2.0 ** min(attempt - 1, 1000))


def hinted(hint: float, dice: float) -> float:
    """Seconds to wait at a provider's hint: never less, and up to a tenth (at most a second) more."""
    return hint + dice * min(1.0, 0.1 * hint)


class Budget:
    """What one target may be asked in addition to first attempts. Deposits expire; the floor refills by itself."""

    __slots__ = ("_balance", "_config", "_deposits", "_floor", "_under_way")

    def __init__(self, config: RetryConfig) -> None:
        self._config = config
        self._deposits: deque[list[float]] = deque()  # [second it is good until, what is left of it]
        self._balance = 0.0
        self._floor: deque[float] = deque()  # when a retry was granted without a deposit
        self._under_way = 0

    def _expire(self, now: float) -> None:
        deposits = self._deposits
        while deposits and deposits[0][0] <= now:
            self._balance -= deposits.popleft()[1]
        if not deposits:
            self._balance = 0.0
        while self._floor and self._floor[0] <= now - self._config.floor_seconds:
            self._floor.popleft()

    def balance(self, now: float) -> float:
        """What is deposited and still good."""
        self._expire(now)
        return max(0.0, self._balance)

    def deposit(self, now: float) -> None:
        """A request was made. Deposits of one tenth of a second share one entry."""
        config = self._config
        self._balance += config.deposit
        due = now + config.deposit_ttl
        if self._deposits and due - self._deposits[-1][0] < config.deposit_ttl / 600:
            self._deposits[-1][1] += config.deposit
            return
        self._expire(now)
        self._deposits.append([due, config.deposit])

    def withdraw(self, cost: float, now: float) -> Draw | None:
        """Leave to retry once, or None. Give it back with `Draw.undo`, end it with `Draw.done`."""
        self._expire(now)
        config = self._config
        if self._balance + 1e-9 >= cost:
            self._take(cost)
            self._under_way += 1
            return Draw(self, cost, now)
        if self._under_way < config.floor_at_once and len(self._floor) < config.floor:
            self._floor.append(now)
            self._under_way += 1
            return Draw(self, 0.0, now)
        return None

    def _take(self, cost: float) -> None:
        self._balance -= cost
        while cost > 1e-12 and self._deposits:
            oldest = self._deposits[0]
            taken = min(cost, oldest[1])
            oldest[1] -= taken
            cost -= taken
            if oldest[1] <= 1e-12:
                self._deposits.popleft()

    def _give_back(self, cost: float, when: float, now: float) -> None:
        if cost > 0:
            self._balance += cost
            self._deposits.append([now + self._config.deposit_ttl, cost])
        elif when in self._floor:
            self._floor.remove(when)


class Draw:
    """One retry that the budget has granted."""

    __slots__ = ("_budget", "_cost", "_over", "_when")

    def __init__(self, budget: Budget, cost: float, when: float) -> None:
        self._budget = budget
        self._cost = cost
        self._when = when
        self._over = False

    def done(self) -> None:
        """The retry has been made."""
        if not self._over:
            self._over = True
            self._budget._under_way -= 1  # noqa: SLF001

    def undo(self, now: float) -> None:
        """The retry was not made after all."""
        if not self._over:
            self.done()
            self._budget._give_back(self._cost, self._when, now)  # noqa: SLF001


class Wait(Struct, frozen=True):
    """Ask the same target again after `delay` seconds."""

    delay: float


class Move(Struct, frozen=True):
    """Do not ask this target again; `reason` says why, None when its class says so anyway."""

    reason: str | None = None
    ready: float | None = None
    """Monotonic time from which this target would be worth asking again, where that is known."""


class SoFar(Struct):
    """How far a call has got: what a decision depends on. Times in seconds."""

    here: int
    """Attempts made on this target."""
    made: int
    """Attempts made for the routed call."""
    total: int
    """Upstream calls made for the request."""
    healthy: int
    """Untried healthy targets."""
    patience: float
    """A wait longer than this is worse than moving on."""
    left: float
    """Time before the deadline."""
    limit: float
    """The limit of one attempt."""
    waited: bool = False
    """Was the target asked again before, after a failure that allows that once?"""
    reconnected: bool = False
    """Was it asked again at once before?"""


def decide(config: RetryConfig, failure: Failure, so_far: SoFar, now: float, dice: float) -> Wait | Move:
    """Ask the same target again, or move on."""
    if failure.again == "never" or isinstance(failure, Rejected):
        return Move()
    if failure.again in {"once", "last"} and so_far.waited:
        return Move()
    if failure.again == "last" and (so_far.healthy or so_far.limit >= so_far.left):
        return Move()
    if failure.retry_after is not None and failure.retry_after > config.hint_max:
        return Move("the provider asks for a longer wait than is worth it")
    delay = delay_of(config, failure, so_far, now, dice)
    return _refused(config, so_far, delay, now + delay) or Wait(delay)


def _refused(config: RetryConfig, so_far: SoFar, delay: float, ready: float) -> Move | None:
    """Why a retry that the failure's class allows is not made, or None."""
    if so_far.made >= config.total or so_far.total >= config.per_request:
        return Move("no attempts left")
    if so_far.here >= (config.per_target if so_far.healthy else config.on_last):
        return Move("no attempts left on this target")
    if so_far.healthy and config.total - so_far.made <= so_far.healthy:
        return Move("the attempts left are for the other targets")
    if delay > so_far.patience:
        return Move("another target is ready sooner", ready)
    if delay + config.useful >= so_far.left:
        return Move("no time left before the deadline")
    return None


def delay_of(config: RetryConfig, failure: Failure, so_far: SoFar, now: float, dice: float) -> float:
    """Seconds before the same target may be asked again."""
    if failure.again == "pause" and failure.until is not None:
        return max(0.0, failure.until - now)  # the pause that it has brought is the backoff
    if failure.again == "at_once" and not so_far.reconnected and failure.retry_after is None:
        return 0.0
    base = config.base_overloaded if failure.overloaded or failure.again == "pause" else config.base
    delay = backoff(base, config.cap, so_far.here, dice)
    hint = failure.retry_after
    return delay if hint is None else max(delay, hinted(hint, dice))


class Run:
    """One call's stay on one target, after its first failure there."""

    __slots__ = ("_before", "_budget", "_call", "_config", "_reconnected", "_waited")

    def __init__(self, config: RetryConfig, budget: Budget, call: Call, before: int) -> None:
        self._config = config
        self._budget = budget
        self._call = call
        self._before = before
        self._waited = False
        self._reconnected = False

    def next(self, failure: Failure) -> tuple[Draw, float] | None:
        """A draw on the budget and the seconds to wait; None to move on.

        `failure.again_at` is set where coming back later may help.
        """
        call, config = self._call, self._config
        io = call.io
        now = io.now()
        decision = decide(config, failure, self._so_far(now), now, io.random())
        if isinstance(decision, Wait):
            cost = config.cost_throttled if failure.again == "pause" else config.cost
            draw = self._budget.withdraw(cost, now)
            if draw is not None:
                self._waited = self._waited or failure.again in {"once", "last"}
                self._reconnected = self._reconnected or failure.again == "at_once"
                io.emit(RetryScheduled(call.id, call.target.name, failure.kind, decision.delay))
                return draw, decision.delay
            decision = Move("the retry budget is spent")
        failure.again_at = decision.ready
        if decision.reason is not None:
            io.emit(RetryRefused(call.id, call.target.name, failure.kind, decision.reason))
        return None

    def _so_far(self, now: float) -> SoFar:
        call = self._call
        timers = call.target.timers
        return SoFar(
            here=call.story.made - self._before,
            made=call.story.made - call.earlier,
            total=call.story.made,
            healthy=call.others.healthy(now),
            patience=call.others.patience(now),
            left=call.deadline - now,
            limit=timers.first_content if call.request.stream else timers.whole,
            waited=self._waited,
            reconnected=self._reconnected,
        )


class Retries:
    """The budgets of all targets, and the layer that draws on them."""

    __slots__ = ("_budgets", "_config")

    def __init__(self, config: RetryConfig) -> None:
        self._config = config
        self._budgets: dict[str, Budget] = {}

    def budget(self, target: str) -> Budget:
        """The budget of that target."""
        budget = self._budgets.get(target)
        if budget is None:
            budget = self._budgets[target] = Budget(self._config)
        return budget

    def layer(self) -> Layer:
        """Ask the same target again while that is allowed, affordable and better than moving on."""

        def layer(inner: Handler) -> Handler:
            async def handle(call: Call) -> Answer:
                budget = self.budget(call.target.name)
                before = call.story.made
                if call.revisit:
                    return await self._again(inner, call, None, Run(self._config, budget, call, before))
                budget.deposit(call.io.now())
                try:
                    return await inner(call)
                except Failure as error:
                    failure = error
                return await self._again(inner, call, failure, Run(self._config, budget, call, before))

            return handle

        return layer

    async def _again(self, inner: Handler, call: Call, failure: Failure | None, run: Run) -> Answer:
        """Ask again until there is an answer, or raise the last failure for routing to move on."""
        try:
            while True:
                granted = run.next(failure) if failure is not None else self._revisit(call)
                if granted is None:
                    raise failure if failure is not None else _spent(call)
                draw, delay = granted
                if delay > 0:
                    await _sleep(call, draw, delay)
                try:
                    return await inner(call)
                except Failure as error:
                    failure = error
                finally:
                    draw.done()
        finally:
            del failure  # an error that names the frame that names the error is freed by no count

    def _revisit(self, call: Call) -> tuple[Draw, float] | None:
        """Coming back to a target that has failed before is a retry too."""
        draw = self.budget(call.target.name).withdraw(self._config.cost_throttled, call.io.now())
        return (draw, 0.0) if draw is not None else None


async def _sleep(call: Call, draw: Draw, delay: float) -> None:
    try:
        await call.io.sleep(delay)
    except BaseException:
        draw.undo(call.io.now())
        raise


def _spent(call: Call) -> Rejected:
    return Rejected(f"{call.target.name}: the retry budget is spent", gate="retry", code="retry_budget")
