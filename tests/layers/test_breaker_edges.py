"""The circuit breaker at its edges: to the moment, to the call, and what it tells of itself."""

import pytest

from outlast.layers.breaker import Breaker, BreakerConfig, Refusal

from .breaker_story import NEVER, Circuit

PROBES_OUT = "the circuit is half-open and its probes are out"
START = 1_001.0
"""A clock that has run for a while, so that adding and taking away are not the same."""


def refused(circuit, now, **more):
    """How many seconds a call is refused for."""
    refusal = circuit.breaker.admit(now, **more)
    assert isinstance(refusal, Refusal)
    return refusal.retry_after


def test_without_a_die_the_time_open_is_in_the_middle():
    """Neither shorter nor longer, however wide the jitter; also when a success lets the rates tell."""
    circuit = Circuit(failures=1, jitter=0.5)
    circuit.call("F", 0.0)
    assert circuit.breaker.until == 10.0
    circuit = Circuit(failures=NEVER, min_calls=2, jitter=0.5)
    assert circuit.calls("FS", 0.0) == ["closed", "open"]
    assert circuit.breaker.until == 10.0


def test_a_repr_says_how_it_stands():
    """An operator's word before the state."""
    circuit = Circuit(failures=1)
    circuit.attempt(0.0)
    assert repr(circuit.breaker) == "Breaker(closed, epoch=0, flying=1)"
    circuit.breaker.operate("forced_open", 0.0)
    assert repr(circuit.breaker) == "Breaker(forced_open, epoch=1, flying=1)"


def test_ready_tells_what_admit_would_say():
    """Nothing to wait for while closed, what is left while open, nothing at its end."""
    circuit = Circuit(failures=1)
    assert circuit.breaker.ready(0.0) == 0.0
    circuit.opened()
    assert [circuit.breaker.ready(now) for now in (4.0, 10.0)] == [6.0, 0.0]
    assert circuit.breaker.state == "open"
    refusal = circuit.breaker.admit(4.0)
    assert (refusal.retry_after, refusal.diverted, refusal.flying, refusal.allowed) == (6.0, False, 0, 0.0)


def test_after_an_operators_time_calls_are_calls_and_no_probes():
    """It is closed as if nothing had been."""
    circuit = Circuit()
    circuit.breaker.operate("forced_open", 0.0, until=60.0)
    assert circuit.breaker.ready(59.0) == 1.0
    permit = circuit.breaker.admit(60.0)
    assert (permit.kind, permit.epoch, circuit.breaker.state) == ("call", 2, "closed")


def test_there_is_no_early_probe_of_what_is_not_open():
    """Nor while an operator holds it open; one of what is."""
    circuit = Circuit(failures=1)
    assert not circuit.breaker.can_probe_early()
    circuit.breaker.operate("forced_open", 0.0)
    assert not circuit.breaker.can_probe_early()
    circuit.breaker.operate(None, 0.0)
    assert circuit.opened().breaker.can_probe_early()


def test_an_early_probe_is_in_flight_like_any_other():
    """Counted while it is out, and given back."""
    circuit = Circuit(failures=1).opened()
    circuit.attempt(1.0, early=True)
    assert circuit.breaker.flying == 1
    circuit.end("F", 2.0)
    assert circuit.breaker.flying == 0


def test_with_more_probes_than_it_takes_to_close_as_many_go_as_there_are_probes():
    """Three at once although one success is enough; with one at once, one, although three are needed."""
    many, one = Circuit(failures=1, probes=3, successes=1).opened(), Circuit(failures=1, probes=1, successes=3).opened()
    assert [many.attempt(10.0) for _ in range(4)] == [True, True, True, False]
    assert [one.attempt(10.0) for _ in range(2)] == [True, False]
    assert [one.end("S", 10.0), one.attempt(10.0), one.end("S", 10.0), one.call("S", 10.0)][-1] == "closed"


def test_while_probes_are_out_it_may_be_asked_again_when_the_first_lease_ends_or_in_a_second():
    """Whichever comes sooner."""
    circuit = Circuit(failures=1, probes=2, lease=0.0).opened()
    assert [circuit.attempt(10.0, limit=limit) for limit in (30.0, 20.0)] == [True, True]
    assert circuit.breaker.admit(10.0) == Refusal(PROBES_OUT, 1.0)
    assert circuit.breaker.admit(29.5) == Refusal(PROBES_OUT, 0.5)
    assert circuit.attempt(30.0)


def test_a_success_after_its_lease_is_no_probes_success():
    """Its place has gone to another; it neither closes the circuit nor is it counted."""
    circuit = Circuit(failures=1, probes=1, successes=1).opened()
    circuit.attempt(10.0)
    circuit.attempt(15.0)
    assert circuit.end("S", 16.0) == "half_open"
    assert (circuit.breaker._window.total, circuit.breaker.flying) == (0, 1)
    assert circuit.end("S", 16.0) == "closed"


def test_a_slow_start_says_when_it_will_have_more_room():
    """At the next doubling; it tells what it allows and what is under way."""
    circuit = Circuit.slow_starting(8, START)
    assert [circuit.attempt(START + 2.0, others=True) for _ in range(2)] == [True, True]
    told = circuit.breaker.admit(START + 2.0, others=True)
    assert told == Refusal("the circuit has just closed and starts slowly", 3.0, diverted=True, flying=2, allowed=2.0)
    assert [circuit.attempt(START + 6.0, others=True) for _ in range(2)] == [True, True]
    assert refused(circuit, START + 6.0, others=True) == 4.0


def test_when_the_climb_is_over_there_is_no_slow_start_any_more():
    """Nobody looks at the other targets for it from then on."""
    circuit = Circuit.slow_starting(4, START)
    circuit.attempt(START)
    assert circuit.breaker.slow_start()
    circuit.attempt(START + 5.0, others=True)
    assert not circuit.breaker.slow_start()


def test_who_is_alone_is_not_asked_about():
    """Without another call in flight, or without a level to climb to, there is no slow start."""
    circuit = Circuit.slow_starting(4, START)
    assert not circuit.breaker.slow_start()
    busy = Circuit()
    busy.attempt(0.0)
    assert not busy.breaker.slow_start()


@pytest.mark.parametrize(("ramp", "seconds", "room"), [(0.0, 0.0, 20), (0.5, 0.0, 2), (0.5, 0.5, 4), (0.5, 1.0, 20)])
def test_the_climb_takes_as_long_as_it_is_told(ramp, seconds, room):
    """Eight calls were in flight; without a ramp there is no slow start, with a short one it is short."""
    circuit = Circuit.slow_starting(8, START, ramp=ramp)
    while circuit.breaker.flying < 20 and circuit.attempt(START + seconds, others=True):
        pass
    assert circuit.breaker.flying == room


def test_a_circuit_that_was_closed_for_years_can_open():
    """Doublings and healthy minutes are not counted without an end."""
    circuit = Circuit(failures=1)
    assert circuit.call("F", 1e9) == "open"
    assert circuit.breaker.until == 1e9 + 10.0


def test_a_circuit_that_opens_for_ever_longer_stays_open_no_longer_than_that():
    """However often it was."""
    circuit, now = Circuit(failures=1), 0.0
    circuit.call("F", now)
    for _ in range(2_000):
        now = circuit.breaker.until
        circuit.call("F", now)
    assert circuit.breaker.until - now == 20.0


def test_it_is_as_good_as_new_when_nothing_that_it_knows_matters_any_more():
    """After the window, after as many healthy minutes as it opened times, after its time, without calls or words."""
    idle = Circuit(window=200.0)
    idle.call("F", START)
    assert [idle.breaker.idle(START + after) for after in (200.0, 200.1)] == [False, True]

    once = Circuit(failures=1, window=5.0).opened(START)
    assert [once.breaker.idle(START + after) for after in (59.9, 60.0)] == [False, True]

    twice = Circuit(failures=1, window=5.0, open=1.0).opened(START)
    twice.call("F", START + 1.0)
    assert [twice.breaker.idle(START + 1.0 + after) for after in (119.9, 120.0)] == [False, True]

    long = Circuit(failures=1, window=5.0, open=100.0, open_max=100.0).opened(START)
    assert [long.breaker.idle(START + after) for after in (99.9, 100.0)] == [False, True]

    for word in ("observe", "disabled", "forced_open"):
        told = Circuit()
        told.breaker.operate(word, START, until=START)
        assert not told.breaker.idle(START + 1e6)


def test_in_a_child_process_nothing_is_in_flight():
    """The calls are its parent's; what was learned stays, and its own calls are counted from none."""
    circuit = Circuit(failures=1, successes=1).opened()
    circuit.attempt(10.0)
    circuit.breaker.ground()
    assert (circuit.breaker.flying, circuit.breaker.state) == (0, "half_open")
    assert [circuit.attempt(10.0), circuit.attempt(10.0)] == [True, True]

    closed = Circuit(failures=1, successes=1)
    for _ in range(8):
        closed.attempt(0.0)
    closed.breaker.ground()
    closed.call("F", 0.0)
    closed.call("S", 10.0)
    assert closed.breaker.level == 1


def test_a_permit_that_is_given_is_filled_in():
    """The gate's own, so that none is made for each call."""
    circuit = Breaker(BreakerConfig())
    given = circuit.admit(0.0)
    assert circuit.admit(0.0, permit=given) is given


@pytest.mark.parametrize(
    ("config", "told", "until", "openings"),
    [
        ({}, (12.0, 2), 12.0, 2),
        ({}, (0.5, 1), 0.5, 1),
        ({}, (1e9, 99), 60.0, 60),
        ({"hint_max": 5.0}, (1e9, 0), 20.0, 1),
        ({"hint_max": 5.0, "jitter": 0.5}, (1e9, 1), 30.0, 1),
    ],
)
def test_what_was_open_in_another_process_is_open_in_this_one(config, told, until, openings):
    """For as long as was left, within what it could have been, and as often in a row as counts."""
    breaker = Circuit(**config).breaker
    breaker.restore(*told, START)
    assert (breaker.state, breaker.until, breaker.openings) == ("open", START + until, openings)
    assert [(change.before, change.after, change.seconds) for change in breaker.changes] == [("closed", "open", until)]


def test_what_another_process_knew_counts_only_where_nothing_is_known_here():
    """Not after a call, a transition or an operator's word, and not when it is over."""
    called, changed, told, over = (Circuit(failures=1) for _ in range(4))
    called.call("S", START)
    changed.breaker.operate(None, START)
    told.breaker.operate("observe", START)
    told.breaker.epoch = 0
    for circuit, seconds in ((called, 9.0), (changed, 9.0), (told, 9.0), (over, 0.0)):
        circuit.breaker.restore(seconds, 1, START)
        assert circuit.breaker.state == "closed"
