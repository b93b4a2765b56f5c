"""The retry layer at its edges: what it remembers of a stay, what counts as one, and what the sinks hear."""

import pytest

from outlast.flow.call import Story
from outlast.layers.retry import Retries, RetryConfig
from outlast.model.errors import Conflict, Connect, Quota, Rejected, Transient
from outlast.model.events import AttemptEnded, RetryRefused, RetryScheduled

from .calls import ALPHA, BETA, a_call
from .test_retry import Io, Upstream, ask

MANY = RetryConfig(on_last=6)


def past(target, number, kind="transient"):
    """An attempt that is over."""
    return AttemptEnded("r1", target.name, target.provider.name, "m", number, kind, 0.0)


def told(io, kind):
    """The events of that kind."""
    return [event for event in io.events if isinstance(event, kind)]


def test_once_is_once_whatever_came_between():
    """A conflict, a transient failure, and a conflict again: that is the second."""
    last = Conflict("three")
    upstream = Upstream(Conflict("one"), Transient("two"), last, "never asked")
    assert ask(Retries(MANY), upstream, a_call(Io())) is last
    assert upstream.does == ["never asked"]


def test_at_once_is_the_first_time_whatever_came_between():
    """A lost connection after a transient failure waits, for one was lost before."""
    io = Io()
    assert (
        ask(Retries(MANY), Upstream(Connect("one"), Transient("two"), Connect("three"), "well"), a_call(io)) == "well"
    )
    assert io.slept == [0.5, 1.0]


def test_nobody_is_told_of_a_retry_that_was_never_to_be_made():
    """No money at the provider: its class says it all."""
    io = Io()
    ask(Retries(RetryConfig()), Upstream(Quota("no")), a_call(io))
    assert told(io, RetryRefused) == []


def test_a_pause_without_an_end_says_nothing_of_coming_back():
    """Nobody knows when."""
    failure = Transient("no")
    assert ask(Retries(RetryConfig()), Upstream(failure, Rejected("paused", gate="pause")), a_call(Io())) is failure
    assert failure.again_at is None


def test_attempts_of_an_earlier_routed_call_are_not_this_ones():
    """Three were made before a re-prompt; of the six of this one the first has failed."""
    call = a_call(Io(), story=Story(made=3), earlier=3)
    assert ask(Retries(MANY), Upstream(Transient("one"), "well"), call) == "well"


def test_time_is_what_is_left_until_the_deadline():
    """A fifth of a second, and a quarter would have to be waited."""
    io = Io()
    io.time = 1_000.0
    upstream = Upstream(Transient("one"), "never asked")
    ask(Retries(RetryConfig()), upstream, a_call(io, deadline=1_000.2))
    assert upstream.does == ["never asked"]


def test_who_comes_back_has_made_the_attempts_of_this_routed_call_on_this_target():
    """One of four: two are of before, one is another target's. Of three, two more may be made."""
    story = Story(made=4, tried=[past(ALPHA, 1), past(ALPHA, 2), past(BETA, 3), past(ALPHA, 4)])
    upstream = Upstream(Transient("two"), Transient("three"), "never asked")
    back = a_call(Io(), revisit=True, story=story, earlier=2)
    assert ask(Retries(RetryConfig()), upstream, back).message == "three"
    assert upstream.does == ["never asked"]


def test_who_comes_back_and_is_refused_by_a_gate_hears_of_that():
    """There is no failure of this stay to be told instead; and nothing was paid."""
    retries, refusal = Retries(RetryConfig(floor=0, deposit=1.0)), Rejected("the circuit is open", gate="breaker")
    retries.budget(ALPHA.name).deposit(0.0)
    assert ask(retries, Upstream(refusal), a_call(Io(), revisit=True)) is refusal
    assert retries.budget(ALPHA.name).balance(0.0) == 1.0


def returned(config, deposits):
    """What the sinks hear of a return to alpha, which was throttled, before beta failed."""
    io, retries = Io(), Retries(config)
    for _ in range(deposits):
        retries.budget(ALPHA.name).deposit(0.0)
    story = Story(made=2, tried=[past(ALPHA, 1, "throttled"), past(BETA, 2, "transient")])
    ask(retries, Upstream("well"), a_call(io, revisit=True, story=story))
    return io.events


def test_the_sinks_hear_of_a_return_with_its_numbers():
    """What the target's own last failure was, what it costs, and what is left; or that it needed, or had, nothing."""
    paid = {"cost": 0.36, "before": 1.0, "after": pytest.approx(0.64), "floor": False}
    assert returned(RetryConfig(deposit=1.0), 1) == [RetryScheduled("r1", "alpha/m", "throttled", 0.0, 3, **paid)]
    free = {"cost": 0.36, "before": 0.0, "after": 0.0, "floor": True}
    assert returned(RetryConfig(), 0) == [RetryScheduled("r1", "alpha/m", "throttled", 0.0, 3, **free)]
    why = "the retry budget is spent"
    poor = {"number": 3, "cost": 0.36, "balance": 0.2}
    assert returned(RetryConfig(floor=0), 1) == [RetryRefused("r1", "alpha/m", "throttled", why, 0.0, **poor)]
