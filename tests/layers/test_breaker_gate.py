"""The breaker's gate: what it learns of a call's end, whom it lets through, and what the sinks hear."""

import asyncio

import pytest

from outlast.flow.stream import End, ended_by
from outlast.layers.breaker import BreakerConfig, Breakers
from outlast.model.errors import BrokenStream, Rejected, TimedOut, Transient
from outlast.model.events import BreakerChanged, Diverted, ProbeSent, Refused

from .calls import ALPHA, Ear, Others, a_call

NAME = ALPHA.name


def opened(io, **config):
    """Breakers whose circuit of alpha opened at 0, for 10 s."""
    breakers = Breakers(BreakerConfig(failures=1, jitter=0.0, **config))
    breakers.admit(a_call(io), 0.0).settle(a_call(io), ended_by(Transient("no")), 0.0)
    io.events.clear()
    return breakers


def changes(io):
    """Before and after of each change that the sinks heard of."""
    return [(event.before, event.after) for event in io.events if isinstance(event, BreakerChanged)]


def test_a_stream_closes_the_circuit_when_its_first_content_is_there():
    """The sinks hear of it then, and not when the stream is over."""
    io = Ear()
    breakers = opened(io, successes=1)
    call = a_call(io, stream=True)
    held = breakers.admit(call, 10.0)
    held.answered(call, 11.0)
    assert changes(io) == [("open", "half_open"), ("half_open", "closed")]
    held.settle(call, End("success"), 50.0)
    assert len(changes(io)) == 2
    circuit = breakers.of(NAME)
    assert (circuit._window.total, circuit.flying) == (0, 0)


@pytest.mark.parametrize(
    ("error", "slow"),
    [(TimedOut("no content"), 1), (Transient("no"), 0), (BrokenStream("cut"), 0), (BrokenStream("stalled"), 1)],
)
def test_what_ran_into_a_timer_was_slow(error, slow):
    """A timeout, and a stream that stalled; what failed by itself was not."""
    if error.message == "stalled":
        error.stalled = True
    breakers, call = Breakers(BreakerConfig()), a_call(stream=True)
    breakers.admit(call, 0.0).settle(call, ended_by(error), 0.0)
    window = breakers.of(NAME)._window
    assert (window.failed, window.slow) == (1, slow)


@pytest.mark.parametrize(("first", "slow"), [(2.0, 0), (2.1, 1), (None, 0)])
def test_a_first_content_is_slow_beyond_its_limit(first, slow):
    """At it, it is not; nor where nobody knows when it came."""
    breakers, call = Breakers(BreakerConfig(slow_after=2.0)), a_call(stream=True)
    call.first = first
    breakers.admit(call, 0.0).answered(call, 3.0)
    assert breakers.of(NAME)._window.slow == slow


def test_without_a_limit_no_first_content_is_slow():
    """However long it took."""
    breakers, call = Breakers(BreakerConfig()), a_call(stream=True)
    call.first = 1e6
    breakers.admit(call, 0.0).answered(call, 1e6)
    assert breakers.of(NAME)._window.slow == 0


def test_the_time_open_is_spread_by_the_worlds_dice():
    """With the die at its highest, a tenth more."""
    io = Ear(dice=1.0)
    breakers, call = Breakers(BreakerConfig(failures=1)), a_call(io)
    breakers.admit(call, 0.0).settle(call, ended_by(Transient("no")), 0.0)
    assert breakers.of(NAME).until == pytest.approx(11.0)


def test_who_gave_up_has_opened_nothing():
    """A cancelled call is no failure, and gives its permit back."""
    breakers, call = Breakers(BreakerConfig(failures=1)), a_call()
    breakers.admit(call, 0.0).settle(call, ended_by(asyncio.CancelledError()), 0.0)
    circuit = breakers.of(NAME)
    assert (circuit.state, circuit.flying, circuit._window.total) == ("closed", 0, 0)


def test_how_long_a_target_is_not_ready():
    """A target that nobody has called is, and so is a closed one; what is open tells what is left."""
    breakers = opened(Ear())
    assert [breakers.ready(NAME, now) for now in (4.0, 10.0)] == [6.0, 0.0]
    assert breakers.ready("alpha/never", 4.0) == 0.0
    breakers.of("alpha/closed")
    assert breakers.ready("alpha/closed", 4.0) == 0.0


def test_an_opening_is_told_with_all_its_numbers():
    """Which target, whose end it was, how long it lasts, and what led to it."""
    io = Ear()
    breakers, call = Breakers(BreakerConfig(failures=1, jitter=0.0)), a_call(io)
    failure = TimedOut("no content")
    failure.retry_after = 15.0
    breakers.admit(call, 0.0).settle(call, ended_by(failure), 0.0)
    counts = {"run": 1, "calls": 1, "failed": 1, "slow": 1, "threshold": 1.0, "hint": 15.0, "openings": 1}
    assert io.events == [BreakerChanged(NAME, "closed", "open", 15.0, "1 failures in a row", call="r1", **counts)]


def test_an_operators_word_is_told_with_the_next_call():
    """Also with one that is refused for it."""
    io = Ear()
    breakers = Breakers(BreakerConfig())
    breakers.of(NAME).operate("forced_open", 0.0)
    refused = breakers.admit(a_call(io), 1.0)
    assert (refused.gate, refused.code, refused.retry_after) == ("breaker", "circuit_open", None)
    assert [type(event) for event in io.events] == [BreakerChanged, Refused]
    assert io.events[0].call == ""


def test_an_operator_is_told_what_his_word_has_changed():
    """At once, and no call hears of it again."""
    io = Ear()
    breakers = Breakers(BreakerConfig())
    (told,) = breakers.operate(NAME, "forced_open", 0.0, until=60.0)
    assert (told.target, told.before, told.after, told.seconds) == (NAME, "closed", "forced_open", 60.0)
    assert isinstance(breakers.admit(a_call(io), 59.0), Rejected)
    assert [type(event) for event in io.events] == [Refused]


def test_a_failure_without_a_hint_leaves_an_early_probe_at_once():
    """Nobody asked to be left alone."""
    assert opened(Ear()).of(NAME).can_probe_early(0.0)


def test_a_refusal_says_why_and_for_how_long():
    """To the caller and to the sinks."""
    io = Ear()
    refused = opened(io).admit(a_call(io), 4.0)
    assert isinstance(refused, Rejected)
    assert (refused.gate, refused.code, refused.retry_after) == ("breaker", "circuit_open", 6.0)
    assert str(refused) == f"{NAME}: the circuit is open"
    assert io.events == [Refused("r1", NAME, "breaker", "the circuit is open", 6.0)]


def test_a_probe_has_the_attempts_limit_and_the_sinks_hear_of_it():
    """120 s for a whole answer, and the lease's 5 s; an early one tells what is left of the opening."""
    io = Ear()
    probed = opened(io, probes=1)
    assert not isinstance(probed.admit(a_call(io), 10.0), Rejected)
    assert isinstance(probed.admit(a_call(io), 134.9), Rejected)
    assert not isinstance(probed.admit(a_call(io), 135.0), Rejected)
    sent = [event for event in io.events if isinstance(event, ProbeSent)]
    assert sent == [ProbeSent("r1", NAME, "breaker", False, 0.0)] * 2

    io = Ear()
    early = a_call(io)
    early.early = True
    opened(io).admit(early, 4.0)
    assert io.events == [ProbeSent("r1", NAME, "breaker", True, 6.0)]


def test_a_call_without_news_is_no_news():
    """While a slow start is under way a call is let through as a call, not as a probe."""
    io = Ear()
    breakers = slow_starting(io)
    breakers.admit(a_call(io), 10.0)
    assert io.events == []


def slow_starting(io):
    """Breakers whose circuit of alpha has just closed, at 10; eight calls were in flight before it opened."""
    breakers = Breakers(BreakerConfig(failures=1, successes=1, jitter=0.0))
    call = a_call(io)
    held = [breakers.admit(call, 0.0) for _ in range(8)]
    for one in held:
        one.settle(call, ended_by(Transient("no")), 0.0)
    breakers.admit(call, 10.0).settle(call, End("success"), 10.0)
    io.events.clear()
    return breakers


@pytest.mark.parametrize(
    ("healthy", "insists", "goes"), [(1, False, False), (0, False, True), (1, True, True), (2, False, False)]
)
def test_a_slow_start_diverts_who_has_somewhere_to_go(healthy, insists, goes):
    """Two calls are under way, as many as are allowed; who comes back because nobody took it insists."""
    io = Ear()
    breakers = slow_starting(io)
    for _ in range(2):
        breakers.admit(a_call(io), 10.0)
    call = a_call(io, others=Others(healthy))
    call.insists = insists
    got = breakers.admit(call, 12.0)
    assert isinstance(got, Rejected) != goes
    if not goes:
        assert (got.code, got.retry_after) == ("diverted", 3.0)
        assert io.events == [Diverted("r1", NAME, 2, 2.0, 3.0)]


class Deaf(Ear):
    """A world whose sinks fail."""

    def emit(self, event):
        raise RuntimeError("no sink")


def test_a_sink_that_fails_costs_no_probe():
    """The permit is given back before the fault is told."""
    breakers = opened(Ear(), probes=1)
    with pytest.raises(RuntimeError, match="no sink"):
        breakers.admit(a_call(Deaf()), 10.0)
    circuit = breakers.of(NAME)
    assert (circuit.flying, len(circuit._probes), circuit.state) == (0, 0, "half_open")


def test_a_sink_that_fails_costs_no_early_probe():
    """It is still to be had."""
    breakers, early = opened(Ear()), a_call(Deaf())
    early.early = True
    with pytest.raises(RuntimeError, match="no sink"):
        breakers.admit(early, 4.0)
    assert breakers.of(NAME).can_probe_early(4.0)
