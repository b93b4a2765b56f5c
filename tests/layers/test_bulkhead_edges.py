"""Slots and queue at their edges: how a pace is known, who ages, what is told, and what an operator changes."""

import asyncio

import pytest

from outlast.flow.stream import End, ended_by
from outlast.layers.bulkhead import GATEWAY, Adaptive, AdaptiveConfig, Bulkhead, Full, Slots, SlotsConfig
from outlast.model.errors import Rejected, Throttled
from outlast.model.events import LimitChanged, Shed, SlotAwaited

from .calls import Ear, a_call
from .test_bulkhead import BATCH, CRITICAL, FAR, HIGH, LOW, NORMAL, Bell, enter, one_slot, served

START = 1_000.0
"""A clock that has run for a while, so that adding and taking away are not the same."""
LATE = "no slot became free in time"


class Queue(Ear):
    """A world in which waiting takes a while, and something happens meanwhile."""

    def __init__(self, meanwhile=lambda: None, seconds=2.0):
        super().__init__(now=START)
        self.meanwhile, self.seconds, self.due = meanwhile, seconds, None

    def waiter(self):
        """One of them."""
        return self

    def wake(self):
        """It looks when its time is over."""

    async def wait(self, due):
        """A while."""
        self.due = due
        self.time += self.seconds
        self.meanwhile()


def waited(held, call):
    """The call waits; what is raised."""

    async def wait():
        await held.wait(call)

    try:
        asyncio.run(wait())
    except BaseException as error:  # noqa: BLE001  (what is raised is what is tested)
        return error
    return None


def bulkhead(**config):
    """The slots of targets, one for each."""
    return Bulkhead(SlotsConfig(**{"slots": 1, **config}), "bulkhead", lambda call: call.target.name)


def paced(*gaps, **config):
    """One slot whose queue has seen releases after such times; who has it, who waits still, and the time by now."""
    slots, holder = one_slot(**config)
    waiting = [enter(slots, "a", NORMAL, START) for _ in range(len(gaps) + 1)]
    now = START
    for gap in gaps:
        now += gap
        slots.leave(holder, now)
        holder = waiting.pop(0)
    return slots, holder, waiting[0], now


# -- how long it will take


def test_the_gateway_lets_a_thousand_wait_for_ten_seconds():
    """Its defaults."""
    assert SlotsConfig(slots=1_024, queue=1_000, wait=10.0, target=2.0, age=2.0) == GATEWAY


def test_a_pace_is_the_time_between_releases_while_calls_wait():
    """Five of them tell, the last ones count for more: after five seconds' worth of ones, six seconds make it two."""
    assert paced(1.0, 1.0, 1.0, 1.0)[0].expected_wait(NORMAL) == 0.0
    slots, *_ = paced(1.0, 1.0, 1.0, 1.0, 1.0)
    assert (slots.pace, slots.expected_wait(NORMAL)) == (1.0, 2.0)
    assert paced(1.0, 1.0, 1.0, 1.0, 1.0, 6.0)[0].pace == 2.0


def test_who_joins_a_queue_does_not_make_it_look_faster():
    """It formed a second before the release, however late the second call came."""
    slots, holder = one_slot()
    enter(slots, "a", NORMAL, START)
    enter(slots, "a", NORMAL, START + 0.9)
    slots.leave(holder, START + 1.0)
    assert slots.pace == 1.0


@pytest.mark.parametrize(("empty", "needed"), [(1, 1), (3, 3), (50, 5)])
def test_a_queue_that_is_gone_says_less_and_less_of_the_next(empty, needed):
    """After releases without a queue it takes as many with one to be sure of the pace again, and at most five."""
    slots, holder, last, now = paced(1.0, 1.0, 1.0, 1.0, 1.0)
    slots.leave(holder, now)
    slots.leave(last, now)
    for _ in range(empty - 1):
        slots.leave(enter(slots, "b", NORMAL, now), now)
    holder, *waiting = [enter(slots, "b", NORMAL, now) for _ in range(9)]
    releases = 0
    while not slots.expected_wait(NORMAL):
        releases += 1
        slots.leave(holder, now + releases)
        holder = waiting.pop(0)
    assert releases == needed


def test_nobody_waits_for_longer_than_he_may_but_just_as_long():
    """A pace of a second: who may wait one goes in, who may wait less is told."""
    slots, _, _, now = paced(1.0, 1.0, 1.0, 1.0, 1.0, wait=10.0)
    refused = enter(slots, "b", CRITICAL, now, deadline=now + 0.9)
    assert refused == Full("it could not be served in time", 1.0)
    assert not isinstance(enter(slots, "b", CRITICAL, now, deadline=now + 1.0), Full)


def test_a_full_queue_tells_a_second_or_what_is_expected():
    """Before it knows its pace, and when it does."""
    slots, _ = one_slot(queue=0)
    assert enter(slots, "a", NORMAL, START) == Full("the queue is full", 1.0)
    slots, _, _, now = paced(3.0, 3.0, 3.0, 3.0, 3.0)
    slots.config = SlotsConfig(slots=1, queue=1, wait=1e9)
    assert enter(slots, "a", NORMAL, now) == Full("the queue is full", 6.0)


def test_who_waits_for_one_target_waits_for_no_other():
    """Where nobody has waited yet nobody is ahead, sent away or crowded out."""
    busy, _ = one_slot()
    other, _ = one_slot(queue=0)
    enter(busy, "a", NORMAL, START)
    assert ([busy.ahead(LOW), busy.waiting], [other.ahead(LOW), other.waiting]) == ([1, 1], [0, 0])
    refused = other.enter("a", NORMAL, START, FAR, Bell)
    assert isinstance(refused, Full)
    assert refused.why == "the queue is full"
    late = one_slot()[0].enter("a", NORMAL, START, START - 1.0, Bell)
    assert isinstance(late, Full)
    assert late.why == "it could not be served in time"


def test_before_a_call_are_those_of_its_class_and_of_better_ones():
    """Not those below; and what it was told is on its ticket."""
    slots, _ = one_slot()
    enter(slots, "a", LOW, START)
    assert enter(slots, "b", NORMAL, START).ahead == 0
    assert enter(slots, "c", LOW, START).ahead == 2


def test_before_a_caller_are_as_many_of_others_as_turns_are_taken():
    """One of each who has one, and of who has ten as many as it takes until it is his turn."""
    slots, _ = one_slot()
    for caller, count in (("one", 1), ("ten", 10), ("mine", 2)):
        for _ in range(count):
            enter(slots, caller, NORMAL, START)
    line = slots._lines[NORMAL]
    assert [line.ahead_of(caller) for caller in ("mine", "new", "one")] == [2 + 1 + 3, 3, 1 + 2 + 2]


# -- who goes


def test_a_call_just_as_old_as_is_borne_is_served_in_turn():
    """A moment older, and the newest goes."""
    for now, first in ((START + 0.5, "old"), (START + 0.51, "new")):
        slots, holder = one_slot(target=0.5)
        tickets = {"old": enter(slots, "a", NORMAL, START), "new": enter(slots, "a", NORMAL, START + 0.4)}
        assert served(slots, holder, tickets, now)[0] == first


def test_who_has_as_many_as_another_would_have_is_not_crowding():
    """Two and one: with one more they would be even."""
    slots, _ = one_slot(queue=3)
    for _ in range(3):
        enter(slots, "loud", NORMAL, START)
    assert not isinstance(enter(slots, "quiet", NORMAL, START), Full)
    assert isinstance(enter(slots, "quiet", NORMAL, START), Full)


def fourth(*waiting, now, age=1.0):
    """Whom the fourth slot goes to, of those who wait beside many critical calls: (name, class, since)."""
    slots, holder = one_slot(age=age)
    tickets = {f"critical {number}": enter(slots, "c", CRITICAL, now) for number in range(9)}
    for name, priority, since in waiting:
        tickets[name] = enter(slots, name, priority, since)
    return served(slots, holder, tickets, now)[3]


def test_a_class_better_for_each_step_of_waiting():
    """To the moment: one step for the next class, two for the one below it."""
    assert fourth(("high", HIGH, START), now=START + 1.0) == "high"
    assert fourth(("high", HIGH, START), now=START + 0.9) == "critical 3"
    assert fourth(("normal", NORMAL, START), now=START + 2.0) == "normal"
    assert fourth(("normal", NORMAL, START), now=START + 1.9) == "critical 3"


def test_of_those_who_have_aged_the_oldest_goes():
    """Whatever their classes, if both count as the best by now."""
    assert fourth(("high", HIGH, START + 1.0), ("batch", BATCH, START), now=START + 9.0) == "batch"
    assert fourth(("high", HIGH, START), ("batch", BATCH, START + 1.0), now=START + 9.0) == "high"


def test_who_is_of_the_best_class_does_not_age():
    """Two critical callers take turns; the fourth slot is not for the one who came first."""
    slots, holder = one_slot(age=1.0)
    tickets = {f"loud {number}": enter(slots, "loud", CRITICAL, START) for number in range(5)}
    tickets |= {f"quiet {number}": enter(slots, "quiet", CRITICAL, START + 1.0) for number in range(2)}
    order = served(slots, holder, tickets, START + 50.0)
    assert order == ["loud 0", "quiet 0", "loud 1", "quiet 1", "loud 2", "loud 3", "loud 4"]


def test_a_slot_or_a_place_is_given_up_once():
    """However often it is said, and also if it was taken away before."""
    slots, holder = one_slot(queue=1)
    shed = enter(slots, "a", LOW, START)
    better = enter(slots, "b", HIGH, START)
    for ticket in (shed, better, better):
        slots.leave(ticket, START)
    assert (slots.used, slots.waiting) == (1, 0)
    for _ in range(2):
        slots.leave(holder, START)
    assert (slots.used, slots.waiting) == (0, 0)


def test_who_finds_a_slot_has_it_and_its_ticket_says_so():
    """With those of its time, and nobody before it."""
    slots = Slots(SlotsConfig())
    ticket = enter(slots, "a", NORMAL, START)
    assert (ticket.granted, ticket.waits, ticket.ahead, ticket.expected) == (True, False, 0, 0.0)
    assert ticket.cohort is slots.cohort
    with pytest.raises(RuntimeError, match="must have a waiter"):
        asyncio.run(ticket.wait(a_call()))


# -- what is told


def test_who_is_turned_away_is_told_with_all_numbers():
    """The caller hears when to come back, the sinks how the queue stood."""
    io = Queue()
    of = bulkhead(queue=1)
    of.admit(a_call(io), START)
    of.admit(a_call(io), START)
    refused = of.admit(a_call(io), START)
    assert isinstance(refused, Rejected)
    assert (refused.gate, refused.code, refused.retry_after) == ("bulkhead", "overloaded", 1.0)
    told = {"waited": 0.0, "waiting": 1, "ahead": 1, "slots": 1, "pace": 0.0, "expected": 0.0, "priority": NORMAL}
    assert io.events == [Shed("r1", "alpha/m", "the queue is full", 1.0, **told)]
    assert of.waiting() == 1


def test_who_waits_in_vain_is_told_how_long_and_what_to_expect():
    """Two seconds, the longest wait; the queue moves by one in three seconds, and one is before it."""
    slots, _, _, now = paced(3.0, 3.0, 3.0, 3.0, 3.0)
    slots.config = SlotsConfig(slots=1, wait=2.0)
    io = Queue()
    io.time = now
    ticket = slots.enter("b", LOW, now, FAR, io.waiter)
    assert isinstance(ticket, Full)
    slots.config = SlotsConfig(slots=1, wait=20.0)
    ticket = slots.enter("b", LOW, now, FAR, io.waiter)
    refused = waited(ticket, a_call(io, deadline=1e9))
    assert (io.due, refused.retry_after) == (now + 20.0, 9.0)
    told = {"waited": 2.0, "waiting": 2, "ahead": 2, "slots": 1, "pace": 3.0, "expected": 9.0, "priority": LOW}
    assert io.events == [Shed("r1", "", LATE, 9.0, **told)]


def test_whose_place_was_taken_is_told_why():
    """A better call came."""
    of = bulkhead(queue=1)
    io = Queue(meanwhile=lambda: of.of("alpha/m").enter("b", CRITICAL, START, FAR, Bell))
    of.admit(a_call(io), START)
    call = a_call(io, deadline=1e9)
    assert waited(of.admit(call, START), call).message == "alpha/m: a better class took the place"


def test_who_gets_a_slot_is_told_with_how_long_it_took():
    """And nothing is raised."""
    of = bulkhead()
    io = Queue(meanwhile=lambda: holder.settle(a_call(io), End("success"), io.time))
    holder = of.admit(a_call(io), START)
    call = a_call(io, deadline=1e9)
    ticket = of.admit(call, START)
    assert waited(ticket, call) is None
    assert io.events == [SlotAwaited("r1", "alpha/m", 2.0, True, 0, 2.0, 0.0, NORMAL)]
    assert ticket.granted


def test_who_leaves_the_queue_is_told_too():
    """As one who got no slot; what made it leave goes on."""
    gone = asyncio.CancelledError()

    def leaves():
        raise gone

    of, io = bulkhead(), Queue(meanwhile=leaves)
    of.admit(a_call(io), START)
    call = a_call(io, deadline=1e9)
    assert isinstance(waited(of.admit(call, START), call), asyncio.CancelledError)
    assert io.events == [SlotAwaited("r1", "alpha/m", 2.0, False, 0, 0.0, 0.0, NORMAL)]


# -- classes and operators


@pytest.mark.parametrize(
    ("lowers", "priority", "becomes"), [(True, BATCH, BATCH), (True, LOW, BATCH), (False, LOW, LOW)]
)
def test_a_retry_runs_one_class_lower_where_that_is_wanted_and_there_is_one(lowers, priority, becomes):
    """On a target; at the gateway's door it is what it is."""
    of = Bulkhead(SlotsConfig(slots=1), "bulkhead", lambda call: "alpha/m", lowers=lowers)
    of.admit(a_call(Queue()), START)
    call = a_call(Queue())
    call.priority, call.story.made = priority, 1
    assert of.admit(call, START).priority == becomes


def test_retries_are_what_they_are_unless_told_otherwise():
    """No class lower."""
    of = bulkhead()
    of.admit(a_call(Queue()), START)
    call = a_call(Queue())
    call.story.made = 1
    assert of.admit(call, START).priority == NORMAL


def test_more_slots_are_handed_on_at_once():
    """By an operator, or by an answer that shows that more are borne."""
    slots, _ = one_slot()
    waiting = [enter(slots, "a", NORMAL, START) for _ in range(3)]
    slots.resize(3, START)
    assert [ticket.granted for ticket in waiting] == [True, True, False]
    assert [ticket.waiter.rung for ticket in waiting] == [True, True, False]

    adaptive = Slots(SlotsConfig(slots=4), name="alpha/m", adaptive=AdaptiveConfig(remember=0.0, window=0.0))
    held = [enter(adaptive, "a", NORMAL, START) for _ in range(4)]
    call = a_call()
    held[0].settle(call, ended_by(Throttled("slow down")), START)
    assert (adaptive.capacity, adaptive.used) == (3, 3)
    waiting = enter(adaptive, "a", NORMAL, START)
    held[1].settle(call, End("success"), START)
    assert (adaptive.capacity, waiting.granted) == (4, True)
    assert call.io.events == [
        LimitChanged("alpha/m", 4, 3, 4, "throttled"),
        LimitChanged("alpha/m", 3, 4, 3, "answered"),
    ]


def test_an_operators_slots_bound_what_adapts():
    """Cut to three of four: with eight slots it is still three, with two it is two."""
    slots = Slots(SlotsConfig(slots=4), adaptive=AdaptiveConfig())
    enter(slots, "a", NORMAL, START).settle(a_call(), ended_by(Throttled("slow down")), START)
    capacities = []
    for count in (8, 2):
        slots.resize(count, START)
        capacities.append(slots.capacity)
    assert capacities == [3, 2]


def test_slots_may_be_forgotten_when_what_they_learned_is_old():
    """Half a minute after a cut; not what an operator has set, nor what is in use."""
    slots = Slots(SlotsConfig(slots=4), adaptive=AdaptiveConfig())
    assert slots.idle(START)
    ticket = enter(slots, "a", NORMAL, START)
    assert not slots.idle(START)
    ticket.settle(a_call(), ended_by(Throttled("slow down")), START)
    assert [slots.idle(START + after) for after in (29.9, 30.0)] == [False, True]
    slots.resize(9, START)
    assert not slots.idle(START + 99.0)
    plain = Slots(SlotsConfig(slots=4))
    assert plain.idle(START)


def test_a_cut_is_not_spoiled_by_rounding():
    """0.29 of a hundred is 29, although as floats it is a little less."""
    assert 100 * 0.29 < 29
    adaptive = Adaptive(AdaptiveConfig(cut=0.29), 100)
    adaptive.too_much(0.0)
    assert (adaptive.limit, repr(adaptive)) == (29, "Adaptive(29 of 100)")


def test_a_limit_tells_when_it_has_not_changed():
    """At its most, and where it stays below what was too much."""
    adaptive = Adaptive(AdaptiveConfig(), 10)
    assert not adaptive.succeeded(10, START)
    adaptive.too_much(START)
    assert adaptive.succeeded(8, START)
    assert not adaptive.succeeded(9, START)
    assert adaptive.limit == 9


def test_what_a_limit_has_learned_is_old_after_a_while():
    """Until then it must be remembered, unless it is back at its most."""
    adaptive = Adaptive(AdaptiveConfig(), 10)
    assert adaptive.idle(START)
    adaptive.too_much(START)
    assert [adaptive.idle(START + after) for after in (29.9, 30.0)] == [False, True]
    adaptive.resize(8)
    assert adaptive.idle(START)
