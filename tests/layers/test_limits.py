"""Limits in the hands of the engine: what is charged, given back, owed and told."""

import asyncio

import pytest

from outlast.flow.stream import End
from outlast.layers.limits import Costs, Keeper, LimitConfig, LimitsConfig, Scope
from outlast.model.errors import Cancelled, Rejected, TimedOut, Transient
from outlast.model.events import LimitHit
from outlast.model.messages import Quota, Usage
from outlast.model.target import Price

from .calls import ALPHA, Ear, a_call


def keeper(*scopes, **more):
    """A keeper that charges every call to these scopes."""
    return Keeper(LimitsConfig(), lambda call: scopes, **more)


def key(name="key a", **limits):
    """A caller's limits."""
    return Scope(name, LimitConfig(**limits), "key")


def account(**limits):
    """A provider's limits."""
    return Scope("alpha", LimitConfig(**limits), "operator")


def left(of, scope, now=0.0):
    """What is left of each limit."""
    return [round(bucket.remaining(now), 6) for bucket in of.limits(scope, now).buckets]


def test_a_request_is_charged_its_prompt_and_what_answers_tend_to_need():
    """1,000 tokens until 20 answers are known, then their p95; never more than the caller allows."""
    of, call = keeper(key(tpm=1e6)), a_call(tokens=50)
    assert of.costs(call, None, 0.0).tokens == 1_050
    for number in range(20):
        of.note_output(ALPHA.name, 100 + number, 0.0)
    assert of.costs(call, None, 0.0).tokens == 50 + 118
    assert of.costs(a_call(tokens=50, max_tokens=30), None, 0.0).tokens == 80


def test_money_is_charged_by_the_price_of_the_target():
    """A million tokens of answers cost 10 dollars, so 1,000 expected ones cost a cent."""
    assert keeper().costs(a_call(tokens=0), Price(1.0, 10.0), 0.0).usd == pytest.approx(0.01)


ENDS = {
    "used": (1, End("success", usage=Usage(input=100, output=200)), (9, 9_700)),
    "more than was estimated": (1, End("success", usage=Usage(input=100, output=5_000)), (9, 4_900)),
    "success, nobody knows how much": (1, End("success"), (9, 8_900)),
    "refused by the provider": (1, End("failure", Transient("no")), (9, 10_000)),
    "timed out": (1, End("failure", TimedOut("slow")), (9, 9_900)),
    "cancelled on its way": (1, End("neutral", Cancelled("gone")), (9, 9_900)),
    "task cancelled on its way": (1, End("neutral", asyncio.CancelledError()), (9, 9_900)),
    "refused by a later gate": (0, End("neutral", Rejected("no", gate="breaker")), (10, 10_000)),
    "cancelled before it was sent": (0, End("neutral", asyncio.CancelledError()), (10, 10_000)),
}


@pytest.mark.parametrize("name", ENDS)
def test_what_is_settled_is_what_was_used(name):
    """Ten requests and 10,000 tokens were there; a prompt of 100 was sent, estimated at 1,100 in all."""
    made, end, expected = ENDS[name]
    scope = key(rpm=60, tpm=60_000)
    of, call = keeper(scope), a_call(tokens=100)
    held = of.admit(call, 0.0)
    assert left(of, scope) == [9, 8_900]
    call.made += made
    held.settle(call, end, 0.0)
    assert left(of, scope) == list(expected)


def test_all_scopes_are_charged_or_none():
    """The user has nothing left: the key loses nothing. The longest of all waits is told, and who asked for it."""
    team, user = key(rpm=6), Scope("user b", LimitConfig(rpm=60, concurrent=1), "user")
    io = Ear()
    of, call = keeper(team, user), a_call(io)
    of.admit(call, 0.0)
    refused = of.admit(call, 0.0)
    assert isinstance(refused, Rejected)
    assert (refused.gate, refused.status, refused.code) == ("caller_limits", 429, "rate_limit_exceeded")
    assert refused.retry_after == pytest.approx(10.0)
    assert [(event.scope, event.limit, event.user_type) for event in io.events] == [("key a", "rpm", "key")]
    assert left(of, user) == [9]


def test_a_spent_budget_says_so():
    """429 `insufficient_quota`, with the time until enough of it is back."""
    scope = key(usd_per_day=1.0)
    of = keeper(scope)
    of.limits(scope, 0.0).take(Costs(1.0, 0.0, 1.0), 0.0)
    refused = of.admit(a_call(target=_priced()), 0.0)
    assert (refused.status, refused.code) == (429, "insufficient_quota")
    assert refused.retry_after == pytest.approx(864.0)


def test_what_can_never_pass_is_refused_for_good():
    """More tokens than a whole minute allows: no time is told, for none would help."""
    refused = keeper(key(tpm=500)).admit(a_call(tokens=501), 0.0)
    assert refused.retry_after is None


def _priced():
    return type(ALPHA)(name="alpha/p", provider=ALPHA.provider, model="p", price=Price(0.0, 10.0))


def test_the_providers_headers_tighten_its_own_limits_and_nobody_elses():
    """The provider has three requests left; the caller's key still has all of its own."""
    ours, theirs = account(rpm=600), key(rpm=600)
    of = keeper(ours, theirs)
    call = a_call()
    of.admit(call, 0.0).settle(call, End("success", quota=Quota(requests_left=3)), 0.0)
    assert (left(of, ours), left(of, theirs)) == ([3], [99])


def test_a_providers_quota_is_waited_for_and_a_callers_is_not():
    """The one sleeps once for its reserved place, the other is refused."""
    slept = []

    class Io(Ear):
        async def sleep(self, seconds):
            slept.append(seconds)

    call = a_call(Io())
    waits, refuses = keeper(account(rpm=6), max_wait=lambda _call, _now: 60.0), keeper(key(rpm=6))
    waits.admit(call, 0.0)
    held = waits.admit(call, 0.0)
    asyncio.run(_awaited(held.wait(call)))
    assert slept == pytest.approx([10.0])
    refuses.admit(call, 0.0)
    assert isinstance(refuses.admit(call, 0.0), Rejected)


async def _awaited(waiting):
    await waiting


@pytest.mark.parametrize(("rpm", "back"), [(60, 1.0), (6, 0.0)])
def test_who_leaves_before_its_turn_gets_back_what_would_still_be_missing(rpm, back):
    """With a burst of ten it all comes back; with a burst of one its place would have run over before the next goes."""
    of, call = keeper(account(rpm=rpm), max_wait=lambda _call, _now: 60.0), a_call()
    bucket = of.limits(account(rpm=rpm), 0.0).buckets[0]
    for _ in range(int(bucket.burst)):
        of.admit(call, 0.0)
    middle, last = of.admit(call, 0.0), of.admit(call, 0.0)
    charged = bucket.tat
    middle.settle(call, End("neutral", asyncio.CancelledError()), 0.0)
    assert bucket.tat == pytest.approx(charged - back * bucket.spacing)
    last.settle(call, End("neutral", asyncio.CancelledError()), 0.0)
    assert bucket.tat == pytest.approx(charged - (back + 1.0) * bucket.spacing)
    assert of.limits(account(rpm=rpm), 0.0).under_way == int(bucket.burst)


def test_what_is_left_is_told_for_the_callers_limits_only():
    """The RateLimit headers are about the caller's own limits."""
    call = a_call()
    keeper(account(rpm=60), key(rpm=60)).admit(call, 0.0)
    assert [(allowance.name, allowance.remaining) for allowance in call.story.allowances] == [("rpm", 9)]


def test_no_more_calls_at_once_than_allowed():
    """The second waits for the first to end."""
    io = Ear()
    of, call = keeper(key(concurrent=1)), a_call(io)
    held = of.admit(call, 0.0)
    assert isinstance(of.admit(call, 0.0), Rejected)
    assert [event.limit for event in io.events if isinstance(event, LimitHit)] == ["concurrent"]
    held.settle(call, End("success"), 0.0)
    assert not isinstance(of.admit(call, 0.0), Rejected)


def test_callers_who_come_no_more_are_forgotten():
    """Limits that are as good as new go; one that is in debt stays."""
    indebted = key("key debt", rpm=60)
    of = keeper()
    of.limits(indebted, 0.0).take(Costs(1e9), 0.0)
    for number in range(25_000):
        of.limits(key(f"key {number}", rpm=60), float(number))
    assert len(of._kept) <= 10_001
    assert of.limits(indebted, 1.0).buckets[0].remaining(1.0) == 0
