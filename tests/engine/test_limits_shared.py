"""Limits that several processes share through a store, and what they do without it."""

import asyncio
import contextlib
import random

import pytest
from msgspec import structs

from outlast.engine import Asked
from outlast.model.errors import Failure
from outlast.model.events import LimitAwaited, LimitHit, LimitsApart, LimitsTogether
from outlast.testing import Behaviour, cancel_everywhere, ok, status

from .fleet import Shared, worst_window
from .test_everywhere import of_one_key
from .test_leaving import queued
from .test_limits import APP, PROVIDER, limited
from .world import World, caller, chat, read

PRICE = "[providers.alpha.models.m.price]\ninput = 1_000_000\noutput = 1_000_000\n"
"""A dollar for a token."""


ALONE = '[routes.default]\ntargets = ["alpha/m"]\n'


def left(requests):
    """A good answer whose headers say that so many requests are left."""

    def play(asked):
        _, head, *rest = ok().play(asked)
        yield structs.replace(head, headers=(*head.headers, ("x-ratelimit-remaining-requests", str(requests))))
        yield from rest

    return Behaviour("left", play)


def test_what_one_process_has_used_the_other_has_not(fleet_of):
    """One request in ten seconds, whoever gets it: the other process refuses with the true time."""
    fleet = fleet_of(2, limited(rpm=6))
    one, other = fleet.worlds
    one.ask(caller=APP)
    fleet.wait(4.0)
    failure = other.fail(caller=APP)
    assert (failure.status, failure.code, failure.retry_after) == (429, "rate_limit_exceeded", pytest.approx(6.0))
    (told,) = other.events(LimitHit)
    assert (told.scope, told.limit, told.user_type, told.cost, told.remaining, told.amount) == (
        "key app",
        "rpm",
        "key",
        1.0,
        pytest.approx(0.4),
        6,
    )
    fleet.wait(6.0)
    other.ask(caller=APP)


def test_a_place_in_a_provider_s_quota_is_slept_for_once(fleet_of):
    """Four calls of two processes go at four times, ten seconds apart, and each has asked the store once."""
    fleet = fleet_of(2, PROVIDER)
    one, other = fleet.worlds

    async def all_of_them():
        return await asyncio.gather(one.heard(), other.heard(), one.heard(), other.heard())

    heard = fleet.run(all_of_them())
    assert all(answer.target == "alpha/m" for answer in heard)
    assert fleet.times() == pytest.approx([0.0, 10.0, 20.0, 30.0])
    assert fleet.store.count("take") == 4
    assert sorted(event.seconds for world in fleet.worlds for event in world.events(LimitAwaited)) == pytest.approx(
        [10.0, 20.0, 30.0]
    )


def test_a_refusal_is_believed_until_its_time(fleet_of):
    """Fifty requests within the last second before the next may go: the store was asked by the first of them."""
    fleet = fleet_of(1, limited(rpm=60) + "\n[limits]\nburst = 0.0")
    (world,) = fleet.worlds
    world.ask(caller=APP)
    refused = [world.fail(caller=APP).retry_after for _ in range(50)]
    assert refused == [pytest.approx(1.0)] * 50
    assert fleet.store.count("take") == 2
    fleet.wait(1.0)
    world.ask(caller=APP)
    assert fleet.store.count("take") == 3


def test_a_refusal_is_not_believed_for_long(fleet_of):
    """The money of a day is spent, and somebody gives back what he had not used: a second later that is known."""
    fleet = fleet_of(2, PRICE + limited(usd_per_day=58.0))
    one, other = fleet.worlds
    one.script("alpha/m", ok(first=3.0))

    async def story():
        asking = asyncio.create_task(one.heard(caller=APP, max_tokens=5))
        await asyncio.sleep(0.1)
        spent = await other.heard(caller=APP, max_tokens=5)
        assert (spent.status, spent.code) == (429, "insufficient_quota")
        asking.cancel()
        await asyncio.wait([asking])
        again = await other.heard(caller=APP, max_tokens=5)
        await asyncio.sleep(1.1)
        return again, await other.heard(caller=APP, max_tokens=5)

    again, later = fleet.run(story())
    assert isinstance(again, Failure)
    assert later.target == "alpha/m"


def test_what_cannot_be_afforded_cheaper_may_be(fleet_of):
    """A long request was refused; a short one is asked for all the same."""
    fleet = fleet_of(1, limited(tpm=6_000))
    (world,) = fleet.worlds
    world.ask("x " * 1_500, caller=APP, max_tokens=10)
    world.fail("x " * 1_500, caller=APP, max_tokens=10)
    assert world.ask(caller=APP, max_tokens=10).target == "alpha/m"


def test_the_tokens_of_all_are_settled_with_what_was_used(fleet_of):
    """Estimates that are too high are refunded to the whole fleet: forty short answers, one process after the other."""
    fleet = fleet_of(2, limited(tpm=12_000))
    for _ in range(20):
        for world in fleet.worlds:
            world.ask(caller=APP)
    assert len(fleet.times()) == 40


def test_a_stream_is_settled_for_all_at_its_end(fleet_of):
    """While it is read its estimate is charged; afterwards what it has used, and the calls at once are one less."""
    fleet = fleet_of(2, limited(tpm=12_000, concurrent=1))
    one, other = fleet.worlds

    def missing():
        return (fleet.store._limits._tats["key:app", "tpm"] - fleet.now) * 200

    async def story():
        stream = await one.answer(stream=True, caller=APP)
        charged = missing()
        assert (await one.heard(caller=APP)).status == 429
        part = await read(stream)
        return charged, part, stream.usage

    charged, part, usage = fleet.run(story())
    assert part.finish == "stop"
    assert charged == pytest.approx(chat("hi").tokens + 1_000)
    assert missing() == pytest.approx(usage.input + usage.output)
    assert other.ask(caller=APP).target == "alpha/m"


def test_what_was_owed_in_one_process_delays_the_other(fleet_of):
    """A charge of a few tokens that became five thousand is a debt of the key, whoever is asked next."""
    fleet = fleet_of(2, limited(tpm=6_000) + "\n[limits]\nexpected_output = 1")
    one, other = fleet.worlds
    one.script("alpha/m", ok("word " * 5_000))
    used = one.ask(caller=APP).usage
    told = other.fail(caller=APP).retry_after
    assert told == pytest.approx((used.input + used.output - 1_000) / 100, abs=0.5)


def test_who_gives_up_before_its_turn_gives_its_place_back(fleet_of):
    """The third call leaves after a second; whoever asks then, wherever, goes at its time."""
    fleet = fleet_of(2, PROVIDER)
    one, other = fleet.worlds

    async def story():
        await one.heard()
        waiting = asyncio.create_task(one.heard())
        await asyncio.sleep(1.0)
        waiting.cancel()
        await asyncio.wait([waiting])
        await other.heard()

    fleet.run(story())
    assert fleet.times() == pytest.approx([0.0, 10.0])


def test_who_leaves_while_the_store_is_asked_holds_nothing(fleet_of):
    """Nobody hears the store's answer: what it charged stays charged, and that is all."""
    fleet = fleet_of(1, limited(rpm=12))
    (world,) = fleet.worlds
    fleet.store.ails = lambda _name: 5.0

    async def story():
        asking = asyncio.create_task(world.heard(caller=APP))
        await asyncio.sleep(1.0)
        asking.cancel()
        await asyncio.wait([asking])

    fleet.run(story())
    assert world.held() == {}
    assert world.sent() == 0


def test_what_was_never_sent_costs_nobody_anything(fleet_of):
    """A request that found no target gets its place back, for the other process too."""
    more = limited(rpm=12) + "\n[breaker]\nfailures = 1\n[retry]\nenabled = false"
    fleet = fleet_of(2, more)
    one, other = fleet.worlds
    one.script("alpha/m", status(503, {"retry-after": "30"}))
    one.fail()
    assert {one.fail(caller=APP).status for _ in range(20)} == {503}
    assert other.ask(caller=APP).target == "alpha/m"
    assert other.ask(caller=APP).target == "alpha/m"


def test_a_provider_s_headers_tighten_what_all_may_spend(fleet_of):
    """One process hears that nothing is left; the other waits although nobody told it."""
    fleet = fleet_of(2, "[providers.alpha.limits]\nrpm = 600")
    one, other = fleet.worlds
    one.script("alpha/m", left(0))
    one.ask()
    other.ask()
    first, second = fleet.times()
    assert second - first == pytest.approx(0.1)


def test_with_another_target_left_nobody_waits_for_a_quota(fleet_of):
    """The quota that the other process has used up is switched around."""
    fleet = fleet_of(2, PROVIDER, ("alpha/m", "beta/m"))
    one, other = fleet.worlds
    assert [one.ask().target, other.ask().target, one.ask().target] == ["alpha/m", "beta/m", "beta/m"]
    assert fleet.now == 0.0


def test_key_and_user_are_asked_for_at_once_and_charged_both_or_neither(fleet_of):
    """The user's limit refuses five times; the key's five requests are still there for others."""
    fleet = fleet_of(1, limited(rpm=36) + "\n[users]\nrpm = 6")
    (world,) = fleet.worlds
    anna, ben = (caller("app", user=name) for name in ("anna", "ben"))
    world.ask(caller=anna)
    assert fleet.store.count("take") == 1
    for _ in range(5):
        assert "user" in world.fail(caller=anna).message
    for number in range(5):
        world.ask(caller=caller("app", user=f"other {number}"))
    assert "key app" in world.fail(caller=ben).message


@pytest.mark.parametrize(("key", "user", "who"), [(6, 12, "key app"), (12, 6, "user")])
def test_of_two_limits_that_refuse_the_longer_wait_is_told(fleet_of, key, user, who):
    """One is free in ten seconds, the other in five."""
    fleet = fleet_of(2, limited(rpm=key) + f"\n[users]\nrpm = {user}\n[limits]\nburst = 1.0")
    one, other = fleet.worlds
    anna = caller("app", user="anna")
    one.ask(caller=anna)
    failure = other.fail(caller=anna)
    assert failure.retry_after == pytest.approx(10.0)
    assert who in failure.message


def test_a_forked_child_has_neither_loans_nor_places_of_its_parent(fleet_of):
    """What it is made of anew knows nothing of them."""
    fleet = fleet_of(1, limited(rpm=6_000) + "\n[limits]\nleases = true")
    (world,) = fleet.worlds
    world.ask(caller=APP)
    child = world.house.renewed().stack
    assert not child.caller_limits._kept
    assert child.peers is not world.stack.peers
    fleet.wait(1.0)


def test_calls_at_once_are_each_process_s_share(fleet_of):
    """Of five calls at once three may be in each of two processes; nobody asks the store for that."""
    fleet = fleet_of(2, limited(concurrent=5))
    for world in fleet.worlds:
        world.stack.peers.processes = 2
        world.script("alpha/m", ok(first=1.0))
        heard = world.crowd(5, caller=APP)
        assert sum(isinstance(answer, Failure) for answer in heard) == 2
    assert fleet.store.asked == []


def test_processes_hear_of_one_another(fleet_of):
    """Each counts all that have something to do, and after half a minute no longer who has stopped."""
    fleet = fleet_of(3, limited(rpm=60_000))
    fleet.meet(caller=APP)
    assert [world.stack.peers.processes for world in fleet.worlds] == [3, 3, 3]
    gone = fleet.worlds.pop()
    for _ in range(16):
        fleet.wait(2.5)
        fleet.meet(caller=APP, times=1)
    assert [world.stack.peers.processes for world in fleet.worlds] == [2, 2]
    fleet.worlds.append(gone)


def test_processes_are_counted_beyond_the_round(fleet_of):
    """After ten minutes the sums are begun anew, and nobody is lost by that."""
    fleet = fleet_of(3, limited(rpm=60_000))
    fleet.meet(caller=APP)
    for _ in range(130):
        fleet.wait(5.0)
        for world in fleet.worlds:
            world.ask(caller=APP)
        assert [world.stack.peers.processes for world in fleet.worlds] == [3, 3, 3]


# -- without the store


def without(policy, **limits):
    """A key's limits which do so while the store is gone."""
    return limited(**limits, without_store=f'"{policy}"')


def test_the_share_begins_as_empty_as_the_whole_was(fleet_of):
    """Of 100 requests 60 are used; then the store is gone, and two processes have 20 each, and 50 a second."""
    fleet = fleet_of(2, limited(rpm=6_000) + "\n[limits]\nburst = 1.0\nprocesses = 2")
    one, other = fleet.worlds
    for _ in range(30):
        one.ask(caller=APP)
        other.ask(caller=APP)
    fleet.store.ails = lambda _name: "before"
    for world in fleet.worlds:
        heard = world.crowd(60, caller=APP)
        assert sum(not isinstance(answer, Failure) for answer in heard) in {20, 21}
    fleet.wait(0.1)
    heard = one.crowd(60, caller=APP)
    assert sum(not isinstance(answer, Failure) for answer in heard) in {5, 6}


def test_what_was_spent_without_the_store_is_told_to_it(fleet_of):
    """40 requests went on their own; when the store is back it knows of them."""
    fleet = fleet_of(1, limited(rpm=6_000) + "\n[limits]\nburst = 1.0")
    (world,) = fleet.worlds
    world.crowd(10, caller=APP)
    fleet.store.ails = lambda _name: "before"
    world.crowd(40, caller=APP)
    fleet.store.ails = lambda _name: None
    world.ask(caller=APP)
    heard = world.crowd(100, caller=APP)
    assert sum(not isinstance(answer, Failure) for answer in heard) == 49


def test_it_is_told_once_that_the_store_is_gone_and_once_that_it_is_back(fleet_of):
    """However many requests find out."""
    fleet = fleet_of(1, limited(rpm=6_000))
    (world,) = fleet.worlds
    world.ask(caller=APP)
    fleet.store.ails = lambda _name: "before"
    world.crowd(5, caller=APP)
    fleet.wait(10.0)
    world.crowd(5, caller=APP)
    fleet.store.ails = lambda _name: None
    world.crowd(5, caller=APP)
    assert [event.processes for event in world.events(LimitsApart)] == [1]
    assert [event.seconds for event in world.events(LimitsTogether)] == [pytest.approx(10.0)]


def test_a_share_makes_a_provider_s_quota_wait_too(fleet_of):
    """Two of four processes, a request in ten seconds between all four: each has one in forty."""
    fleet = fleet_of(2, PROVIDER + "[limits]\nprocesses = 4\n")
    fleet.store.ails = lambda _name: "before"
    one, other = fleet.worlds

    async def story():
        return await asyncio.gather(one.heard(), one.heard(), other.heard(), other.heard())

    fleet.run(story())
    assert fleet.times() == pytest.approx([0.0, 0.0, 40.0, 40.0])
    assert len(one.events(LimitAwaited)) == 1


def test_a_share_hears_a_provider_s_headers_and_takes_its_part_of_them(fleet_of):
    """Of two processes; four requests are left for both, so that two may go at once and the third waits its time."""
    fleet = fleet_of(1, "[providers.alpha.limits]\nrpm = 600\n[limits]\nprocesses = 2\n" + ALONE)
    (world,) = fleet.worlds
    fleet.store.ails = lambda _name: "before"
    world.script("alpha/m", left(4), ok())
    world.ask()
    world.crowd(3)
    assert world.times() == pytest.approx([0.0, 0.0, 0.0, 0.2])


def test_the_other_limit_of_a_call_goes_on_as_it_is_told(fleet_of):
    """The key is open without the store, its users are not: five a minute, and the sixth is refused for its user."""
    fleet = fleet_of(1, without("open", rpm=6) + "\n[users]\nrpm = 30")
    (world,) = fleet.worlds
    fleet.store.ails = lambda _name: "before"
    anna = caller("app", user="anna")
    heard = [world.hear(caller=anna) for _ in range(6)]
    assert [getattr(answer, "status", 200) for answer in heard] == [200] * 5 + [429]
    assert "user" in heard[-1].message


def test_calls_at_once_are_counted_without_the_store_as_with_it(fleet_of):
    """The key limits them alone, its user the requests: when the calls are over the next may go."""
    fleet = fleet_of(1, limited(concurrent=1) + "\n[users]\nrpm = 600")
    (world,) = fleet.worlds
    fleet.store.ails = lambda _name: "before"
    anna = caller("app", user="anna")
    world.script("alpha/m", ok(first=1.0))
    for _ in range(3):
        heard = world.crowd(2, caller=anna)
        assert sorted(getattr(answer, "status", 200) for answer in heard) == [200, 429]


def test_a_provider_that_is_closed_without_the_store_is_gone_around(fleet_of):
    """It is ours to bear: 503 where there is nobody else."""
    more = PROVIDER + 'without_store = "closed"\n'
    fleet = fleet_of(1, more, ("alpha/m", "beta/m"))
    (world,) = fleet.worlds
    fleet.store.ails = lambda _name: "before"
    assert world.ask().target == "beta/m"
    alone = fleet_of(1, more)
    alone.store.ails = lambda _name: "before"
    failure = alone.worlds[0].fail()
    assert (failure.status, failure.retry_after) == (503, 1.0)


def test_who_asks_is_told_what_is_left_of_it_to_all(fleet_of):
    """Granted by the store, refused by it, and refused without asking it."""
    fleet = fleet_of(2, limited(rpm=12) + "\n[limits]\nburst = 10.0")
    one, other = fleet.worlds
    one.ask(caller=APP)
    told = []
    for _ in range(3):
        asked = Asked(id="1", caller=APP)
        with contextlib.suppress(Failure):
            fleet.run(other.engine.answer(chat(), asked))
        told.append([(left.name, left.limit, left.remaining, left.reset) for left in asked.allowances])
    assert told == [[("rpm", 12, pytest.approx(0.0), pytest.approx(10.0))]] * 3
    assert fleet.store.count("take") == 3


def test_a_prompt_as_large_as_the_largest_window_passes_at_once(fleet_of):
    """As it does without a store."""
    fleet = fleet_of(1, "[providers.alpha.models.m]\nwindow = 50_000\n" + limited(tpm=60_000))
    (world,) = fleet.worlds
    world.ask("x " * 20_000, caller=APP, max_tokens=10)
    world.ask("x " * 20_000, caller=APP, max_tokens=10)


@pytest.mark.parametrize("fault", ["before", "after", "hangs"])
def test_no_call_is_lost_whatever_the_store_does(fleet_of, fault):
    """Every one is answered or refused by its limit, within the time that the store is given."""
    fleet = fleet_of(4, limited(rpm=6_000) + "\n[limits]\nburst = 1.0\nprocesses = 4")
    fleet.store.ails = lambda _name: fault
    heard = fleet.run(fleet.load(300, 2.0, [1] * 4, caller=APP))
    assert {getattr(answer, "status", 200) for answer in heard} == {200, 429}
    assert len(fleet.times()) <= 100 + 100 * 2 + 4


@pytest.mark.parametrize("ails", ["before", "after", "hangs", 0.02])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_a_store_that_comes_and_goes_costs_no_more_than_it_says(fleet_of, ails, share):
    """Four processes under skewed load: what each spends on its own the store hears of."""
    fleet = fleet_of(4, limited(rpm=6_000) + "\n[limits]\nburst = 1.0\nprocesses = 4")
    dice = random.Random(str((ails, share)))
    fleet.store.ails = lambda _name: ails if dice.random() < share else None
    heard = fleet.run(fleet.load(400, 5.0, [8, 4, 2, 1], caller=APP))
    assert {getattr(answer, "status", 200) for answer in heard} == {200, 429}
    assert len(fleet.times()) <= 2 * (100 + 100 * 5) + 4
    assert worst_window(fleet.times()) <= 2 * 200 + 4


# -- under load

SKEWED = [2.0**-number for number in range(8)]
"""Each process gets half of what the one before it gets."""


@pytest.mark.parametrize("offered", [60, 150, 600])
def test_eight_processes_keep_one_limit(fleet_of, offered):
    """100 a second and as many at once: exact over all, over every second, and one question a request at most."""
    fleet = fleet_of(8, limited(rpm=6_000) + "\n[limits]\nburst = 1.0")
    heard = fleet.run(fleet.load(offered, 5.0, SKEWED, caller=APP))
    times = fleet.times()
    assert len(times) <= 100 + 100 * 5
    assert worst_window(times) <= 200
    assert len(times) >= min(0.95 * len(heard), 500)
    assert fleet.store.count("take") <= len(heard)
    assert fleet.store.count("take") <= 0.7 * len(heard) or offered < 600
    assert min(world.sent() for world in fleet.worlds) > 0


# -- whoever leaves

SHARED_STORIES = {
    "a quota that is waited for": (queued, ALONE + PROVIDER, None),
    "a caller's limits": (of_one_key, ALONE + limited(rpm=12, tpm=100_000, concurrent=2), None),
    "both": (of_one_key, ALONE + PROVIDER + limited(rpm=12, tpm=100_000), None),
    "loans": (of_one_key, ALONE + limited(rpm=6_000) + "\n[limits]\nleases = true\n", None),
    "a store that fails": (of_one_key, ALONE + PROVIDER + limited(rpm=12), "before"),
    "a store that hangs": (of_one_key, ALONE + PROVIDER + limited(rpm=12), "hangs"),
    "loans of a store that does it and fails": (
        of_one_key,
        ALONE + limited(rpm=6_000) + "\n[limits]\nleases = true\n",
        "after",
    ),
}
"""name: (what callers do, configuration, what ails the store)"""


def shared_story(name):
    """A story for the drivers, with a store that takes its time; whatever happens, nothing but loans is held."""
    tell, more, ails = SHARED_STORIES[name]

    def story(io):
        store = Shared(io.now)
        store.ails = lambda _name: ails or 0.0
        world = World(io=io, more=more, store=store)

        def at_rest():
            held = world.held()
            world._runner.close()
            loans = held.pop("timers", 0)
            assert held == {}
            assert loans <= ("leases" in more)

        return tell(world), at_rest

    return story


@pytest.mark.parametrize("name", SHARED_STORIES)
def test_cancelled_anywhere_no_limit_is_held(name):
    """At each suspension of the story, those in which the store is asked among them."""
    assert cancel_everywhere(shared_story(name)) >= 4
