"""Slots that adapt, under any sequence of arrivals, answers, throttles, cancellations and waits."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from outlast.flow.stream import End, ended_by
from outlast.layers.bulkhead import AdaptiveConfig, Bulkhead, BulkheadConfig
from outlast.model.errors import Cancelled, Connect, Rejected, Throttled, TimedOut, Transient
from outlast.model.events import LimitChanged

from .calls import Ear, a_call

LEAST, MOST, WINDOW, REMEMBER = 2, 9, 1.0, 5.0
CONFIG = BulkheadConfig(
    slots=MOST, queue=5, wait=1e6, adaptive=AdaptiveConfig(least=LEAST, window=WINDOW, remember=REMEMBER)
)
TOO_MUCH = {"throttled": Throttled("no"), "overloaded": Transient("no", overloaded=True)}
NOTHING_NEW = [Cancelled("gone"), Connect("no"), Transient("no"), TimedOut("late"), Rejected("no", gate="breaker")]


class Bell:
    """A waiter that only remembers."""

    def wake(self):
        """Once is enough."""


class World(Ear):
    """A world with bells."""

    def waiter(self):
        """A new one."""
        return Bell()


class AdaptiveMachine(RuleBasedStateMachine):
    """What holds at every step:

    - permits in = permits out: slots in use are the permits that were granted and not settled, none when all are
    - nobody is let in while as many as the limit are in flight, and nobody waits while fewer are
    - the limit is between the least and the slots, and moves down by a fifth or up by one
    - it is cut at most once in a window, and never for a call that was let in before the last cut
    - it grows only by a success while at least half of it is in use, and while it is remembered what was too much, not
      to there
    """

    permits = Bundle("permits")

    def __init__(self):
        super().__init__()
        self.io = World(now=100.0)
        self.bulkhead = Bulkhead(CONFIG, "bulkhead", lambda call: call.target.name, adaptive=CONFIG.adaptive)
        self.slots = self.bulkhead.of("alpha/m")
        self.call = a_call(self.io, deadline=1e9)
        self.live = []
        self.since = {}  # permit → when it had its slot
        self.cut_at = None
        self.too_much_at = None

    def _in_flight(self):
        return [permit for permit in self.live if getattr(permit[0], "granted", True)]

    @rule(seconds=st.sampled_from([0.0, 0.1, 0.9, 1.1, 4.0, 6.0]))
    def wait(self, seconds):
        """Time passes."""
        self.io.time += seconds

    @rule(target=permits)
    def ask(self):
        """A call comes."""
        used, limit = self.slots.used, self.slots.capacity
        got = self.bulkhead.admit(self.call, self.io.time)
        if isinstance(got, Rejected):
            assert used >= limit
            return multiple()
        assert got.waits == (used >= limit)
        permit = (got, object())  # those who find a slot free share one permit
        self.live.append(permit)
        self._note()
        return permit

    def _note(self):
        for permit in self._in_flight():
            self.since.setdefault(permit, self.io.time)

    def _settle(self, permit, end):
        before, used = self.slots.capacity, self.slots.used
        told = len(self.io.events)
        granted = permit in self._in_flight()
        permit[0].settle(self.call, end, self.io.time)
        self.live.remove(permit)
        assert self.slots.used <= max(used - granted, self.slots.capacity)
        changes = [event for event in self.io.events[told:] if isinstance(event, LimitChanged)]
        assert len(changes) <= 1
        assert sum(event.after - event.before for event in changes) == self.slots.capacity - before
        return granted, before, used, self.slots.capacity

    @rule(permit=consumes(permits))
    def succeed(self, permit):
        """A call is answered."""
        if permit not in self.live:
            return
        if permit not in self._in_flight():
            self._settle(permit, ended_by(Cancelled("gone")))
            return
        _, before, used, after = self._settle(permit, End("success"))
        assert after in {before, before + 1}
        if after > before:
            assert 2 * used >= before
            remembered = self.cut_at is not None and self.io.time < self.too_much_at + REMEMBER
            assert not remembered or after < self.cut_at
        self._note()

    @rule(permit=consumes(permits), why=st.sampled_from(sorted(TOO_MUCH)))
    def too_much(self, permit, why):
        """The provider says that it is too much."""
        if permit not in self.live:
            return
        since = self.since.get(permit)
        granted, before, _, after = self._settle(permit, ended_by(TOO_MUCH[why]))
        last = self.io.events[-1] if self.io.events else None
        if not granted:
            assert after == before
        elif after < before:
            assert self.too_much_at is None or self.io.time >= self.too_much_at + WINDOW
            assert self.too_much_at is None or since >= self.too_much_at
            assert after == max(LEAST, int(before * 0.8 + 1e-9))
            assert (last.before, last.after, last.why) == (before, after, why)
            self.cut_at, self.too_much_at = before, self.io.time
        elif before == LEAST:  # it cannot be cut, but it is remembered that it was too much
            self.cut_at = self.too_much_at = None
        self._note()

    @rule(permit=consumes(permits), error=st.sampled_from(NOTHING_NEW))
    def end(self, permit, error):
        """A call ends in a way that says nothing, in the queue or afterwards."""
        if permit not in self.live:
            return
        _, before, _, after = self._settle(permit, ended_by(error))
        assert after == before
        self._note()

    @rule()
    def quiet(self):
        """All end, and calls that need the limit are answered for long enough: all slots are there again."""
        for permit in list(self.live):
            self._settle(permit, ended_by(Cancelled("gone")))
        assert (self.slots.used, self.slots.waiting) == (0, 0)
        self.io.time += REMEMBER
        for _ in range(MOST):
            held = [self.bulkhead.admit(self.call, self.io.time) for _ in range(self.slots.capacity)]
            for permit in held:
                permit.settle(self.call, End("success"), self.io.time)
            self.io.time += WINDOW
        assert self.slots.capacity == MOST
        self.cut_at = self.too_much_at = None

    @invariant()
    def holds(self):
        """See the class."""
        slots = self.slots
        assert LEAST <= slots.capacity == slots.adaptive.limit <= MOST
        assert slots.used == len(self._in_flight())
        assert slots.waiting == len(self.live) - slots.used
        assert not slots.waiting or slots.used >= slots.capacity


TestAdaptive = AdaptiveMachine.TestCase
TestAdaptive.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
