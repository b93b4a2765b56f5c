"""One timer for all deadlines: never early, once each, and nothing piles up."""

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from outlast.edge.sweeper import BEAT, CLOCK_SLACK, GRACE, LAG, Sweeper


class World:
    """A clock that is set by hand, and a `call_later` that rings when the clock is moved."""

    def __init__(self):
        self.time = 100.0
        self.alarms = {}
        self.number = 0

    def now(self):
        return self.time

    def call_later(self, delay, callback):
        self.number += 1
        key = self.number
        self.alarms[key] = (self.time + delay, callback)
        world = self

        class Handle:
            def cancel(self):
                world.alarms.pop(key, None)

        return Handle()

    def run_to(self, moment):
        """Ring every alarm up to this moment, in order."""
        while ring := min(((at, key) for key, (at, _) in self.alarms.items() if at <= moment), default=None):
            self.time = max(self.time, ring[0])
            self._ring(ring[1])
        self.time = max(self.time, moment)

    def _ring(self, key):
        _, callback = self.alarms.pop(key)
        callback()


class Thing:
    def __init__(self, world):
        self.due = inf
        self.world = world
        self.expired = []

    def expire(self):
        self.expired.append(self.world.time)


def made():
    world = World()
    return world, Sweeper(world.now, world.call_later)


def test_expires_once_and_not_early():
    """A deadline that passes is told once, at it or within two milliseconds after it."""
    world, sweeper = made()
    thing = Thing(world)
    sweeper.watch(thing, 103.0)
    world.run_to(102.999)
    assert thing.expired == []
    world.run_to(200.0)
    assert len(thing.expired) == 1
    assert 103.0 <= thing.expired[0] <= 103.0 + 2 * CLOCK_SLACK
    assert thing.due == inf


def test_moved_later():
    """A deadline that was moved away is told at the later moment only."""
    world, sweeper = made()
    thing = Thing(world)
    sweeper.watch(thing, 101.0)
    sweeper.watch(thing, 150.0)
    world.run_to(149.0)
    assert thing.expired == []
    world.run_to(151.0)
    assert len(thing.expired) == 1


def test_moved_earlier():
    """A deadline that was moved near is told at the nearer moment, and not again at the old one."""
    world, sweeper = made()
    thing = Thing(world)
    sweeper.watch(thing, 150.0)
    sweeper.watch(thing, 101.0)
    world.run_to(102.0)
    assert len(thing.expired) == 1
    world.run_to(300.0)
    assert len(thing.expired) == 1


def test_disarmed():
    """Infinity disarms, by `watch` or by a plain store."""
    world, sweeper = made()
    one, other = Thing(world), Thing(world)
    sweeper.watch(one, 101.0)
    sweeper.watch(other, 101.0)
    sweeper.watch(one, inf)
    other.due = inf
    world.run_to(200.0)
    assert one.expired == other.expired == []
    assert len(sweeper) == 0


def test_past_deadline():
    """A deadline that has passed already is told soon, not within `watch`."""
    world, sweeper = made()
    thing = Thing(world)
    sweeper.watch(thing, 50.0)
    assert thing.expired == []
    world.run_to(100.1)
    assert len(thing.expired) == 1


def test_early_alarm():
    """An alarm that rings too early, as uvloop's do, tells nothing early."""
    world, sweeper = made()
    thing = Thing(world)
    sweeper.watch(thing, 101.0)
    key = next(iter(world.alarms))
    world.time = 100.9985
    world._ring(key)
    assert thing.expired == []
    world.run_to(102.0)
    assert len(thing.expired) == 1


def test_blocked_loop():
    """After the loop was blocked, there is a turn for the answers that came meanwhile, before anybody is judged."""
    world, sweeper = made()
    saved, lost = Thing(world), Thing(world)
    sweeper.watch(saved, 101.0)
    sweeper.watch(lost, 101.0)
    key = next(iter(world.alarms))
    world.time = 101.0 + LAG + 5.0
    world._ring(key)
    assert saved.expired == lost.expired == []
    saved.due = inf
    world.run_to(world.time + GRACE + 2 * CLOCK_SLACK)
    assert saved.expired == []
    assert len(lost.expired) == 1


def test_finished_things_do_not_pile_up():
    """A hundred thousand short waits with a far deadline leave a handful of entries."""
    world, sweeper = made()
    for _ in range(100_000):
        thing = Thing(world)
        sweeper.watch(thing, world.time + 600.0)
        thing.due = inf
    assert len(sweeper) <= 128


def test_busy_things_do_not_pile_up():
    """One thing whose deadline goes near and far again and again keeps few entries."""
    world, sweeper = made()
    thing = Thing(world)
    for step in range(100_000):
        sweeper.watch(thing, world.time + 600.0 - step / 1000)
        sweeper.watch(thing, world.time + 900.0)
    assert len(sweeper) <= 128


def test_expiry_may_watch():
    """Whoever expires may be watched anew, at once."""
    world, sweeper = made()

    class Again(Thing):
        def expire(self):
            super().expire()
            sweeper.watch(self, world.time + 1.0)

    thing = Again(world)
    sweeper.watch(thing, 101.0)
    world.run_to(104.5)
    assert len(thing.expired) == 4


def test_a_fault_of_one_spares_the_others():
    """If one `expire` raises, the rest is told all the same."""
    world, sweeper = made()

    class Broken(Thing):
        def expire(self):
            raise ZeroDivisionError

    thing = Thing(world)
    sweeper.watch(Broken(world), 101.0)
    sweeper.watch(thing, 101.0)
    while not thing.expired:
        try:
            world.run_to(110.0)
        except ZeroDivisionError:
            continue
    assert len(thing.expired) == 1


def test_a_late_alarm_is_told():
    """F4: who is told hears by how much the alarm was late; a punctual one is nothing to tell."""
    world, told = World(), []
    sweeper = Sweeper(world.now, world.call_later, told.append)
    thing = Thing(world)
    sweeper.watch(thing, 101.0)
    world.run_to(102.0)
    sweeper.watch(thing, 103.0)
    world.time = 105.0
    world.run_to(106.0)
    assert told == [2.0]
    assert len(thing.expired) == 2


def test_no_long_block_stays_unseen():
    """F4: nothing was due for an hour, and a block of some seconds is told all the same."""
    world, told = World(), []
    sweeper = Sweeper(world.now, world.call_later, told.append)
    sweeper.watch(Thing(world), 3700.0)
    world.run_to(110.0)
    world.time = 115.0
    world.run_to(115.0)
    (seconds,) = told
    assert 5.0 - BEAT <= seconds <= 5.0


def test_closed():
    """After closing nobody is told anything, and no alarm is left."""
    world, sweeper = made()
    thing = Thing(world)
    sweeper.watch(thing, 101.0)
    sweeper.close()
    assert not world.alarms
    world.run_to(200.0)
    assert thing.expired == []


@given(
    st.lists(
        st.tuples(
            st.integers(0, 4), st.one_of(st.just(inf), st.floats(0.0, 50.0)), st.floats(0.0, 5.0, allow_nan=False)
        ),
        max_size=60,
    )
)
def test_as_a_simple_model(steps):
    """Whatever is armed, moved and disarmed, each deadline is told once, in [due, due + 2 ms]."""
    world, sweeper = made()
    things = [Thing(world) for _ in range(5)]
    armed = [inf] * 5
    expected = [0] * 5
    for which, ahead, pause in steps:
        armed[which] = world.time + ahead
        sweeper.watch(things[which], armed[which])
        until = world.time + pause
        world.run_to(until + 3 * CLOCK_SLACK)
        for n, due in enumerate(armed):
            if due <= until:
                expected[n] += 1
                assert due <= things[n].expired[-1] <= due + 3 * CLOCK_SLACK
                armed[n] = inf
            elif due <= world.time and len(things[n].expired) > expected[n]:  # within the slack: may have been told
                expected[n] += 1
                armed[n] = inf
        assert [len(thing.expired) for thing in things] == expected
