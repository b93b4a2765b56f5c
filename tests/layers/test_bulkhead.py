"""Slots and queue: who goes next, who is sent away, and what is told."""

import asyncio

import pytest

from outlast.flow.stream import End
from outlast.layers.bulkhead import GATEWAY, Bulkhead, Full, Slots, SlotsConfig
from outlast.layers.bulkhead.slots import BETTER, CROWDED
from outlast.model.errors import Rejected
from outlast.model.events import Shed

from .calls import Ear, a_call

FAR = 1e9
CRITICAL, HIGH, NORMAL, LOW, BATCH = range(5)


class Bell:
    """A waiter that only remembers."""

    def __init__(self):
        self.rung = False

    def wake(self):
        self.rung = True


def one_slot(**more):
    """A single slot, held by somebody."""
    slots = Slots(SlotsConfig(slots=1, **{"queue": 100, "wait": 1e9, "target": 1e9, "age": 1e9, **more}))
    return slots, enter(slots, "holder", NORMAL, 0.0)


def enter(slots, caller, priority, now, deadline=FAR):
    """A call arrives."""
    return slots.enter(caller, priority, now, deadline, Bell)


def served(slots, holder, tickets, now):
    """In which order they get the slot, when each gives it back at once."""
    order, left = [], dict(tickets)
    while left:
        slots.leave(holder, now)
        name, holder = next((name, ticket) for name, ticket in left.items() if ticket.granted)
        order.append(name)
        del left[name]
    return order


def test_the_best_class_goes_first():
    """Whatever the order in which they came."""
    slots, holder = one_slot()
    tickets = {str(priority): enter(slots, "a", priority, 0.0) for priority in (BATCH, NORMAL, CRITICAL, LOW, HIGH)}
    assert served(slots, holder, tickets, 0.1) == ["0", "1", "2", "3", "4"]


def test_callers_of_one_class_take_turns():
    """One that sends ten calls at once does not keep another waiting for all of them."""
    slots, holder = one_slot()
    tickets = {f"loud {number}": enter(slots, "loud", NORMAL, 0.0) for number in range(3)}
    tickets["quiet"] = enter(slots, "quiet", NORMAL, 0.0)
    assert served(slots, holder, tickets, 0.1) == ["loud 0", "quiet", "loud 1", "loud 2"]


def test_a_caller_is_served_newest_first_once_its_oldest_call_is_too_old():
    """Its oldest calls will not make it anyway, its newest will."""
    slots, holder = one_slot(target=0.5)
    tickets = {str(number): enter(slots, "a", NORMAL, number / 10) for number in range(3)}
    assert served(slots, holder, tickets, 0.55) == ["2", "1", "0"]


def test_a_flood_of_old_batch_work_takes_one_slot_of_four():
    """It has aged, so it is not forgotten; and critical calls still get the rest."""
    slots, holder = one_slot(age=1.0)
    tickets = {f"batch {number}": enter(slots, "b", BATCH, 0.0) for number in range(8)}
    tickets |= {f"critical {number}": enter(slots, "c", CRITICAL, 9.0) for number in range(9)}
    order = [name.partition(" ")[0] for name in served(slots, holder, tickets, 9.0)]
    assert order[:12] == ["critical", "critical", "critical", "batch"] * 3


@pytest.mark.parametrize("config", [SlotsConfig(), GATEWAY], ids=["target", "gateway"])
def test_even_batch_work_counts_as_critical_before_its_time_is_over(config):
    """Four classes up take less than the longest wait; else aging would help nobody."""
    assert BATCH * config.age < config.wait


def test_a_full_queue_sends_away_the_newest_of_the_lowest_class_for_a_better_call():
    """And nobody for one that is no better."""
    slots, _ = one_slot(queue=2)
    first, second = enter(slots, "a", LOW, 0.0), enter(slots, "a", LOW, 0.1)
    assert isinstance(enter(slots, "a", LOW, 0.2), Full)
    better = enter(slots, "b", NORMAL, 0.3)
    assert (first.shed, second.shed, second.waiter.rung, better.granted) == ("", BETTER, True, False)
    assert slots.waiting == 2


def test_a_full_queue_has_room_for_who_has_less_in_it():
    """One caller fills it; another's first call takes the place of his newest, until both have as many."""
    slots, _ = one_slot(queue=4)
    loud = [enter(slots, "loud", NORMAL, 0.0) for _ in range(4)]
    quiet = [enter(slots, "quiet", NORMAL, 0.1) for _ in range(3)]
    assert [ticket.shed for ticket in loud] == ["", "", CROWDED, CROWDED]
    assert [isinstance(ticket, Full) for ticket in quiet] == [False, False, True]
    assert isinstance(enter(slots, "loud", NORMAL, 0.2), Full)
    assert slots.waiting == 4


def test_the_crowd_of_one_caller_is_not_before_another():
    """Twenty calls wait, a release takes 0.5 s: hopeless for the caller who has them, and the next turn for another."""
    slots, holder = one_slot(wait=2.0)
    for number in range(5):
        following = enter(slots, "loud", NORMAL, 0.5 * number)
        slots.leave(holder, 0.5 * number + 0.5)
        holder = following
    for _ in range(20):
        slots._pace, pace = 0.0, slots._pace
        assert not isinstance(enter(slots, "loud", NORMAL, 2.5), Full)
        slots._pace = pace
    refused, quiet = enter(slots, "loud", NORMAL, 2.5), enter(slots, "quiet", NORMAL, 2.5)
    assert isinstance(refused, Full)
    assert refused.retry_after == pytest.approx(21 * 0.5)
    assert quiet.expected == pytest.approx(1.0)


def test_nobody_is_sent_away_for_a_call_that_cannot_be_served_in_time_itself():
    """It is refused at once, and the queue stays as it was."""
    slots, holder = one_slot(queue=1, wait=2.0)
    for number in range(5):
        following = enter(slots, "a", BATCH, 1.5 * number)
        slots.leave(holder, 1.5 * number + 1.5)
        holder = following
    waiting = enter(slots, "a", BATCH, 7.5)
    refused = enter(slots, "b", NORMAL, 7.5, deadline=8.0)
    assert isinstance(refused, Full)
    assert refused.retry_after == pytest.approx(1.5)
    assert not waiting.shed


def test_one_slow_call_sends_nobody_away():
    """How fast a queue moves is not known from one release, nor long after the queue has gone."""
    slots, holder = one_slot(wait=2.0)
    waiting = enter(slots, "a", NORMAL, 0.0)
    slots.leave(holder, 11.0)
    assert slots.expected_wait(NORMAL) == 0.0
    assert not isinstance(enter(slots, "b", NORMAL, 11.0), Full)
    assert waiting.granted


def test_a_queue_knows_its_pace_from_the_time_when_it_formed():
    """A slot that was busy for an hour while nobody waited says nothing of how fast a queue moves."""
    slots, holder = one_slot(wait=2.0)
    for number in range(5):
        following = enter(slots, "a", NORMAL, 3_600.0 + 0.2 * number)
        slots.leave(holder, 3_600.2 + 0.2 * number)
        holder = following
    assert slots.expected_wait(NORMAL) == pytest.approx(0.2)
    assert not isinstance(enter(slots, "a", NORMAL, 3_601.0), Full)


def test_a_queue_that_never_empties_holds_nobody_who_has_left():
    """A slot that hangs, and callers who give up one after the other."""
    slots, _ = one_slot(queue=10)
    previous = enter(slots, "a", NORMAL, 0.0)
    for number in range(1_000):
        following = enter(slots, f"caller {number}", NORMAL, float(number))
        slots.leave(previous, float(number))
        previous = following
    assert [len(line.all) + len(line.callers) for line in slots._lines] == [0, 0, 2, 0, 0]


class Io(Ear):
    """A world whose waiters are woken or run out at once."""

    def __init__(self, woken=False):
        super().__init__()
        self.woken = woken

    def waiter(self):
        """One of them."""
        return self

    def wake(self):
        """Too late."""

    async def wait(self, due):
        """Until `due`, or not at all."""
        self.due = due
        return self.woken


def bulkhead(**config):
    """The slots of targets."""
    return Bulkhead(SlotsConfig(**config), "bulkhead", lambda call: call.target.name, lowers=True)


def test_a_retry_or_failover_runs_one_class_lower_on_the_target():
    """The first attempt of a routed call does not."""
    of = bulkhead(slots=1)
    of.admit(a_call(Io()), 0.0)
    first, later = a_call(Io()), a_call(Io(), earlier=1)
    first.story.made = later.story.made = 1
    assert [of.admit(call, 0.0).priority for call in (first, later)] == [LOW, NORMAL]


def test_who_waits_in_vain_is_told_so_and_leaves_nothing_behind():
    """503 after the longest wait or at the deadline, whichever comes first."""
    of, io = bulkhead(slots=1, wait=2.0), Io()
    of.admit(a_call(io), 0.0)
    call = a_call(io, deadline=1.5)
    held = of.admit(call, 0.0)
    with pytest.raises(Rejected, match="no slot became free in time") as refused:
        asyncio.run(_awaited(held.wait(call)))
    held.settle(call, End("neutral", refused.value), 1.5)
    assert (io.due, refused.value.status, refused.value.retry_after) == (1.5, 503, 1.0)
    assert of.of("alpha/m").waiting == 0
    assert [event.reason for event in io.events if isinstance(event, Shed)] == ["no slot became free in time"]


async def _awaited(waiting):
    await waiting


def test_slots_of_models_that_nobody_asks_for_any_more_are_forgotten():
    """Those in use stay."""
    of = bulkhead()
    used = of.of("alpha/used")
    enter(used, "a", NORMAL, 0.0)
    for number in range(5_000):
        of.of(f"alpha/{number}", float(number))
    assert len(of._slots) <= 1_000
    assert of.of("alpha/used") is used


def test_slots_that_an_operator_has_set_are_not_forgotten():
    """Nobody uses them, and a thousand others come: they stay as he said."""
    of = bulkhead()
    of.of("alpha/set").resize(3, 0.0)
    for number in range(3_000):
        of.of(f"alpha/{number}", float(number))
    assert of.of("alpha/set").capacity == 3
