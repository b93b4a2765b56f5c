"""Limits in the engine: the provider's are waited for or switched around, the caller's are told with 429."""

import pytest
from msgspec import structs

from outlast.engine import Asked
from outlast.model.errors import Failure
from outlast.model.events import LimitHit
from outlast.testing import Behaviour, ok, status

from .world import caller, chat

PROVIDER = """
[providers.alpha.limits]
rpm = 6
"""
"""One at once, then one in ten seconds."""
KEY = """
[keys.app]
key = "k-0123456789012345678901234567890123456789"
"""


def limited(**limits):
    """A key with these limits."""
    return KEY + "[keys.app.limits]\n" + "\n".join(f"{name} = {value}" for name, value in limits.items())


APP = caller("app")


def test_a_spent_quota_is_switched_around(make):
    """With another target left, nobody waits for a provider's quota."""
    world = make(more=PROVIDER)
    assert [world.ask().target for _ in range(3)] == ["alpha/m", "beta/m", "beta/m"]
    assert world.now == 0.0
    assert world.events(LimitHit)[0].user_type == "operator"


def test_a_spent_quota_of_the_only_target_is_waited_for(make):
    """Without another target a call sleeps once, until its place in the quota."""
    world = make(["alpha/m"], PROVIDER)
    heard = world.crowd(4)
    assert all(answer.target == "alpha/m" for answer in heard)
    assert world.times() == pytest.approx([0.0, 10.0, 20.0, 30.0])


def test_a_quota_that_is_too_far_off_refuses(make):
    """What cannot be had within a minute or the deadline is refused at once, with the true time."""
    world = make(["alpha/m"], PROVIDER)
    world.ask()
    failure = world.fail(timeout=5)
    assert (failure.kind, failure.status, world.now) == ("rejected", 503, 0.0)
    assert failure.retry_after == pytest.approx(10.0)


def test_a_quota_is_not_used_by_who_was_refused(make):
    """Refusals neither consume nor delay the refill."""
    world = make(["alpha/m"], PROVIDER)
    world.ask()
    for _ in range(50):
        world.fail(timeout=1)
    world.wait(10.0)
    assert world.ask().target == "alpha/m"


def test_retries_take_the_provider_s_quota_again(make):
    """Each attempt is one request of the provider's quota."""
    world = make(["alpha/m"], PROVIDER)
    world.script("alpha/m", 500, ok())
    world.ask()
    assert world.times()[1] == pytest.approx(10.0, abs=0.3)


def test_retries_take_the_caller_s_quota_once(make):
    """However many attempts a request takes, its caller pays for one request."""
    world = make(more=limited(rpm=12))
    world.script("alpha/m", 500)
    assert world.ask(caller=APP).attempts == 3
    assert world.ask(caller=APP).attempts >= 1
    assert world.fail(caller=APP).status == 429


def test_a_caller_over_its_limit_is_told_so(make):
    """429 with the seconds until the next request, and nothing sent."""
    world = make(more=limited(rpm=6))
    world.ask(caller=APP)
    failure = world.fail(caller=APP)
    assert (failure.kind, failure.status, failure.code, world.sent()) == ("rejected", 429, "rate_limit_exceeded", 1)
    assert failure.retry_after == pytest.approx(10.0)
    assert world.events(LimitHit)[0].user_type == "key"


def test_other_callers_are_not_affected(make):
    """A limit counts its own caller."""
    world = make(more=limited(rpm=6))
    world.ask(caller=APP)
    assert world.ask(caller=caller("other")).target == "alpha/m"


def test_users_behind_a_key_are_counted_apart(make):
    """Each user behind a trusted key has the limit of a user."""
    world = make(more="[users]\nrpm = 6")
    anna, ben = (caller("app", user=name) for name in ("anna", "ben"))
    world.ask(caller=anna)
    world.ask(caller=ben)
    assert world.fail(caller=anna).status == 429


def test_concurrent_calls_are_limited(make):
    """The third call at once is refused; when one is over, another may go."""
    world = make(more=limited(concurrent=2))
    world.script("alpha/m", ok(first=1.0))
    refused = [answer for answer in world.crowd(3, caller=APP) if isinstance(answer, Failure)]
    assert [(failure.status, failure.retry_after is not None) for failure in refused] == [(429, True)]
    assert world.ask(caller=APP).target == "alpha/m"


def test_a_stream_is_under_way_until_it_is_over(make):
    """A concurrency limit counts a stream until its last batch."""
    world = make(more=limited(concurrent=1))

    async def story():
        stream = await world.answer(stream=True, caller=APP)
        assert (await world.heard(caller=APP)).status == 429
        await stream.aclose()
        return await world.answer(caller=APP)

    assert world.run(story()).target == "alpha/m"


def test_a_spent_budget_is_told_as_such(make):
    """Money that is gone is insufficient quota, which no repetition changes today."""
    price = "[providers.alpha.models.m.price]\ninput = 1_000_000\noutput = 1_000_000\n"
    world = make(["alpha/m"], price + limited(usd_per_day=60.0))
    assert world.ask(caller=APP, max_tokens=5).cost == 14.0
    heard = [world.hear(caller=APP, max_tokens=5) for _ in range(10)]
    failure = heard[-1]
    assert (failure.status, failure.code) == (429, "insufficient_quota")
    assert 14.0 * world.sent() <= 60.0


def test_tokens_are_settled_with_the_real_usage(make):
    """An estimate that was too high is refunded: short answers do not use up a budget of long ones."""
    world = make(more=limited(tpm=12_000))
    for _ in range(20):
        world.ask(caller=APP)
    assert world.sent() == 20


def test_what_was_never_sent_costs_nothing(make):
    """A request that found no target gets its tokens back."""
    world = make(["alpha/m"], limited(rpm=12) + "\n[breaker]\nfailures = 1\n[retry]\nenabled = false")
    world.script("alpha/m", status(503, {"retry-after": "30"}))
    world.fail()
    refusals = {world.fail(caller=APP).status for _ in range(20)}
    assert refusals == {503}


def test_the_allowance_is_told(make):
    """What is left of a caller's limits is there for the headers of its answer."""
    world = make(more=limited(rpm=60))
    asked = Asked(id="1", caller=APP)
    world.run(world.engine.answer(chat(), asked))
    (allowance,) = asked.allowances
    assert (allowance.name, allowance.limit, allowance.remaining) == ("rpm", 60, 9)


def test_provider_headers_tighten_our_count(make):
    """When the provider says that nothing is left, the next call waits although our own count has room."""
    world = make(["alpha/m"], "[providers.alpha.limits]\nrpm = 600")

    def play(asked):
        _, head, *rest = ok().play(asked)
        yield structs.replace(head, headers=(*head.headers, ("x-ratelimit-remaining-requests", "0")))
        yield from rest

    world.script("alpha/m", Behaviour("tight", play))
    world.ask()
    world.ask()
    first, second = world.times()
    assert second - first == pytest.approx(0.1)
