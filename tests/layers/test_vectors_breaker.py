"""The conformance vectors of the circuit breaker, by their ids: scenario tables that other languages share."""

import asyncio

import pytest

from outlast.flow.call import compose
from outlast.layers.breaker import Breakers, Refusal
from outlast.layers.breaker.window import Window
from outlast.layers.routing import READY, Routing, RoutingConfig, Standing
from outlast.model.errors import Rejected, Transient

from .breaker_story import NEVER, Circuit
from .calls import ALPHA, BETA, Ear, a_call, frames_when_raised

COMMON = {
    "window": 20.0,
    "buckets": 20,
    "min_calls": 5,
    "failures": NEVER,
    "failure_rate": 0.5,
    "slow_after": 4.0,
    "slow_rate": 0.5,
    "open": 5.0,
    "open_max": 5.0,
    "probes": 4,
    "successes": 4,
}
RATIO = {"failure_rate": 0.5, "min_calls": 2, "window": 2.0, "failures": NEVER}
CONSECUTIVE = {"failures": 6, "min_calls": NEVER, "open": 60.0, "open_max": 60.0, "probes": 1, "successes": 1}

SEQUENCES = {
    "CB-01": (COMMON, "FFFSS", 0.0, ["closed"] * 4 + ["open"]),
    "CB-02": (COMMON, "SSSFFF", 1.0, ["closed"] * 5 + ["open"]),
    "CB-20": (RATIO, "SSF", 0.0, ["closed"] * 3),
    "CB-21": (RATIO, "SF", 0.0, ["closed", "open"]),
    "CB-30": (CONSECUTIVE, "FFFFFSFFFFFF", 0.0, ["closed"] * 11 + ["open"]),
}
"""id: (configuration, calls, seconds between them, states after each)"""


@pytest.mark.parametrize("row", SEQUENCES)
def test_calls_one_after_the_other_open_it_exactly_when_the_table_says(row):
    """A row is a row of outcomes, and the states that it leads through."""
    config, letters, every, states = SEQUENCES[row]
    assert Circuit(**config).calls(letters, 0.0, every) == states


def test_cb_04_an_open_circuit_is_probed_when_its_time_is_over_and_starts_counting_anew():
    """Refused after 3 s, half-open after 6 s, and what was counted is forgotten."""
    circuit = Circuit(**COMMON).opened()
    assert not circuit.attempt(3.0)
    assert circuit.attempt(6.0)
    assert circuit.breaker.state == "half_open"
    assert circuit.breaker._window.total == 0


def test_cb_05_as_many_probes_as_configured_are_let_in():
    """Of six calls four."""
    circuit = Circuit(**COMMON).opened()
    assert [circuit.attempt(6.0) for _ in range(6)] == [True] * 4 + [False] * 2


def test_cb_12_what_an_operator_holds_open_stays_open():
    """Although its time as an ordinary circuit would be over."""
    circuit = Circuit(**COMMON)
    circuit.breaker.operate("forced_open", 0.0)
    assert not circuit.attempt(6.0)
    assert circuit.breaker.override == "forced_open"


def test_cb_14_nobody_can_ask_for_half_open():
    """The one state that only time leads to."""
    with pytest.raises(ValueError, match="half_open"):
        Circuit(**COMMON).breaker.operate("half_open", 0.0)


def test_cb_15_the_second_opening_lasts_twice_as_long():
    """5 s, then 10 s."""
    circuit = Circuit(**{**COMMON, "open_max": 60.0}).opened()
    assert circuit.attempt(5.0)
    assert circuit.end("F", 5.0) == "open"
    assert [circuit.attempt(5.0 + 6.0), circuit.attempt(5.0 + 11.0)] == [False, True]


def test_cb_17_a_window_forgets_what_is_older_than_itself():
    """One failure, one success, one slow failure; and nothing of them a second later than the window is long."""
    window = Window(5.0, 5)
    seen = []
    window.add_failure(0.0, slow=False)
    seen.append((window.total, window.failed))
    window.add_success(0.1, slow=False)
    seen.append((window.total, window.failed))
    window.add_failure(0.8, slow=True)
    seen.append((window.total, window.slow))
    window.move(4.8)
    seen.append((window.total, window.slow))
    window.move(5.8)
    seen.append((window.total, window.slow))
    assert seen == [(1, 1), (2, 1), (3, 1), (3, 1), (0, 0)]


def test_cb_21_a_refusal_says_for_how_long():
    """The second half of the row: the next call is refused, with a time above 0."""
    circuit = Circuit(**RATIO)
    circuit.calls("SF", 0.0)
    refusal = circuit.breaker.admit(0.0)
    assert isinstance(refusal, Refusal)
    assert refusal.retry_after > 0


def test_cb_23_while_the_one_probe_is_out_nobody_else_goes():
    """One probe configured, one in flight."""
    circuit = Circuit(**CONSECUTIVE).opened()
    assert [circuit.attempt(60.0), circuit.attempt(60.0)] == [True, False]


def test_cb_26_each_refusal_is_a_new_error():
    """An error that is raised again and again drags a growing traceback along."""
    breakers = Breakers(Circuit(**CONSECUTIVE).breaker._config)
    call = a_call()
    while breakers.of(call.target.name).state != "open":
        breakers.of(call.target.name).settle(breakers.of(call.target.name).admit(0.0), "failure", 0.0)
    refused = [breakers.admit(call, 1.0) for _ in range(5)]
    assert all(isinstance(error, Rejected) for error in refused)
    assert len({id(error) for error in refused}) == 5
    assert len({frames_when_raised(error) for error in refused}) == 1


def test_cb_31_open_until_the_very_end_of_its_time():
    """Open after 59.999 s, half-open a second later."""
    circuit = Circuit(**CONSECUTIVE).opened()
    assert not circuit.attempt(59.999)
    assert circuit.breaker.state == "open"
    assert circuit.attempt(60.999)
    assert circuit.breaker.state == "half_open"


def test_cb_33_what_teaches_nothing_leaves_it_half_open():
    """Four neutral ends, then a failure."""
    circuit = Circuit(**{**CONSECUTIVE, "probes": 3, "successes": 3}).opened()
    assert circuit.calls("NNNNF", 60.0) == ["half_open"] * 4 + ["open"]


def test_cb_50_a_cancelled_probe_gives_its_permit_back():
    """Still half-open, and the next call goes."""
    circuit = Circuit(**CONSECUTIVE).opened()
    assert circuit.attempt(60.0)
    assert circuit.end("N", 61.0) == "half_open"
    assert circuit.attempt(61.0)


def test_cb_54_an_error_of_the_caller_neither_closes_nor_opens():
    """400, 422 and a content filter are neutral."""
    circuit = Circuit(**CONSECUTIVE).opened()
    assert circuit.calls("NNN", 60.0) == ["half_open"] * 3


def test_cb_55_cancelled_calls_are_not_counted():
    """Five of them, and the window is empty."""
    circuit = Circuit(failures=5, min_calls=1)
    assert circuit.calls("NNNNN", 0.0) == ["closed"] * 5
    assert (circuit.breaker._window.total, circuit.breaker.flying) == (0, 0)


def test_cb_57_a_stream_that_breaks_is_one_failure_and_no_success():
    """Counted at its first content, and amended."""
    circuit = Circuit()
    permit = circuit.breaker.admit(0.0)
    circuit.breaker.answered(permit, 0.1)
    assert (circuit.breaker._window.ok, circuit.breaker._window.failed) == (1, 0)
    circuit.breaker.settle(permit, "failure", 5.0)
    assert (circuit.breaker._window.ok, circuit.breaker._window.failed) == (0, 1)


def test_cb_59_of_circuits_that_are_all_open_the_one_that_opens_soonest_is_probed_once():
    """The first request probes beta, which opens in 10 s; the second is told to come back in 10 s."""
    breakers, io = Breakers(Circuit(failures=1, open=10.0, open_max=20.0).breaker._config), Ear(now=1.0)
    for target, opened in ((ALPHA, 1.0), (BETA, 0.0)):
        breaker = breakers.of(target.name)
        breaker.settle(breaker.admit(opened), "failure", opened)

    def peek(target, now):
        wait = breakers.ready(target.name, now)
        return Standing(wait, waitable=False, open=True) if wait else READY

    routing = Routing(
        RoutingConfig(), peek=peek, can_probe_early=lambda target: breakers.of(target.name).can_probe_early()
    )
    asked = []

    async def upstream(call):
        asked.append(call.target.name)
        call.send()
        raise Transient("no")

    handler = compose([routing.layer(), breakers.layer()], upstream)
    with pytest.raises(Transient):
        asyncio.run(handler(a_call(io, targets=(ALPHA, BETA))))
    with pytest.raises(Rejected) as refused:
        asyncio.run(handler(a_call(io, targets=(ALPHA, BETA))))
    assert asked == ["beta/m"]
    assert refused.value.retry_after == breakers.of("beta/m").until - 1.0
