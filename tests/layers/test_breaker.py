"""Single turns of the circuit breaker that its tables and its machine do not name."""

import pytest

from outlast.flow.stream import End
from outlast.layers.breaker import BreakerConfig, Breakers, Refusal
from outlast.model.errors import Rejected, TimedOut, Transient
from outlast.model.events import BreakerChanged

from .breaker_story import NEVER, Circuit
from .calls import ALPHA, Ear, Others, a_call


def test_it_opens_at_five_failures_in_a_row_and_a_success_breaks_the_run():
    """FFFF S FFFFF."""
    assert Circuit(min_calls=NEVER).calls("FFFFSFFFFF", 0.0) == ["closed"] * 9 + ["open"]


def test_the_run_of_failures_is_forgotten_after_an_idle_window():
    """Four failures, more than a minute of nothing, and the fifth is the first again."""
    circuit = Circuit(min_calls=NEVER)
    circuit.calls("FFFF", 0.0)
    assert circuit.call("F", 60.1) == "closed"
    assert circuit.calls("FFFF", 61.0)[-1] == "open"


def test_it_opens_when_most_calls_are_slow_although_none_fails():
    """Eight slow ones of ten."""
    circuit = Circuit()
    states = []
    for slow in [False, False] + [True] * 8:
        permit = circuit.breaker.admit(0.0)
        circuit.breaker.answered(permit, 0.0, slow)
        circuit.breaker.settle(permit, "success", 0.0)
        states.append(circuit.breaker.state)
    assert states == ["closed"] * 9 + ["open"]


def test_a_slow_stream_that_breaks_is_one_slow_call_not_two():
    """Counted slow at its first content, and slow again when it stalled."""
    circuit = Circuit()
    permit = circuit.breaker.admit(0.0)
    circuit.breaker.answered(permit, 5.0, slow=True)
    circuit.breaker.settle(permit, "failure", 20.0, slow=True)
    assert (circuit.breaker._window.total, circuit.breaker._window.slow) == (1, 1)


def test_streams_that_all_break_open_it_although_each_began_well():
    """Their first contents did not break the run of failures, as it turned out."""
    circuit, states = Circuit(min_calls=NEVER), []
    for _ in range(5):
        permit = circuit.breaker.admit(0.0)
        circuit.breaker.answered(permit, 0.0)
        circuit.breaker.settle(permit, "failure", 0.0)
        states.append(circuit.breaker.state)
    assert states == ["closed"] * 4 + ["open"]


def test_openings_last_longer_and_longer_and_a_healthy_minute_takes_one_off():
    """10 s, 20 s, 20 s; after two healthy minutes 20 s, after ten 10 s again."""
    circuit, now, lasted = Circuit(), 0.0, []

    def open_again():
        circuit.opened(now)
        lasted.append(circuit.breaker.until - now)
        return circuit.breaker.until

    def close():
        circuit.calls("SS", now)
        assert circuit.breaker.state == "closed"

    for healthy in (0.0, 0.0, 120.0, 600.0):
        now = open_again()
        close()
        now += healthy
    open_again()
    assert lasted == pytest.approx([10.0, 20.0, 20.0, 20.0, 10.0])


@pytest.mark.parametrize(("dice", "seconds"), [(0.0, 9.0), (0.5, 10.0), (1.0, 11.0)])
def test_the_time_open_is_spread_by_a_tenth(dice, seconds):
    """To both sides."""
    circuit = Circuit(failures=1, jitter=0.1)
    circuit.call("F", 0.0, dice=lambda: dice)
    assert circuit.breaker.until == pytest.approx(seconds)


@pytest.mark.parametrize(("hint", "seconds"), [(3.0, 10.0), (45.0, 45.0), (3_600.0, 60.0)])
def test_a_hint_is_a_floor_up_to_a_minute(hint, seconds):
    """A shorter one changes nothing, a longer one counts as a minute."""
    circuit = Circuit(failures=1)
    circuit.call("F", 0.0, hint=hint)
    assert circuit.breaker.until == pytest.approx(seconds)


def test_the_early_probe_closes_in_when_it_succeeds_and_changes_nothing_when_it_fails():
    """One success of the two that are needed; a failure leaves the outage as long as it was."""
    good, bad = Circuit(failures=1).opened(), Circuit(failures=1).opened()
    assert good.attempt(1.0, early=True)
    assert good.end("S", 2.0) == "half_open"
    assert good.call("S", 2.0) == "closed"
    assert bad.attempt(1.0, early=True)
    assert bad.end("F", 2.0) == "open"
    assert bad.breaker.until == 10.0
    assert not bad.attempt(3.0, early=True)


def test_there_is_no_early_probe_while_the_provider_wants_to_be_left_alone():
    """Inside its hint none, after it one."""
    circuit = Circuit(failures=1)
    circuit.call("F", 0.0, hint=4.0)
    assert not circuit.attempt(3.9, early=True)
    assert circuit.attempt(4.0, early=True)


def test_a_hung_probe_does_not_pin_the_state():
    """Its lease is the attempt's limit and 5 s; after it another goes, and the lost one's end changes nothing."""
    circuit = Circuit(failures=1, probes=1, successes=1).opened()
    assert circuit.attempt(10.0, limit=30.0)
    assert not circuit.attempt(44.9, limit=30.0)
    assert circuit.attempt(45.0, limit=30.0)
    assert circuit.end("F", 46.0) == "half_open"
    assert circuit.end("S", 46.0) == "closed"


def test_after_closing_calls_in_flight_are_bounded_and_double_up_to_the_former_level():
    """2 at first, 4 after 5 s, 8 after 10 s, and then without bound, for 8 was the level before."""
    circuit = Circuit(failures=1, successes=1)
    for _ in range(8):
        circuit.attempt(0.0, others=True)
    circuit.end("F", 0.0)
    for _ in range(7):
        circuit.end("N", 0.0)
    circuit.call("S", 10.0)
    room = []
    for now in (10.0, 15.0, 20.0):
        while circuit.breaker.flying < 20 and circuit.attempt(now, others=True):
            pass
        room.append(circuit.breaker.flying)
    assert room == [2, 4, 20]


def test_a_slow_start_diverts_nobody_who_is_alone_or_has_nowhere_to_go():
    """A lone request goes, and so does one without another target."""
    circuit = Circuit(failures=1, successes=1)
    for _ in range(8):
        circuit.attempt(0.0)
    circuit.end("F", 0.0)
    for _ in range(7):
        circuit.end("N", 0.0)
    circuit.call("S", 10.0)
    assert [circuit.attempt(10.0, others=True) for _ in range(3)] == [True, True, False]
    assert circuit.attempt(10.0)


def test_who_flaps_during_a_slow_start_starts_slowly_again():
    """It failed at two calls in flight; the level that it climbs to is still the one of before."""
    circuit = Circuit(failures=1, successes=1)
    for _ in range(8):
        circuit.attempt(0.0, others=True)
    circuit.end("F", 0.0)
    for _ in range(7):
        circuit.end("N", 0.0)
    circuit.call("S", 10.0)
    circuit.call("F", 11.0)
    circuit.call("S", 40.0)
    assert [circuit.attempt(40.0, others=True) for _ in range(3)] == [True, True, False]


def test_what_an_operator_holds_open_closes_when_his_time_is_over():
    """Nobody has to come back for it."""
    circuit = Circuit()
    circuit.breaker.operate("forced_open", 0.0, until=60.0)
    refusal = circuit.breaker.admit(20.0, early=True)
    assert refusal == Refusal("an operator holds the circuit open", 40.0)
    assert circuit.attempt(60.0)
    assert circuit.breaker.override is None


def test_a_refusal_without_an_end_names_no_time():
    """An operator's word without an end: there is no honest Retry-After."""
    breakers, call = Breakers(BreakerConfig()), a_call()
    breakers.of(ALPHA.name).operate("forced_open", 0.0)
    refused = breakers.admit(call, 1.0)
    assert isinstance(refused, Rejected)
    assert refused.retry_after is None


def test_sinks_hear_of_a_transition_when_it_happens():
    """That it is half-open is told with the probe's permit, not with its end."""
    io = Ear()
    breakers, call = Breakers(BreakerConfig(failures=1)), a_call(io)
    breakers.admit(call, 0.0).settle(call, End("failure", Transient("no")), 0.0)
    breakers.admit(call, 20.0)
    changes = [(event.before, event.after) for event in io.events if isinstance(event, BreakerChanged)]
    assert changes == [("closed", "open"), ("open", "half_open")]


def test_the_gate_learns_slowness_and_hints_from_the_error():
    """A timeout is slow; a hint lengthens the opening; a first content over `slow_after` is slow too."""
    breakers, call = Breakers(BreakerConfig(failures=1, slow_after=2.0)), a_call(stream=True)
    call.first = 3.0
    breakers.admit(call, 0.0).answered(call, 3.0)
    assert breakers.of(ALPHA.name)._window.slow == 1
    hinted = Transient("no", retry_after=50.0)
    breakers.admit(call, 3.0).settle(call, End("failure", hinted), 3.0)
    assert breakers.of(ALPHA.name).until == 53.0
    other = Breakers(BreakerConfig())
    other.admit(call, 0.0).settle(call, End("failure", TimedOut("slow")), 0.0)
    assert other.of(ALPHA.name)._window.slow == 1


def test_the_gate_asks_for_others_only_while_they_matter():
    """Looking at every other target for each call would cost more than the whole breaker."""

    class Untouchable(Others):
        def healthy(self, now):
            raise AssertionError("asked without need")

    call = a_call(others=Untouchable())
    assert not isinstance(Breakers(BreakerConfig()).admit(call, 0.0), Rejected)


def test_circuits_of_models_that_nobody_asks_for_any_more_are_forgotten():
    """Callers can name any model; circuits that are as good as new go, what is in use or held open stays."""
    breakers = Breakers(BreakerConfig())
    busy, held = breakers.of("alpha/busy"), breakers.of("alpha/held")
    busy.admit(0.0)
    held.operate("forced_open", 0.0)
    for number in range(5_000):
        circuit = breakers.of(f"alpha/{number}", now=1_000.0 + number)
        for _ in range(5):
            circuit.settle(circuit.admit(1_000.0 + number), "failure", 1_000.0 + number)
    assert len(breakers.items()) <= 1_000
    assert (breakers.of("alpha/busy"), breakers.of("alpha/held")) == (busy, held)


def test_probes_out_and_successes_together_are_never_more_than_it_takes_to_close():
    """After the first success of two only one more goes."""
    circuit = Circuit(failures=1, probes=2, successes=2).opened()
    circuit.call("S", 10.0)
    assert [circuit.attempt(10.0), circuit.attempt(10.0)] == [True, False]


def test_an_early_probe_that_was_cancelled_can_be_had_again():
    """It has taught nothing; one that was throttled has."""
    circuit = Circuit(failures=1).opened()
    assert circuit.attempt(1.0, early=True)
    assert circuit.end("N", 2.0) == "open"
    assert circuit.attempt(2.0, early=True)
    circuit.end("T", 3.0)
    assert not circuit.attempt(3.0, early=True)


def test_a_whole_answer_is_never_slow():
    """How long it takes says how long it is, not how the target fares."""
    breakers, call = Breakers(BreakerConfig(slow_after=2.0)), a_call()
    call.first = 100.0
    breakers.admit(call, 0.0).settle(call, End("success"), 100.0)
    window = breakers.of(ALPHA.name)._window
    assert (window.ok, window.slow) == (1, 0)


@pytest.mark.parametrize(
    ("letters", "state"), [("SFSFSFSFS", "closed"), ("SFSFSFSFSF", "open"), ("SSSSSFFFF", "closed")]
)
def test_by_default_half_of_ten_calls_open_it(letters, state):
    """Nine calls say nothing yet, nor does a run of four."""
    assert Circuit().calls(letters, 0.0)[-1] == state


def test_by_default_the_rates_look_back_a_minute_in_steps_of_six_seconds():
    """Four failures of a minute ago are forgotten when their bucket has fallen out."""
    circuit = Circuit()
    circuit.calls("FSFSFSFS", 1.0)
    assert circuit.breaker._window.failed == 4
    circuit.call("S", 59.9)
    assert circuit.breaker._window.failed == 4
    circuit.call("S", 60.0)
    assert circuit.breaker._window.failed == 0


def test_who_only_observes_lets_everything_pass_and_tells_when_it_would_have_opened():
    """Again and again, each time for what has come since."""
    circuit = Circuit(min_calls=NEVER)
    circuit.breaker.operate("observe", 0.0)
    assert circuit.calls("FFFFFFFFFFF", 0.0) == ["closed"] * 11
    told = [(change.before, change.after, change.reason) for change in circuit.breaker.changes[1:]]
    assert told == [("observe", "observe", "it would have opened: 5 failures in a row")] * 2


def test_who_is_switched_off_counts_nothing():
    """Not even for later: back in force, it starts anew."""
    circuit = Circuit()
    circuit.breaker.operate("disabled", 0.0)
    assert circuit.calls("FFFFFFSS", 0.0) == ["closed"] * 8
    permit = circuit.breaker.admit(0.0)
    circuit.breaker.answered(permit, 0.0)
    circuit.breaker.settle(permit, "failure", 0.0)
    assert (circuit.breaker._window.total, circuit.breaker._run, circuit.breaker.flying) == (0, 0, 0)
    circuit.breaker.operate(None, 0.0)
    assert circuit.calls("FFFF", 0.0)[-1] == "closed"
