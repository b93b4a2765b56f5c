"""The gate of the limits at its edges: what is owed, what is learned, who is told what."""

import asyncio

import pytest

from outlast.flow.call import NOWHERE
from outlast.flow.stream import End, ended_by
from outlast.layers.limits import Costs, Keeper, LimitConfig, LimitsConfig, Scope
from outlast.model.errors import Rejected, TimedOut, Transient
from outlast.model.events import LimitAwaited, LimitHit, Overdrawn
from outlast.model.messages import Request, Usage
from outlast.model.target import Price

from .calls import ALPHA, Ear, a_call, no_content

PRICED = type(ALPHA)(name="alpha/p", provider=ALPHA.provider, model="p", price=Price(1_000.0, 10_000.0))
"""A tenth of a cent for a token of the prompt, a whole cent for one of the answer."""


def key(name="key a", **limits):
    """A caller's limits."""
    return Scope(name, LimitConfig(**limits), "key")


def account(**limits):
    """A provider's limits."""
    return Scope("alpha", LimitConfig(**limits), "operator")


def keeper(*scopes, config=None, max_wait=0.0):
    """A keeper that charges every call to these scopes; none waits longer than so many seconds."""
    return Keeper(config or LimitsConfig(), lambda call: scopes, max_wait=lambda _call, _now: max_wait)


def left(of, scope, now=0.0):
    """What is left of each limit."""
    return [round(bucket.remaining(now), 6) for bucket in of.limits(scope, now).buckets]


# -- what a call is charged


def test_who_has_no_limits_is_not_metered():
    """Neither where nobody has any, nor where only others do."""
    for of in (Keeper(LimitsConfig(), None), keeper()):
        call = a_call()
        assert of.admit(call, 0.0) is None
        assert not call.metered
    assert not Keeper(LimitsConfig(), None).needed


def test_a_call_under_a_limit_is_metered_and_charged_for_where_it_would_rather_go():
    """Before it is routed that is the first target of its route; once it is, its own."""
    of = keeper(key(usd_per_day=100))
    door = a_call(target=NOWHERE, targets=(PRICED, ALPHA), tokens=100)
    held = of.admit(door, 0.0)
    assert door.metered
    assert left(of, key(usd_per_day=100)) == [89.9]
    held.settle(door, End("neutral", Rejected("no", gate="routing")), 0.0)
    of.admit(a_call(target=ALPHA, targets=(PRICED, ALPHA), tokens=100), 0.0)
    assert left(of, key(usd_per_day=100)) == [100]


def test_a_scope_has_the_burst_that_is_configured_and_lets_its_largest_prompt_pass():
    """Thirty seconds of rate; a window above that counts."""
    of = keeper(config=LimitsConfig(burst=30.0))
    wide = Scope("key b", LimitConfig(tpm=60_000), "key", window=50_000)
    assert left(of, key(rpm=60, tpm=60_000)) == [30, 30_000]
    assert left(of, wide) == [50_000]
    assert left(of, key("key c", tpm=1)) == [0.5]


def test_an_embedding_has_no_answer_to_be_charged_for():
    """Its prompt alone, in tokens and in money; without a price it costs nothing."""
    call = a_call(target=PRICED)
    call.request = Request(model="m", tokens=50, operation="embed", read=no_content)
    assert keeper().costs(call, PRICED.price, 0.0) == Costs(1.0, 50.0, pytest.approx(0.05))
    assert keeper().costs(call, None, 0.0) == Costs(1.0, 50.0, 0.0)


def test_an_answer_is_expected_no_longer_than_usual_however_long_it_may_be():
    """A million tokens are allowed, and a thousand are charged."""
    assert keeper().costs(a_call(tokens=50, max_tokens=1_000_000), None, 0.0).tokens == 1_050


def test_the_length_of_answers_is_learned_from_their_ends():
    """After twenty answers of 100 to 119 tokens the twenty-first is charged their p95; other models are others."""
    scope = key(tpm=1e9)
    of = keeper(scope)
    for number in range(20):
        call = a_call()
        of.admit(call, 0.0).settle(call, End("success", usage=Usage(input=0, output=100 + number)), 0.0)
    of.note_output("beta/m", 5, 0.0)
    assert of.costs(a_call(), None, 0.0).tokens == 118
    assert of.costs(a_call(target=PRICED), None, 0.0).tokens == 1_000


def test_lengths_of_models_that_never_existed_do_not_pile_up():
    """Of a thousand models all are known; the next one starts anew."""
    of = keeper()
    for number in range(1_000):
        of.note_output(f"alpha/{number}", 5, 0.0)
    assert len(of._outputs) == 1_000
    of.note_output("alpha/0", 5, 0.0)
    assert len(of._outputs) == 1_000
    of.note_output("alpha/new", 5, 0.0)
    assert list(of._outputs) == ["alpha/new"]


# -- what is settled


MONEY = {
    "what it cost": (End("success", usage=Usage(input=100, output=1), cost=0.5), 0.5),
    "what it cost beyond that": (End("success", usage=Usage(input=100, output=1), cost=10.6), 10.6),
    "what was charged, where nobody knows": (End("success", usage=Usage(input=100, output=1)), 10.1),
    "nothing: the provider refused it": (ended_by(Transient("no")), 0.0),
    "the prompt: nobody knows how far it got": (ended_by(TimedOut("slow")), 0.1),
}


@pytest.mark.parametrize("name", MONEY)
def test_money_is_settled_by(name):
    """A prompt of 100 tokens for a tenth of a dollar, and a thousand expected ones for ten."""
    end, spent = MONEY[name]
    scope = key(usd_per_day=100)
    of, call = keeper(scope), a_call(target=PRICED, tokens=100)
    held = of.admit(call, 0.0)
    assert left(of, scope) == [89.9]
    call.send()
    held.settle(call, end, 0.0)
    assert left(of, scope) == [pytest.approx(100 - spent)]


def test_without_a_price_nothing_is_owed_for_a_prompt():
    """Whatever became of it."""
    scope = key(usd_per_day=100)
    of, call = keeper(scope), a_call(tokens=100)
    held = of.admit(call, 0.0)
    call.send()
    held.settle(call, ended_by(TimedOut("slow")), 0.0)
    assert left(of, scope) == [100]


TOLD = {
    # name: (limits, tokens and dollars used, is it told?)
    "more tokens than charged": ({"tpm": 1e6}, (1_101, 1.0), True),
    "as many": ({"tpm": 1e6}, (1_100, 99.0), False),
    "more tokens, which nobody counts": ({"usd_per_day": 1e3}, (9_000, 10.1), False),
    "more money than charged": ({"usd_per_day": 1e3}, (100, 10.2), True),
    "as much": ({"usd_per_day": 1e3}, (100, 10.1), False),
    "more money, which nobody counts": ({"tpm": 1e6}, (100, 99.0), False),
    "less of both": ({"tpm": 1e6, "usd_per_day": 1e3}, (100, 1.0), False),
    "more than nobody counts": ({"rpm": 60}, (9_000, 99.0), False),
}


@pytest.mark.parametrize("name", TOLD)
def test_what_is_owed_is_told(name):
    """Charged were 1,100 tokens and 10.10 dollars; only what is counted can be owed."""
    limits, (tokens, usd), told = TOLD[name]
    io = Ear()
    of, call = keeper(key(**limits)), a_call(io, target=PRICED, tokens=100)
    of.admit(call, 0.0).settle(call, End("success", usage=Usage(input=100, output=tokens - 100), cost=usd), 0.0)
    owed = Overdrawn("r1", "alpha/p", 1_100.0, float(tokens), pytest.approx(10.1), usd)
    assert [event for event in io.events if isinstance(event, Overdrawn)] == ([owed] if told else [])


# -- who waits, and who is refused


def test_who_has_waited_has_taken_its_place():
    """Until then it may leave and owes nothing; afterwards it is settled like any other."""

    class Io(Ear):
        async def sleep(self, seconds):
            self.time += seconds

    async def awaited(held, call):
        await held.wait(call)

    scope = account(rpm=6, tpm=60_000)
    of, io = keeper(scope, max_wait=60.0), Io()
    of.admit(a_call(io), 0.0)
    call = a_call(io)
    held = of.admit(call, 0.0)
    assert held.waits
    asyncio.run(awaited(held, call))
    assert (held.waits, io.time) == (False, 10.0)
    call.send()
    held.settle(call, End("success", usage=Usage(input=0, output=4_000)), 10.0)
    assert left(of, scope, 10.0) == [0, 7_000]


@pytest.mark.parametrize(("max_wait", "goes"), [(0.0, False), (0.4, False), (0.5, True)])
def test_half_a_second_is_waited_for_by_who_may_and_by_nobody_else(max_wait, goes):
    """Two a second, and one has just gone."""
    io = Ear()
    of = keeper(account(rpm=120), config=LimitsConfig(burst=0.0), max_wait=max_wait)
    assert not of.admit(a_call(io), 0.0).waits
    got = of.admit(a_call(io), 0.0)
    assert isinstance(got, Rejected) != goes
    if goes:
        assert got.waits
        told = LimitAwaited("r1", "alpha", "rpm", "operator", pytest.approx(0.5), 1.0, 0.0, 120)
    else:
        told = LimitHit("r1", "alpha", "rpm", "operator", pytest.approx(0.5), 1.0, 0.0, 120, max_wait)
    assert io.events == [told]


def test_nobody_waits_unless_told_for_how_long():
    """Half a second would be enough."""
    of = Keeper(LimitsConfig(burst=0.0), lambda call: [account(rpm=120)])
    of.admit(a_call(), 0.0)
    assert isinstance(of.admit(a_call(), 0.0), Rejected)


@pytest.mark.parametrize("rates", [(6, 60), (60, 6)])
def test_of_several_waits_the_longest_counts(rates):
    """One scope has room in a second, the other in ten."""
    scopes = [key(f"key {rate}", rpm=rate) for rate in rates]
    for may_wait in (60.0, 0.0):
        io = Ear()
        of = keeper(*scopes, config=LimitsConfig(burst=0.0), max_wait=may_wait)
        of.admit(a_call(io), 0.0)
        got = of.admit(a_call(io), 0.0)
        assert (got.retry_after if isinstance(got, Rejected) else got._wait) == pytest.approx(10.0)
        assert [event.scope for event in io.events] == ["key 6"]


@pytest.mark.parametrize("amounts", [(400, 60_000), (60_000, 400), (400, 300)])
def test_what_can_never_pass_is_longer_than_any_wait(amounts):
    """More tokens than the one scope's whole minute allows: no time is told, and it is not a matter of rate."""
    scopes = [key(f"key {amount}", tpm=amount) for amount in amounts]
    of = keeper(*scopes)
    of.limits(key("key 60000", tpm=60_000), 0.0).take(Costs(1.0, 10_000.0), 0.0)
    io = Ear()
    refused = of.admit(a_call(io, tokens=500, max_tokens=1), 0.0)
    assert (refused.retry_after, refused.code) == (None, "insufficient_quota")
    assert [event.scope for event in io.events] == ["key 400"]


def test_a_providers_limit_is_ours_to_bear_and_a_callers_is_his():
    """503 and 429, by the names of their gates."""
    for scope, gate, status in ((account(rpm=6), "limits", 503), (key(rpm=6), "caller_limits", 429)):
        of = keeper(scope)
        of.admit(a_call(), 0.0)
        refused = of.admit(a_call(), 0.0)
        assert (refused.gate, refused.status, refused.code) == (gate, status, "rate_limit_exceeded")


def test_who_is_refused_is_told_what_is_left_too():
    """Of the caller's own limits, as with an answer."""
    of = keeper(key(rpm=6))
    of.admit(a_call(), 0.0)
    call = a_call()
    assert isinstance(of.admit(call, 0.0), Rejected)
    told = [(a.name, a.limit, a.period, a.remaining, a.reset) for a in call.story.allowances]
    assert told == [("rpm", 6, 60.0, 0.0, 10.0)]
