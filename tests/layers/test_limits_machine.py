"""Limits under any sequence of requests, waits, cancellations, settlements and provider's headers."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, precondition, rule

from outlast.layers.limits import Costs, Denied, Gcra, Limits
from outlast.layers.limits.gcra import NOTHING
from outlast.model.messages import Quota

STEPS = st.sampled_from([0.0, 0.001, 0.1, 0.5, 1.0, 3.0, 10.0, 61.0])
SLACK = 1e-6


def _state(limits):
    return tuple(bucket.tat for bucket in limits.buckets)


class StrictLimit(RuleBasedStateMachine):
    """One limit that is reserved, waited for, given up, and settled with less than was charged.

    - over every interval [a, b] what went out has used at most burst + rate * (b - a): no window holds more than its
      limit, whoever waited, left or got a refund
    - a refusal changes nothing
    - who comes later goes later, save that he may use what was given back meanwhile
    - what is left is never below nothing nor above the burst
    """

    waiting = Bundle("waiting")

    def __init__(self):
        super().__init__()
        self.now = 500.0
        self.limits = Limits([Gcra("rpm", "requests", 2.0, 1.0, 5.0)])
        self.went = {}  # id -> (time, cost)
        self.number = 0
        self.given_back = 0

    @rule(seconds=STEPS)
    def wait(self, seconds):
        """Time passes."""
        self.now += seconds

    @rule(target=waiting, cost=st.sampled_from([0.5, 1.0, 2.0, 5.0]), patience=st.sampled_from([0.0, 0.4, 2.0, 30.0]))
    def ask(self, cost, patience):
        """A request asks, and reserves its place if the wait is short enough."""
        bucket = self.limits.buckets[0]
        before = bucket.tat
        latest = max((goes for number, (goes, _) in self.went.items() if number > self.given_back), default=0.0)
        got = self.limits.acquire(Costs(cost), self.now, patience)
        if isinstance(got, Denied):
            assert bucket.tat == before
            assert got.retry_after > patience
            return multiple()
        assert got <= patience
        assert self.now + got >= latest - SLACK
        self.number += 1
        self.went[self.number] = (self.now + got, cost)
        return (self.number, self.limits.number(), cost)

    @rule(place=consumes(waiting), used=st.sampled_from([0.0, 0.3, 1.0]))
    def end(self, place, used):
        """A request leaves before its turn; or it went, and has used so much of what it was charged."""
        number, charge, cost = place
        self.given_back = self.number
        goes, _ = self.went[number]
        if goes > self.now:
            self.limits.settle(Costs(cost), NOTHING, self.now, charge)
            del self.went[number]
        else:
            self.limits.settle(Costs(cost), Costs(cost * used), self.now, charge)
            self.went[number] = (goes, cost * used)

    @rule()
    def all_end(self):
        """Nobody waits or asks any more: a while later the whole burst is there, whatever was refunded or lost."""
        self.now += 1_000.0
        assert self.limits.buckets[0].remaining(self.now) == 5.0

    @rule(left=st.integers(-1, 9))
    def header(self, left):
        """The provider says what is left: that never makes room."""
        bucket = self.limits.buckets[0]
        before = bucket.remaining(self.now)
        self.limits.learn(Quota(requests_left=left), self.now)
        assert bucket.remaining(self.now) <= before + SLACK
        assert bucket.remaining(self.now) <= max(0, left) + SLACK

    @invariant()
    def never_more_than_the_rate(self):
        """See the class."""
        went = sorted(self.went.values())
        for first, (start, _) in enumerate(went):
            total = 0.0
            for end, cost in went[first:]:
                total += cost
                assert total <= 5.0 + 2.0 * (end - start) + SLACK

    @invariant()
    def bounded(self):
        """See the class."""
        assert 0.0 <= self.limits.buckets[0].remaining(self.now) <= 5.0


class AtomicLimits(RuleBasedStateMachine):
    """Requests, tokens and money at once, estimated and then settled with what was used.

    - either all limits are charged or none
    - calls under way are those that were let in and have not been settled
    - a refund never overfills; what was used beyond the estimate is owed, and delays who comes next
    - once everything is paid and time has passed, the limits are as good as new
    """

    held = Bundle("held")

    def __init__(self):
        super().__init__()
        self.now = 500.0
        self.limits = Limits(
            [
                Gcra("rpm", "requests", 60.0, 60.0, 10.0),
                Gcra("tpm", "tokens", 6_000.0, 60.0, 1_000.0),
                Gcra("usd_per_day", "usd", 5.0, 86_400.0, 5.0),
            ],
            concurrent=4,
        )
        self.out = 0

    @rule(seconds=STEPS)
    def wait(self, seconds):
        """Time passes."""
        self.now += seconds

    @rule(target=held, tokens=st.sampled_from([0.0, 10.0, 400.0, 1_000.0, 5_000.0, 7_000.0]), usd=st.floats(0.0, 1.0))
    def ask(self, tokens, usd):
        """A request asks all limits at once."""
        costs = Costs(1.0, tokens, usd)
        before = _state(self.limits)
        got = self.limits.acquire(costs, self.now)
        if isinstance(got, Denied):
            assert _state(self.limits) == before
            assert (got.retry_after is None) == (tokens > 6_000.0 and got.limit == "tpm")
            assert got.limit != "concurrent" or self.out == 4
            return multiple()
        assert self.out < 4
        assert tokens <= 6_000.0
        self.out += 1
        after = _state(self.limits)
        assert after[0] > before[0]
        assert (after[1] > before[1]) == (tokens > 0 or before[1] < self.now)
        return costs

    @rule(costs=consumes(held), used=st.sampled_from([0.0, 0.5, 1.0, 3.0]))
    def settle(self, costs, used):
        """A request has used so many times what it was charged."""
        tokens = self.limits.buckets[1]
        before = tokens.tat
        self.limits.settle(costs, Costs(1.0, costs.tokens * used, costs.usd * used), self.now)
        self.out -= 1
        if used > 1.0 and costs.tokens:
            assert tokens.tat > before

    @precondition(lambda self: self.out == 0)
    @rule()
    def recovers(self):
        """Nothing is under way: a day later everything is there again."""
        self.now += 30 * 86_400.0
        assert self.limits.idle(self.now)
        assert [bucket.remaining(self.now) for bucket in self.limits.buckets] == [10.0, 1_000.0, 5.0]

    @invariant()
    def bounded(self):
        """See the class."""
        assert self.limits.under_way == self.out
        for bucket in self.limits.buckets:
            assert 0.0 <= bucket.remaining(self.now) <= bucket.burst


TestStrictLimit = StrictLimit.TestCase
TestStrictLimit.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAtomicLimits = AtomicLimits.TestCase
TestAtomicLimits.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
