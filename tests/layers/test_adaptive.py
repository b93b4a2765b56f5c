"""The limit that adapts to what a target bears: what cuts it, what raises it, and what says nothing."""

import pytest

from outlast.flow.stream import End, ended_by
from outlast.layers.bulkhead import Adaptive, AdaptiveConfig, Bulkhead, BulkheadConfig, SlotsConfig
from outlast.model.errors import BrokenStream, Cancelled, Connect, Rejected, Throttled, TimedOut, Transient
from outlast.model.events import LimitChanged

from .calls import Ear, a_call

LATER = 100.0


def limit(start, *, most=None, **config):
    """A limit that stands at `start`, with nothing to remember."""
    adaptive = Adaptive(AdaptiveConfig(**config), most or start)
    adaptive.limit = start
    return adaptive


def test_it_starts_at_the_slots():
    """A target that never says that it is too much is held back by nothing else."""
    assert Adaptive(AdaptiveConfig(), 64).limit == 64


def test_it_is_cut_to_four_fifths_and_never_below_the_least():
    """Once for each window, however often the provider says so in it."""
    adaptive, seen = limit(64), []
    for number in range(24):
        adaptive.too_much(float(number))
        assert not adaptive.too_much(number + 0.999)
        seen.append(adaptive.limit)
    assert seen[:9] == [51, 40, 32, 25, 20, 16, 12, 9, 7]
    assert seen[-1] == 1
    assert limit(10, least=9).too_much(0.0)
    assert not limit(9, least=9).too_much(0.0)


def test_a_least_above_the_slots_is_no_raise():
    """A cut never lifts a limit."""
    adaptive = limit(4, least=9)
    assert not adaptive.too_much(0.0)
    assert adaptive.limit == 4


@pytest.mark.parametrize(("in_flight", "raised"), [(4, False), (5, True), (10, True)])
def test_a_success_raises_it_by_one_if_at_least_half_is_in_use(in_flight, raised):
    """Who uses less cannot know whether more would be borne."""
    adaptive = limit(10, most=64)
    assert adaptive.succeeded(in_flight, 0.0) == raised
    assert adaptive.limit == 10 + raised


def test_it_stays_below_what_was_too_much_for_a_while_and_then_goes_beyond_step_by_step():
    """At 9 it was too much; for 30 s it is 8 at the most, and afterwards one more in each second."""
    adaptive = limit(9, most=64)
    adaptive.too_much(0.0)
    for _ in range(20):
        adaptive.succeeded(adaptive.limit, 29.9)
    assert adaptive.limit == 8
    reached = []
    for tenth in range(30):
        adaptive.succeeded(adaptive.limit, 30.0 + tenth / 10)
        reached.append(adaptive.limit)
    assert reached == [9] * 10 + [10] * 10 + [11] * 10


def test_without_memory_it_climbs_at_once():
    """`remember = 0` is plain AIMD but for the pace beyond."""
    adaptive = limit(9, most=64, remember=0.0, window=0.0)
    adaptive.too_much(0.0)
    for _ in range(4):
        adaptive.succeeded(adaptive.limit, 0.0)
    assert adaptive.limit == 11


def test_other_slots_move_a_limit_that_was_not_cut():
    """And one that was is only capped."""
    adaptive = limit(8)
    adaptive.resize(10)
    assert adaptive.limit == 10
    adaptive.too_much(0.0)
    adaptive.resize(20)
    assert (adaptive.limit, adaptive.most) == (8, 20)
    adaptive.resize(5)
    assert adaptive.limit == 5


def bulkhead(**adaptive):
    """Ten slots of each target."""
    config = BulkheadConfig(slots=10, adaptive=AdaptiveConfig(**adaptive))
    return Bulkhead(config, "bulkhead", lambda call: call.target.name, adaptive=config.adaptive)


def ends(of, call, *ends, now=0.0):
    """So many calls go at once, and end like this."""
    held = [of.admit(call, now) for _ in ends]
    for permit, end in zip(held, ends, strict=True):
        permit.settle(call, end, now)


def overloaded():
    """A provider that says that it has too much to do."""
    return ended_by(Transient("no", overloaded=True))


@pytest.mark.parametrize(
    ("error", "why"),
    [(Throttled("no"), "throttled"), (Transient("no", overloaded=True), "overloaded"),
     (BrokenStream("no", overloaded=True), "overloaded")],
)  # fmt: skip
def test_too_much_is_what_the_provider_calls_so(error, why):
    """The event tells the numbers."""
    of, io = bulkhead(), Ear()
    ends(of, a_call(io), End("success"), End("success"), ended_by(error))
    assert io.events == [LimitChanged("alpha/m", 10, 8, 1, why)]
    assert of.of("alpha/m").capacity == 8


@pytest.mark.parametrize(
    "error",
    [
        Cancelled("gone"),
        Rejected("full", gate="bulkhead", code="overloaded"),
        TimedOut("late"),
        Connect("no"),
        Transient("no"),
        BrokenStream("no"),
        KeyboardInterrupt(),
    ],
)
def test_nothing_else_is(error):
    """Cancellations, our own refusals and timers, and failures that are no overload change nothing, at any limit."""
    of, io = bulkhead(), Ear()
    of.of("alpha/m").adaptive.limit = 2
    ends(of, a_call(io), ended_by(error))
    assert (io.events, of.of("alpha/m").adaptive.limit) == ([], 2)


def test_what_was_let_in_before_a_cut_says_nothing_new():
    """However late it comes: ten calls that were too much together cut once, and the next one that is again."""
    of, io = bulkhead(), Ear()
    call = a_call(io)
    first = [of.admit(call, 0.0) for _ in range(10)]
    for number, permit in enumerate(first):
        permit.settle(call, overloaded(), 5.0 * number)
    assert [event.after for event in io.events] == [8]
    ends(of, call, overloaded(), now=LATER)
    assert [event.after for event in io.events] == [8, 6]


def test_who_was_let_in_from_the_queue_counts_with_those_of_its_time():
    """A ticket that was granted before a cut says nothing new, one granted afterwards does."""
    config = BulkheadConfig(slots=2)
    of = Bulkhead(config, "bulkhead", lambda call: call.target.name, adaptive=config.adaptive)
    io = Waits()
    call = a_call(io)
    held = [of.admit(call, 0.0) for _ in range(4)]
    held[0].settle(call, End("success"), 0.0)  # the third has its slot
    held[1].settle(call, overloaded(), 1.0)  # one slot is left, and held
    held[2].settle(call, overloaded(), LATER)  # an old one; now the fourth has it
    assert [event.after for event in io.events] == [1]
    of.of("alpha/m").resize(2, LATER)
    of.of("alpha/m").adaptive.limit = 2
    held[3].settle(call, overloaded(), LATER)
    assert [event.after for event in io.events] == [1, 1]
    assert of.of("alpha/m").used == 0


class Waits(Ear):
    """A world with waiters."""

    def waiter(self):
        """One of them."""
        return self

    def wake(self):
        """Nobody listens."""


def test_a_raise_lets_the_next_one_in():
    """Beside the one that gets the slot of the call that has ended."""
    config = BulkheadConfig(slots=4)
    of = Bulkhead(config, "bulkhead", lambda call: call.target.name, adaptive=config.adaptive)
    call = a_call(Waits())
    ends(of, call, overloaded())
    held = [of.admit(call, LATER) for _ in range(6)]
    assert [permit.waits for permit in held] == [False] * 3 + [True] * 3
    held[0].settle(call, End("success"), LATER)
    assert [ticket.granted for ticket in held[3:]] == [True, True, False]


def test_switched_off_the_slots_stay():
    """By configuration, and for the gateway, whose slots are nobody's in particular."""
    off, io = bulkhead(enabled=False), Ear()
    ends(off, a_call(io), overloaded())
    gateway = Bulkhead(SlotsConfig(slots=10), "admission", lambda _: "gateway")
    ends(gateway, a_call(io), overloaded())
    assert (off.of("alpha/m").capacity, gateway.of("gateway").capacity, io.events) == (10, 10, [])


def test_what_was_learned_is_not_forgotten_while_it_is_fresh():
    """A thousand other targets do not make it as good as new."""
    of = bulkhead(remember=1e6)
    ends(of, a_call(), overloaded())
    for number in range(3_000):
        of.of(f"other/{number}", 1.0)
    assert dict(of.items())["alpha/m"].capacity == 8
