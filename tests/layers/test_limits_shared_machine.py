"""Several processes' views of one limit, over a store that all of them ask: under any sequence of what may happen."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from outlast.layers.limits import Costs, LimitConfig, Limits, Peers, Scope
from outlast.layers.limits.gcra import NOTHING
from outlast.layers.limits.mirror import Mirror
from outlast.store.memory.limits import Limits as Kept

from .calls import Ear

STEPS = st.sampled_from([0.0, 0.001, 0.1, 0.5, 1.0, 3.0, 10.0, 61.0])
SLACK = 1e-6
SCOPE = Scope("key a", LimitConfig(rpm=120), "key")
"""Two a second; the burst is 5."""


class Store:
    """The limits of a store, in a time that is set by hand."""

    def __init__(self):
        self.limits, self.now = Kept(), 500.0

    def settle(self, asked):
        self.limits.settle(asked, self.now)

    def tighten(self, asked):
        self.limits.tighten(asked, self.now)

    async def lease(self, asked):
        return self.limits.lease(asked, self.now)


class Process:
    """One of those who share a limit."""

    def __init__(self, store, processes):
        self.store, self.peers = store, Peers(store, processes)
        self.mirror = Mirror(SCOPE, Limits.of(SCOPE.config, burst_seconds=2.5), self.peers)

    def ask(self, cost, patience):
        """Seconds until it may go; None if it is refused."""
        costs, now = Costs(cost), self.store.now
        if not isinstance(self.mirror.ask(costs, now, patience), float):
            return None
        (decision,) = self.store.limits.take([self.mirror.asked(costs)], patience, now)
        self.mirror.heard(decision, costs, now)
        if not decision.granted:
            return None
        self.mirror.under_way += 1
        return decision.wait


class SharedLimit(RuleBasedStateMachine):
    """Requests of three processes, who go at once or not at all, and end with less than they were charged for.

    - over every interval [a, b] what went out has used at most burst + rate * (b - a), refunds included
    - once nobody asks any more, a while later the whole burst is there, and everybody knows it
    """

    patient = False
    under_way = Bundle("under_way")

    def __init__(self):
        super().__init__()
        self.store = Store()
        self.processes = [Process(self.store, 3) for _ in range(3)]
        self.went = {}
        self.given_back = 0.0
        self.number = 0

    @rule(seconds=STEPS)
    def wait(self, seconds):
        """Time passes."""
        self.store.now += seconds

    @rule(
        target=under_way,
        who=st.integers(0, 2),
        cost=st.sampled_from([0.5, 1.0, 2.0, 5.0]),
        patience=st.sampled_from([0.0, 0.4, 2.0, 30.0]),
    )
    def ask(self, who, cost, patience):
        """A request asks, and reserves its place if the wait is short enough."""
        process = self.processes[who]
        wait = process.ask(cost, patience * self.patient)
        if wait is None:
            return multiple()
        self.number += 1
        self.went[self.number] = (self.store.now + wait, cost)
        return (self.number, who, process.mirror.number(), cost)

    @rule(place=consumes(under_way), used=st.sampled_from([0.0, 0.3, 1.0]))
    def end(self, place, used):
        """A request leaves before its turn; or it went, and has used so much of what it was charged."""
        number, who, charge, cost = place
        goes, _ = self.went[number]
        if goes > self.store.now:
            self.processes[who].mirror.settle(Costs(cost), NOTHING, self.store.now, charge)
            self.given_back += cost
            del self.went[number]
        else:
            self.processes[who].mirror.settle(Costs(cost), Costs(cost * used), self.store.now, charge)
            self.given_back += cost - cost * used
            self.went[number] = (goes, cost * used)

    @invariant()
    def never_more_than_the_rate(self):
        """See the class."""
        went = sorted(self.went.values())
        for first, (start, _) in enumerate(went):
            total = 0.0
            for end, cost in went[first:]:
                total += cost
                assert total <= 5.0 + 2.0 * (end - start) + SLACK + self.unseen()

    def unseen(self):
        """What may have been given back twice: who refunds cannot see what others have given back meanwhile."""
        return self.given_back if self.patient else 0.0

    @rule()
    def all_end(self):
        """Nobody asks any more: a while later the whole burst is there, and everybody knows."""
        self.store.now += 1_000.0
        for process in self.processes:
            assert process.mirror.buckets[0].remaining(self.store.now) == 5.0
            assert process.mirror.ask(Costs(5.0), self.store.now) == 0.0


class PatientSharedLimit(SharedLimit):
    """The same with requests that wait for their turn, and leave before it.

    - over every interval what went out has used at most what was given back more
    """

    patient = True


class LostLimit(RuleBasedStateMachine):
    """Three processes that lose the store and find it again, each for itself, at any moment.

    - over every interval what went out has used at most twice the burst and the rate, and a request of each process:
      the store's own decisions once, all shares once
    - nobody is refused for ever
    """

    COSTS = st.sampled_from([0.5, 1.0, 2.0])

    def __init__(self):
        super().__init__()
        self.store = Store()
        self.processes = [Process(self.store, 3) for _ in range(3)]
        self.lost = set()
        self.went = []

    @rule(seconds=STEPS)
    def wait(self, seconds):
        """Time passes."""
        self.store.now += seconds

    @rule(who=st.integers(0, 2))
    def lose(self, who):
        """One process cannot reach the store."""
        self.lost.add(who)

    @rule(who=st.integers(0, 2))
    def find(self, who):
        """It can again."""
        self.lost.discard(who)

    @rule(who=st.integers(0, 2), cost=COSTS)
    def ask(self, who, cost):
        """A request, which the store decides or the process by itself."""
        if self.goes(who, cost):
            self.went.append((self.store.now, cost))

    @rule(who=st.integers(0, 2), cost=COSTS)
    def ask_in_vain(self, who, cost):
        """The store has done it, and nobody hears of that."""
        process = self.processes[who]
        self.store.limits.take([process.mirror.asked(Costs(cost))], 0.0, self.store.now)
        if self.goes_alone(who, cost):
            self.went.append((self.store.now, cost))

    @rule(cost=COSTS)
    def all_are_found(self, cost):
        """A while later each may spend again, with the store and without."""
        self.store.now += 1_000.0
        self.lost.clear()
        for who in range(3):
            assert self.goes(who, cost)
            self.store.now += 10.0
            assert self.goes_alone(who, cost)
            self.store.now += 1_000.0

    def goes(self, who, cost):
        """May it go now?"""
        return self.goes_alone(who, cost) if who in self.lost else self.processes[who].ask(cost, 0.0) is not None

    def goes_alone(self, who, cost):
        """By its share?"""
        return isinstance(self.processes[who].mirror.share().acquire(Costs(cost), self.store.now), float)

    @invariant()
    def never_more_than_twice(self):
        """See the class."""
        for first, (start, _) in enumerate(self.went):
            total = 0.0
            for end, cost in self.went[first:]:
                total += cost
                assert total <= 2.0 * (5.0 + 2.0 * (end - start)) + 3 * 2.0 + SLACK


class Alarm(Ear):
    """A world whose one alarm is set, and whose dice are thrown by hand."""

    def __init__(self, store):
        super().__init__()
        self.store = store

    def now(self):
        return self.store.now

    def watch(self, timed, due):
        timed.due = due


class LentLimit(RuleBasedStateMachine):
    """Three processes that are lent of 20 a second, 5 at once, and spend it without asking.

    - over every interval what went out has used at most the burst, the rate, and what was lent before
    - no process is ever lent more than it wanted
    - what is not used for a second is given back, so that afterwards the whole burst is there
    """

    SCOPE = Scope("key a", LimitConfig(rpm=1_200), "key")
    MOST = 3 * 5.0 / 6.0
    """What three processes have been lent at most: each half of its part of the burst, in one loan after another."""

    def __init__(self):
        super().__init__()
        self.store = Store()
        self.alarm = Alarm(self.store)
        peers = [Peers(self.store, 3) for _ in range(3)]
        self.mirrors = [
            Mirror(self.SCOPE, Limits.of(self.SCOPE.config, burst_seconds=0.25), each, leases=True) for each in peers
        ]
        self.went = []

    @rule(seconds=st.sampled_from([0.0, 0.01, 0.05, 0.2, 0.9]))
    def wait(self, seconds):
        """Time passes, and whose time is over is told so."""
        self.store.now += seconds
        for mirror in self.mirrors:
            if mirror.lease.due <= self.store.now:
                mirror.lease.due = float("inf")
                mirror.lease.expire()

    @rule(who=st.integers(0, 2), cost=st.sampled_from([0.2, 0.5, 0.8]), chance=st.sampled_from([0.0, 0.5, 0.99]))
    def ask(self, who, cost, chance):
        """A call that goes if it can be lent for, at once or not at all."""
        self.alarm.dice = chance
        mirror = self.mirrors[who]
        asked_too_soon = self.store.now < mirror.lease.again and not mirror.covered([cost])
        at_once(mirror.borrow(mirror.lease, [cost], self.alarm))
        if mirror.covered([cost]):
            assert not asked_too_soon
            mirror.lease.spend([cost])
            self.went.append((self.store.now, cost))
        else:
            assert mirror.lease.again > self.store.now
            denied = mirror.spent(Costs(cost), self.store.now, 0.0)
            assert denied.retry_after == mirror.lease.again - self.store.now

    @invariant()
    def never_more_than_the_rate_and_what_was_lent(self):
        """See the class."""
        for first, (start, _) in enumerate(self.went):
            total = 0.0
            for end, cost in self.went[first:]:
                total += cost
                assert total <= 5.0 + 20.0 * (end - start) + self.MOST + SLACK

    @invariant()
    def nobody_has_more_than_two_loans(self):
        """Less than a call's cost was left when he asked for another."""
        for mirror in self.mirrors:
            (left,) = mirror.lease._left
            assert 0.0 <= left <= 5.0 / 6.0 + 0.8 + SLACK

    @rule()
    def all_is_given_back(self):
        """After a second without a call nobody has anything, and everybody knows that it is all there."""
        self.wait(1.0)
        for mirror in self.mirrors:
            assert mirror.lease.idle
        assert self.store.limits.lease(mirror.asked(Costs(5.0)), self.store.now) == 1.0
        self.store.settle([mirror.asked(Costs(-5.0))])
        self.went.clear()


def at_once(coroutine):
    """What a coroutine gives that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


TestSharedLimit = SharedLimit.TestCase
TestSharedLimit.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestPatientSharedLimit = PatientSharedLimit.TestCase
TestPatientSharedLimit.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestLentLimit = LentLimit.TestCase
TestLentLimit.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestLostLimit = LostLimit.TestCase
TestLostLimit.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
