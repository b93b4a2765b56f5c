"""The retry budget under any sequence of requests, retries, cancellations and waits."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from outlast.layers.retry import Budget, RetryConfig

CONFIG = RetryConfig(deposit=0.2, deposit_ttl=60.0, floor=4, floor_seconds=10.0, floor_at_once=2)
GRAIN = 0.1
SLACK = 1e-6


class BudgetMachine(RuleBasedStateMachine):
    """What holds at every step:

    - the balance is never negative, never above the deposits that are still good, and what is spent is gone
    - over any minute retries cost at most a fifth of the requests, and the floor: 4 in any 10 s, at most 2 at a time
    - a retry that is not made after all leaves the budget as it was, and nothing lives longer for it
    - without requests for a minute, nothing is left of the deposits, and the budget is as good as new
    """

    draws = Bundle("draws")

    def __init__(self):
        super().__init__()
        self.now = 100.0
        self.budget = Budget(CONFIG)
        self.deposits = []  # times
        self.paid = []  # (time, cost)
        self.floors = []
        self.under_way = 0

    @rule(seconds=st.sampled_from([0.0, 0.05, 1.0, 9.0, 30.0, 61.0]))
    def wait(self, seconds):
        """Time passes."""
        self.now += seconds

    @rule(count=st.integers(1, 8))
    def requests(self, count):
        """So many requests are made."""
        for _ in range(count):
            self.budget.deposit(self.now)
            self.deposits.append(self.now)

    @rule(target=draws, cost=st.sampled_from([1.0, 0.36]))
    def retry(self, cost):
        """A call wants to retry."""
        before = self.budget.balance(self.now)
        draw = self.budget.withdraw(cost, self.now)
        after = self.budget.balance(self.now)
        recent = [when for when in self.floors if when > self.now - CONFIG.floor_seconds]
        if draw is None:
            assert before < cost
            assert self.under_way >= CONFIG.floor_at_once or len(recent) >= CONFIG.floor
            assert after == before
            return multiple()
        self.under_way += 1
        if before + SLACK >= cost and after < before:
            assert abs(before - after - cost) < SLACK
            self.paid.append((self.now, cost))
            return (draw, before, self.now, self.paid[-1])
        assert len(recent) < CONFIG.floor
        assert self.under_way <= CONFIG.floor_at_once
        self.floors.append(self.now)
        return (draw, before, self.now, None)

    @rule(draw=consumes(draws))
    def made(self, draw):
        """The retry was made; that it was is told twice."""
        draw[0].done()
        draw[0].done()
        draw[0].undo(self.now)
        self.under_way -= 1

    @rule(draw=consumes(draws))
    def given_back(self, draw):
        """The retry was not made after all."""
        got, _, when, paid = draw
        balance = self.budget.balance(self.now)
        got.undo(self.now)
        got.undo(self.now)
        self.under_way -= 1
        restored = self.budget.balance(self.now) - balance
        if paid is None:
            self.floors.remove(when)
            assert restored == 0
            return
        self.paid.remove(paid)
        assert -SLACK <= restored <= paid[1] + SLACK
        if when == self.now:
            assert abs(restored - paid[1]) < SLACK

    @rule()
    def quiet(self):
        """Nothing happens for more than a minute."""
        self.now += CONFIG.deposit_ttl + CONFIG.floor_seconds
        assert self.budget.balance(self.now) == 0
        assert self.budget.idle(self.now) == (self.under_way == 0)

    @invariant()
    def holds(self):
        """See the class."""
        balance = self.budget.balance(self.now)
        good = CONFIG.deposit * sum(when > self.now - CONFIG.deposit_ttl for when in self.deposits)
        assert 0 <= balance <= good + SLACK
        assert self.budget._under_way == self.under_way >= 0
        assert balance <= sum(amount for _, amount in self.budget._deposits) + SLACK

    @invariant()
    def amplification(self):
        """See the class."""
        for start, _ in self.paid:
            spent = sum(cost for when, cost in self.paid if start <= when <= self.now)
            reach = start - CONFIG.deposit_ttl - GRAIN
            earned = CONFIG.deposit * sum(when >= reach for when in self.deposits)
            assert spent <= earned + SLACK
        for start in self.floors:
            assert sum(start <= when < start + CONFIG.floor_seconds for when in self.floors) <= CONFIG.floor


TestBudget = BudgetMachine.TestCase
TestBudget.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
