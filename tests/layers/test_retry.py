"""The retry layer: what it spends, what it gives back, and whose error the caller hears."""

import asyncio

import pytest

from outlast.layers.retry import Retries, RetryConfig
from outlast.model.errors import Conflict, Connect, Rejected, Throttled, TimedOut, Transient
from outlast.model.events import AttemptEnded, RetryRefused, RetryScheduled

from .calls import ALPHA, Ear, a_call


class Io(Ear):
    """A world in which sleeping moves the clock."""

    def __init__(self, dice=1.0):
        super().__init__(dice=dice)
        self.slept = []

    async def sleep(self, seconds):
        """At once, an hour or not."""
        self.slept.append(seconds)
        self.time += seconds


class Upstream:
    """Does one thing after the other; gates' refusals are no attempts."""

    def __init__(self, *does):
        self.does = list(does)

    async def __call__(self, call):
        """The next thing."""
        does = self.does.pop(0)
        if isinstance(does, Rejected):
            raise does
        number = call.send()
        call.story.tried.append(AttemptEnded("r1", call.target.name, "alpha", "m", number, "x", 0.0))
        if isinstance(does, BaseException):
            raise does
        return does


def ask(retries, upstream, call):
    """The answer, or the failure that was raised."""
    try:
        return asyncio.run(retries.layer()(upstream)(call))
    except Exception as error:  # noqa: BLE001  (what is raised is what is tested)
        return error


def test_failures_are_followed_by_backoffs_and_the_last_one_is_raised():
    """Three attempts on the last target, two sleeps between them, none after."""
    io, last = Io(), Transient("three")
    assert ask(Retries(RetryConfig()), Upstream(Transient("one"), Transient("two"), last), a_call(io)) is last
    assert io.slept == [0.25, 0.5]
    assert [event.delay for event in io.events if isinstance(event, RetryScheduled)] == [0.25, 0.5]


def test_a_lost_connection_is_tried_again_at_once_the_first_time_only():
    """The second time after a backoff."""
    io = Io()
    assert ask(Retries(RetryConfig()), Upstream(Connect("one"), Connect("two"), "well"), a_call(io)) == "well"
    assert io.slept == [0.5]


@pytest.mark.parametrize("kind", [Conflict, TimedOut])
def test_a_conflict_and_a_timeout_are_tried_again_once(kind):
    """And not twice, on the last target either."""
    last = kind("two")
    upstream = Upstream(kind("one"), last, "never asked")
    assert ask(Retries(RetryConfig()), upstream, a_call(Io())) is last
    assert upstream.does == ["never asked"]


def test_every_request_pays_in_and_every_retry_is_paid():
    """A deposit of 0.2; after a transient failure 1 is drawn, after a throttle 0.36."""
    retries, io = Retries(RetryConfig(floor=0)), Io()
    budget = retries.budget(ALPHA.name)
    for _ in range(10):
        ask(retries, Upstream("well"), a_call(io))
    assert budget.balance(0.0) == pytest.approx(2.0)
    ask(retries, Upstream(Transient("no"), "well"), a_call(io))
    assert budget.balance(io.time) == pytest.approx(1.2)
    ask(retries, Upstream(Throttled("slow down"), "well"), a_call(io))
    assert budget.balance(io.time) == pytest.approx(1.04)


def test_a_spent_budget_ends_retrying_and_says_so():
    """The failure is raised at once, and the sinks hear why."""
    io, failure = Io(), Transient("no")
    assert ask(Retries(RetryConfig(floor=0)), Upstream(failure, "never asked"), a_call(io)) is failure
    assert [event.reason for event in io.events if isinstance(event, RetryRefused)] == ["the retry budget is spent"]


def test_a_retry_that_a_gate_of_our_own_refuses_is_not_paid_and_not_told():
    """The breaker opened while it slept: the caller hears of the provider's failure, not of the breaker."""
    retries, io, failure = Retries(RetryConfig(floor=0, deposit=1.0)), Io(), Transient("no")
    refusal = Rejected("the circuit is open", gate="breaker", retry_after=10.0)
    assert ask(retries, Upstream(failure, refusal), a_call(io)) is failure
    assert failure.again_at is None
    assert retries.budget(ALPHA.name).balance(io.time) == pytest.approx(1.0)
    assert [event.reason for event in io.events if isinstance(event, RetryRefused)] == ["the circuit is open"]


def test_a_retry_that_meets_a_long_pause_says_when_to_come_back():
    """Another call was throttled meanwhile; the target is worth coming back to when that is over."""
    io, failure = Io(), Transient("no")
    refusal = Rejected("paused", gate="pause", retry_after=7.0)
    assert ask(Retries(RetryConfig()), Upstream(failure, refusal), a_call(io)) is failure
    assert failure.again_at == pytest.approx(0.25 + 7.0)


def test_a_retry_that_is_cancelled_in_its_sleep_is_given_back():
    """The budget is as it was, and no retry is under way."""

    class Leaves(Io):
        async def sleep(self, seconds):
            raise asyncio.CancelledError

    retries = Retries(RetryConfig(floor=0, deposit=1.0))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(retries.layer()(Upstream(Transient("no")))(a_call(Leaves())))
    budget = retries.budget(ALPHA.name)
    assert (budget.balance(0.0), budget._under_way) == (pytest.approx(1.0), 0)


def test_coming_back_to_a_target_is_a_retry_and_its_earlier_attempts_count():
    """Two attempts were made here before: one more is allowed, and paid for."""
    retries, io = Retries(RetryConfig(floor=0, deposit=1.0)), Io()
    call = a_call(io)
    upstream = Upstream(Transient("one"), Transient("two"), Rejected("no", gate="breaker"), Transient("three"), "never")
    retries.budget(ALPHA.name).deposit(0.0)
    ask(retries, upstream, call)
    back = a_call(io, revisit=True, story=call.story)
    before = retries.budget(ALPHA.name).balance(io.time)
    assert ask(retries, upstream, back).message == "three"
    assert retries.budget(ALPHA.name).balance(io.time) == pytest.approx(before - 0.36)
    assert upstream.does == ["never"]


def test_who_comes_back_without_a_budget_is_refused():
    """A retry it would be, and there is none left."""
    refused = ask(Retries(RetryConfig(floor=0)), Upstream("never asked"), a_call(Io(), revisit=True))
    assert (refused.gate, refused.code) == ("retry", "retry_budget")


def test_budgets_of_models_that_nobody_asks_for_any_more_are_forgotten():
    """One that a retry is drawn on stays."""
    retries = Retries(RetryConfig())
    drawn = retries.budget("alpha/drawn")
    drawn.withdraw(1.0, 0.0)
    for number in range(5_000):
        retries.budget(f"alpha/{number}", float(number)).deposit(float(number))
    assert len(retries._budgets) <= 1_000
    assert retries.budget("alpha/drawn") is drawn


def test_what_is_given_back_lives_no_longer_than_it_would_have():
    """Two draws, on deposits of now and of half a minute later, given back the other way round."""
    budget = Retries(RetryConfig(floor=0, deposit=1.0)).budget(ALPHA.name)
    budget.deposit(0.0)
    budget.deposit(30.0)
    first, second = budget.withdraw(1.0, 30.0), budget.withdraw(1.0, 30.0)
    second.undo(31.0)
    first.undo(31.0)
    assert [budget.balance(now) for now in (31.0, 59.0, 60.0, 89.0, 90.0)] == [2.0, 2.0, 1.0, 1.0, 0.0]
    budget.deposit(100.0)
    late = budget.withdraw(1.0, 100.0)
    late.undo(160.0)
    assert budget.balance(160.0) == 0.0
