"""The retry budget of one target: what it may be asked in addition to first attempts.

    deposits   0.2 for each request, good for 60 s; a retry draws 1, after a throttle 0.36, the oldest deposits first
    floor      beyond deposits, while fewer than 3 retries are under way: 10 in 10 s

So over any minute retries are at most a fifth of the requests, and a few more where there are few requests.
"""

from __future__ import annotations

from bisect import insort
from collections import deque

from outlast.layers.retry.config import RetryConfig

EPSILON = 1e-9


class Budget:
    """What one target may be asked in addition to first attempts. Deposits expire; the floor refills by itself."""

    __slots__ = ("_balance", "_config", "_deposits", "_floor", "_grain", "_under_way")

    def __init__(self, config: RetryConfig) -> None:
        self._config = config
        self._deposits: deque[list[float]] = deque()  # [time it is good until, what is left of it], soonest first
        self._balance = 0.0
        self._floor: deque[float] = deque()  # when a retry was granted without a deposit
        self._grain = config.deposit_ttl / 600
        self._under_way = 0

    def balance(self, now: float) -> float:
        """What is deposited and still good."""
        self._expire(now)
        return self._balance

    def idle(self, now: float) -> bool:
        """Is it as good as new, so that it may be forgotten?"""
        self._expire(now)
        return not (self._under_way or self._deposits or self._floor)

    def deposit(self, now: float) -> None:
        """A request was made. Deposits that come close together share one entry, and expire with its first."""
        config = self._config
        due = now + config.deposit_ttl
        deposits = self._deposits
        if deposits and due - deposits[-1][0] < self._grain:
            deposits[-1][1] += config.deposit
        else:
            self._expire(now)
            deposits.append([due, config.deposit])
        self._balance += config.deposit

    def withdraw(self, cost: float, now: float) -> Draw | None:
        """Leave to retry once, or None. Give it back with `Draw.undo`, end it with `Draw.done`."""
        self._expire(now)
        config = self._config
        if self._balance + EPSILON >= cost:
            draw = Draw(self, self._take(cost), None)
        elif self._under_way < config.floor_at_once and len(self._floor) < config.floor:
            self._floor.append(now)
            draw = Draw(self, [], now)
        else:
            return None
        self._under_way += 1
        return draw

    def _expire(self, now: float) -> None:
        deposits = self._deposits
        while deposits and deposits[0][0] <= now:
            self._balance -= deposits.popleft()[1]
        if not deposits or self._balance < 0:
            self._balance = sum(amount for _, amount in deposits)
        while self._floor and self._floor[0] <= now - self._config.floor_seconds:
            self._floor.popleft()

    def _take(self, cost: float) -> list[list[float]]:
        """What was taken of which deposits."""
        taken = []
        deposits = self._deposits
        while cost > EPSILON and deposits:
            oldest = deposits[0]
            part = min(cost, oldest[1])
            taken.append([oldest[0], part])
            oldest[1] -= part
            cost -= part
            self._balance -= part
            if oldest[1] <= EPSILON:
                deposits.popleft()
        return taken

    def ended(self) -> None:
        """A retry is no longer under way."""
        self._under_way -= 1

    def ground(self) -> None:
        """No retry is under way: this is a child process, and they are its parent's."""
        self._under_way = 0

    def give_back(self, parts: list[list[float]], floor: float | None, now: float) -> None:
        """What was drawn is there again, for as long as it would have been."""
        for part in parts:
            if part[0] > now:
                insort(self._deposits, part)
                self._balance += part[1]
        if floor is not None and floor in self._floor:
            self._floor.remove(floor)


class Draw:
    """One retry that the budget has granted."""

    __slots__ = ("_budget", "_floor", "_over", "_parts")

    def __init__(self, budget: Budget, parts: list[list[float]], floor: float | None) -> None:
        self._budget = budget
        self._parts = parts
        self._floor = floor
        self._over = False

    @property
    def free(self) -> bool:
        """Did it need no deposits?"""
        return self._floor is not None

    def done(self) -> None:
        """The retry has been made."""
        if not self._over:
            self._over = True
            self._budget.ended()

    def undo(self, now: float) -> None:
        """The retry was not made after all."""
        if not self._over:
            self.done()
            self._budget.give_back(self._parts, self._floor, now)
