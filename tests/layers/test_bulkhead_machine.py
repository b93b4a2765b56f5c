"""Slots and their queue under any sequence of arrivals, departures, cancellations and resizings."""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, precondition, rule

from outlast.layers.bulkhead import AGED_EVERY, Full, Slots, SlotsConfig

QUEUE = 6
CONFIG = SlotsConfig(slots=2, queue=QUEUE, wait=1_000.0, target=5.0, age=1.0)
STEPS = st.sampled_from([0.0, 0.1, 1.0, 2.5, 6.0])
FAR = 1e9


class Bell:
    """A waiter that only remembers."""

    def __init__(self):
        self.rung = 0

    def wake(self):
        self.rung += 1


class SlotsMachine(RuleBasedStateMachine):
    """What holds at every step:

    - slots in use are the tickets that were granted and are not over; never below 0, and never above the capacity
      unless that was made smaller
    - nobody waits while a slot is free; the queue is never longer than configured, and holds nothing else
    - a waiter is woken exactly once: with its slot, or because a better class took its place
    - calls are sent away for another only from a lower class, the newest of the lowest first; else from the caller who
      has most calls waiting in the same one, and then only if he still has as many as the other: so no caller keeps
      another out of the queue
    - to leave twice is to leave once; who leaves after the slot was handed to it passes it on
    - of one caller in one class, who came first goes first, until the oldest has waited longer than the target
    - who waits is passed over only so often: see `Patience`
    """

    tickets = Bundle("tickets")

    def __init__(self):
        super().__init__()
        self.now = 100.0
        self.slots = Slots(CONFIG)
        self.live = []

    def _granted(self):
        return [ticket for ticket in self.live if ticket.granted]

    def _waiting(self):
        return [ticket for ticket in self.live if not ticket.granted]

    def _counts(self, waiting, priority):
        return Counter(ticket.caller for ticket in waiting if ticket.priority == priority)

    def _check_chosen(self, before, after):
        """Those that were granted by one departure, when nobody's target has passed."""
        if any(self.now - ticket.since > CONFIG.target for ticket in before):
            return
        for chosen in after:
            earlier = [
                t
                for t in before
                if t.caller == chosen.caller
                and t.priority == chosen.priority
                and before.index(t) < before.index(chosen)
            ]
            assert all(ticket in after for ticket in earlier)

    @rule(seconds=STEPS)
    def wait(self, seconds):
        """Time passes."""
        self.now += seconds

    @rule(target=tickets, caller=st.sampled_from("ab"), priority=st.integers(0, 4))
    def enter(self, caller, priority):
        """A call arrives."""
        waiting, used = self._waiting(), self.slots.used
        self.slots._pace = 0.0  # that the hopeless are shed at once has its own tests
        got = self.slots.enter(caller, priority, self.now, FAR, Bell)
        gone = [ticket for ticket in waiting if ticket.over]
        if isinstance(got, Full):
            assert len(waiting) == QUEUE
            assert used >= self.slots.capacity
            assert not gone
            assert all(ticket.priority <= priority for ticket in waiting)
            counts = self._counts(waiting, priority)
            assert max(counts.values(), default=0) <= counts[caller] + 1
            assert got.retry_after > 0
            return multiple()
        if gone:
            assert len(waiting) == QUEUE
            (sent_away,) = gone
            assert sent_away.shed
            lowest = max(ticket.priority for ticket in waiting)
            assert sent_away.priority == lowest >= priority
            same = [ticket for ticket in waiting if ticket.priority == lowest]
            if lowest == priority:
                counts = self._counts(waiting, priority)
                assert counts[sent_away.caller] == max(counts.values()) > counts[caller] + 1
                same = [ticket for ticket in same if ticket.caller == sent_away.caller]
            assert sent_away is same[-1]
            self.live.remove(sent_away)
        assert got.granted == (used < self.slots.capacity and not waiting)
        self.live.append(got)
        return got

    @rule(ticket=consumes(tickets))
    def leave(self, ticket):
        """A call ends, or is cancelled while it waits, or right after it was handed its slot."""
        waiting, was_over = self._waiting(), ticket.over
        self.slots.leave(ticket, self.now)
        self.slots.leave(ticket, self.now)
        assert ticket.over
        if not was_over:
            self.live.remove(ticket)
        self._check_chosen(waiting, [other for other in waiting if other.granted])

    @rule(capacity=st.integers(0, 4))
    def resize(self, capacity):
        """Another capacity; fewer takes effect as calls end."""
        self.slots.resize(capacity, self.now)

    @rule()
    def empty(self):
        """All leave: nothing is held any more, for anybody."""
        for ticket in list(self.live):
            self.slots.leave(ticket, self.now)
        self.live.clear()
        assert (self.slots.used, self.slots.waiting) == (0, 0)
        self.slots.resize(CONFIG.slots, self.now)
        assert self.slots.idle(self.now)

    @invariant()
    def holds(self):
        """See the class."""
        slots = self.slots
        assert slots.used == len(self._granted())
        assert slots.waiting == len(self._waiting()) <= QUEUE
        assert not slots.waiting or slots.used >= slots.capacity
        assert sum(len(line.all) for line in slots._lines) == slots.waiting
        assert sum(len(own) for line in slots._lines for own in line.callers.values()) == slots.waiting
        for ticket in self.live:
            assert not ticket.over
            assert ticket.waiter is None or ticket.waiter.rung == ticket.granted


class Patience(RuleBasedStateMachine):
    """One slot, a steady flood of other calls, and one call that waits: it is served, within a bound.

    - once it counts as the best class by its age, at most the `AGED_EVERY` - 1 slots before the next turn of the aged
      go to others, and then those that are older than it
    - a flood of any lower class takes at most every fourth slot from a better one
    """

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.slots = Slots(SlotsConfig(slots=1, queue=1_000, wait=1e9, target=1e9, age=1.0))
        self.holder = self.slots.enter("x", 0, 0.0, FAR, Bell)
        self.waiting = []
        self.passed = 0

    @rule(seconds=st.sampled_from([0.1, 1.0, 4.0]), flood=st.lists(st.integers(0, 4), max_size=4))
    def arrive(self, seconds, flood):
        """More come."""
        self.now += seconds
        self.waiting += [self.slots.enter("abc"[p % 3], p, self.now, FAR, Bell) for p in flood]

    @rule()
    def serve(self):
        """One call ends, the next is chosen."""
        self.slots.leave(self.holder, self.now)
        if not self.waiting:
            self.holder = self.slots.enter("x", 0, self.now, FAR, Bell)
            return
        chosen = next(ticket for ticket in self.waiting if ticket.granted)
        best = min(ticket.priority for ticket in self.waiting)
        aged = [t for t in self.waiting if self.now - t.since >= t.priority - best and t.priority > best]
        turn = self.slots._handed_on % AGED_EVERY == 0
        if turn and aged:
            assert chosen.since == min(ticket.since for ticket in aged)
        else:
            assert chosen.priority == best
        self.waiting.remove(chosen)
        self.holder = chosen


class Turns(RuleBasedStateMachine):
    """One slot, and callers of one class who come with as many calls as they like.

    - while a caller waits, no other is served more than once before it: a caller cannot starve another
    """

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.slots = Slots(SlotsConfig(slots=1, queue=1_000, wait=1e9, target=2.0, age=1e9))
        self.holder = self.slots.enter("nobody", 2, 0.0, FAR, Bell)
        self.waiting = []
        self.passed = {}  # who waits → whom they saw served since they had their last turn, or came

    @rule(seconds=st.sampled_from([0.0, 0.5, 3.0]), callers=st.lists(st.sampled_from("abcd"), max_size=6))
    def arrive(self, seconds, callers):
        """More come."""
        self.now += seconds
        self.waiting += [self.slots.enter(caller, 2, self.now, FAR, Bell) for caller in callers]
        for caller in callers:
            self.passed.setdefault(caller, Counter())

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up(self, data):
        """Somebody leaves the queue."""
        ticket = data.draw(st.sampled_from(self.waiting))
        self.slots.leave(ticket, self.now)
        self._gone(ticket)

    @precondition(lambda self: self.waiting)
    @rule()
    def serve(self):
        """One call ends, the next is chosen."""
        self.slots.leave(self.holder, self.now)
        self.holder = next(ticket for ticket in self.waiting if ticket.granted)
        for caller, passed in self.passed.items():
            passed[self.holder.caller] += caller != self.holder.caller
            assert max(passed.values()) <= 1
        self.passed[self.holder.caller].clear()
        self._gone(self.holder)

    def _gone(self, ticket):
        self.waiting.remove(ticket)
        if all(other.caller != ticket.caller for other in self.waiting):
            del self.passed[ticket.caller]


TestSlots = SlotsMachine.TestCase
TestSlots.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestPatience = Patience.TestCase
TestPatience.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestTurns = Turns.TestCase
TestTurns.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
