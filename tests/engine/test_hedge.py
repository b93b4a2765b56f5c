"""A second target beside a slow first one: who speaks first answers, and nobody pays more than was agreed."""

import asyncio
import json

import pytest

from outlast.dialects import DIALECTS
from outlast.engine import Asked
from outlast.model.events import (
    AttemptEnded,
    FailedOver,
    Fault,
    HedgeLost,
    HedgeRefused,
    HedgeStarted,
    HedgeWon,
    RequestEnded,
)
from outlast.testing import Behaviour, ok, silent, stall

from .hedging import HEDGED, HEDGES, QUICK, THREE, kinds, late, learned, near
from .world import World, read


@pytest.mark.parametrize("stream", [False, True])
def test_when_the_first_takes_long_a_second_is_asked_and_answers(make, stream):
    """At the p95 of the first one's time, at another target; its answer comes, and the first is let go at once."""
    world = learned(make, stream=stream)
    world.script("alpha/m", ok(first=5.0))
    began = world.now
    answer = world.ask(stream=stream)
    assert (answer.target, answer.source, answer.attempts) == ("beta/m", "fallback", 2)
    assert world.now - began == near(2 * QUICK)
    assert world.times() == near([began, began + QUICK])
    assert world.io.sent_to("alpha/m")[0].over_at == near(began + 2 * QUICK)
    assert world.io.sent_to("alpha/m")[0].over == "aborted"
    if stream:
        world.run(read(answer))
    started, won = world.events(HedgeStarted)[0], world.events(HedgeWon)[0]
    assert (started.target, started.waiting, started.after) == ("beta/m", "alpha/m", near(QUICK))
    assert (won.target, won.seconds) == ("beta/m", near(QUICK))
    assert kinds(world, *HEDGES) == ["HedgeStarted", "HedgeWon"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_both_count_and_both_are_told(stream, seed):
    """The loser is an attempt too: cancelled, neutral for its circuit, and in the history of the one event."""
    world = World(more=HEDGED, seed=seed)
    world.script_all(ok(first=QUICK))
    for _ in range(20):
        world.hear(stream=stream)
    world.forget()
    world.script("alpha/m", silent())
    failed = world.breaker()._window.failed
    world.hear(stream=stream)
    assert {(event.target, event.kind, event.number) for event in world.last().history} == {
        ("alpha/m", "cancelled", 1),
        ("beta/m", "ok", 2),
    }
    assert (world.last().attempts, world.last().target, world.last().kind) == (2, "beta/m", "ok")
    assert world.breaker()._window.failed == failed
    assert world.close() == {}


def test_the_first_may_still_win(make):
    """It speaks while the second is under way: the second is cancelled, and no failover is told."""
    world = learned(make)
    world.script("alpha/m", ok(first=0.15))
    world.script("beta/m", ok(first=5.0))
    answer = world.ask()
    assert (answer.target, answer.source, answer.attempts) == ("alpha/m", "primary", 2)
    assert kinds(world, *HEDGES) == ["HedgeStarted", "HedgeLost"]
    assert world.events(HedgeLost)[0].kind == "cancelled"
    assert not world.events(FailedOver)


def test_an_answer_in_its_time_is_not_made_twice(make):
    """Nothing is started, and nothing is told of hedging."""
    world = learned(make)
    for _ in range(10):
        assert world.ask().target == "alpha/m"
    assert world.sent() == 10
    assert kinds(world, *HEDGES) == []


def test_streams_and_whole_answers_are_known_apart(make):
    """Twenty whole answers say nothing about when a stream begins."""
    world = learned(make, stream=False)
    world.script("alpha/m", ok(first=5.0))
    assert world.hear(stream=True).finish == "stop"
    assert world.path() == ["alpha/m"]


def test_it_is_off_unless_asked_for(make):
    """Without a word of configuration no layer of it is in the stack."""
    world = learned(make, more="")
    world.script("alpha/m", ok(first=5.0))
    assert world.ask().target == "alpha/m"
    assert not world.stack.hedging


ROUTES = '[routes.default]\ntargets = ["alpha/m", "beta/m"]\nhedge = {}\n'


@pytest.mark.parametrize(("everywhere", "here"), [(True, False), (False, True)])
def test_a_route_has_the_last_word(make, everywhere, here):
    """`hedge` in a route holds for it, whatever the table says."""
    world = learned(make, more=HEDGED.replace("true", str(everywhere).lower()) + ROUTES.format(str(here).lower()))
    world.script("alpha/m", ok(first=5.0))
    assert (world.ask().target == "beta/m") == here


def test_calls_of_a_low_class_are_not_hedged(make):
    """Who waits for a batch job does not pay twice for seconds."""
    world = learned(make)
    world.script("alpha/m", ok(first=5.0))
    assert world.ask(priority=3).target == "alpha/m"
    assert world.ask(priority=2).target == "beta/m"


# -- failures ----------------------------------------------------------------------------------------------------------


def test_a_failing_second_leaves_the_first_its_ways(make):
    """It makes one attempt, no more while the first is under way; the first may go there later, and on from there."""
    world = learned(make, more=HEDGED + "[timers]\nwhole = 1.0\n")
    world.script("alpha/m", silent())
    world.script("beta/m", 503, ok())
    answer = world.ask()
    assert world.path() == ["alpha/m", "beta/m", "beta/m"]
    assert (answer.target, answer.attempts) == ("beta/m", 3)
    assert world.times("beta/m")[1] - world.times("alpha/m")[0] == pytest.approx(1.0)


def test_a_second_that_is_left_alone_does_what_the_first_could(make):
    """The first has failed for good: the second is asked again, and goes on to further targets."""
    world = learned(make, targets=THREE)
    world.script("alpha/m", late(0.2, 501))
    world.script("beta/m", late(0.3, 501))
    assert world.ask().target == "gamma/m"
    assert world.path() == ["alpha/m", "beta/m", "gamma/m"]


def test_no_more_attempts_than_without(make):
    """Six in all, hedges included."""
    world = learned(make, targets=THREE)
    world.script_all(late(0.3, 503))
    world.fail()
    assert world.sent() <= 6
    assert [event.number for event in world.last().history] == sorted(event.number for event in world.last().history)


def test_a_prompt_that_does_not_fit_waits_for_the_other(make):
    """Another window may be larger: the failure is no answer while the other is under way."""
    world = learned(make)
    world.script("alpha/m", late(0.3, 400, error="context_length_exceeded"))
    world.script("beta/m", ok(first=1.0))
    assert world.ask().target == "beta/m"


def test_embeddings_are_hedged_too(make):
    """They change nothing at a provider, so they may be asked for twice."""
    world = make(more=HEDGED)
    world.script_all(ok(first=QUICK))
    body = json.dumps({"model": "default", "input": ["a", "b"]}).encode()

    def embed(number):
        return world.engine.answer(DIALECTS["openai"].parse("embed", body), Asked(id=str(number)))

    for number in range(20):
        world.run(embed(number))
    world.script("alpha/m", ok(first=5.0))
    answer = world.run(embed(21))
    assert (answer.target, answer.attempts, len(answer.vectors)) == ("beta/m", 2, 2)


# -- what it may cost --------------------------------------------------------------------------------------------------


def test_one_call_in_twenty(make):
    """However slow everything is: of 400 calls at most 5 % are made twice."""
    world = learned(make, more="[hedge]\nenabled = true\n")
    for number in range(380):
        world.script("alpha/m", ok(first=0.2 + number / 1000))
        world.ask()
    assert 15 <= len(world.events(HedgeStarted)) <= 20
    assert world.sent() == 380 + len(world.events(HedgeStarted))
    assert "hedged" in world.events(HedgeRefused)[-1].reason


def test_within_the_budget_of_its_target(make):
    """Where nothing is deposited and the floor is none, nothing is made twice."""
    world = learned(make, more=HEDGED + "[retry]\nfloor = 0\n")
    world.script("alpha/m", ok(first=1.0))
    assert world.ask().target == "alpha/m"
    assert [event.reason for event in world.events(HedgeRefused)] == ["the retry budget is spent"]
    assert sum(bucket.hedges for bucket in world.stack.hedges.share_of("default")._buckets) == 0


def test_a_hedge_is_paid_for_and_ends_with_its_call(make):
    """It draws 1 of the target's budget, and is no longer under way when the call is answered."""
    world = learned(make, more=HEDGED + "[retry]\nfloor = 0\n")
    for _ in range(20):
        world.ask(model="beta/m")
    before = world.stack.retries.budget("beta/m").balance(world.now)
    world.script("alpha/m", ok(first=5.0))
    assert world.ask().target == "beta/m"
    budget = world.stack.retries.budget("beta/m")
    assert budget.balance(world.now) == pytest.approx(before - 1.0 + 0.2)
    assert budget._under_way == 0


def test_a_hedge_that_a_gate_refuses_costs_nothing(make):
    """It never went out: the budget and the route's share have what they had."""
    world = learned(make, more=HEDGED + "[providers.beta.limits]\nconcurrent = 1\n")

    async def story():
        hold = asyncio.ensure_future(world.answer(model="beta/m"))
        await asyncio.sleep(0)
        answer = await world.answer()
        await hold
        return answer

    world.script("beta/m", ok(first=3.0))
    world.script("alpha/m", ok(first=1.0))
    assert world.run(story()).target == "alpha/m"
    assert [event.kind for event in world.events(HedgeLost)] == ["rejected"]
    assert sum(bucket.hedges for bucket in world.stack.hedges.share_of("default")._buckets) == 0
    assert world.stack.retries.budget("beta/m")._under_way == 0


def test_not_where_the_circuit_is_open(make):
    """A target that is not healthy is no second."""
    world = learned(make)
    world.breaker("beta/m").operate("forced_open", world.now)
    world.script("alpha/m", ok(first=1.0))
    assert world.ask().target == "alpha/m"
    assert [event.reason for event in world.events(HedgeRefused)] == ["no other target is ready"]


@pytest.mark.parametrize(("taken", "asked"), [(8, "beta/m"), (9, "gamma/m")])
def test_not_where_slots_are_scarce(make, taken, asked):
    """Above 80 % of its slots a target is left to its own calls; the next one is asked."""
    world = learned(make, more=HEDGED + "[bulkhead]\nslots = 10\n", targets=THREE)
    world.script("alpha/m", ok(first=5.0))
    world.slots("beta/m").used += taken
    assert world.ask().target == asked
    world.slots("beta/m").used -= taken


def test_one_class_lower(make):
    """In a queue a hedge stands behind calls of its own class."""
    world = learned(make, more=HEDGED.replace("extra", "full = 1.0\nextra") + "[bulkhead]\nslots = 1\nwait = 30\n")
    world.script("alpha/m", ok(first=60.0))
    world.script("beta/m", ok(first=2.0))

    async def story():
        holds = asyncio.ensure_future(world.answer("holds", model="beta/m"))
        await asyncio.sleep(0)
        hedged = asyncio.ensure_future(world.answer("hedged"))
        await asyncio.sleep(1.0)
        later = asyncio.ensure_future(world.answer("later", model="beta/m"))
        return await asyncio.gather(holds, later, hedged)

    assert [answer.target for answer in world.run(story())] == ["beta/m"] * 3
    said = [sent.json["messages"][0]["content"] for sent in world.io.sent_to("beta/m")]
    assert said == ["holds", "later", "hedged"]


def test_not_without_time(make):
    """A second attempt that could not answer before the deadline is not made."""
    world = learned(make)
    world.script("alpha/m", ok(first=5.0))
    assert world.fail(timeout=QUICK + 0.03).kind == "timeout"
    assert world.sent() == 1


# -- what is learned ---------------------------------------------------------------------------------------------------


def test_the_threshold_does_not_drift_down(make):
    """Whatever exceeds the p95 is cut short by hedges: over 2,000 calls the p95 stays where it is."""
    world = make(more=HEDGED)
    world.script("beta/m", ok(first=0.01))
    known = world.stack.routing._latencies.of("alpha/m", False, 0.0)
    levels = []
    for number in range(2_000):
        world.script("alpha/m", ok(first=0.1 + (number * 17 % 40) / 100))  # from 0.1 to 0.49 s, each as often
        world.ask()
        levels.append(known.at(0.95, world.now))
    assert min(levels[100:]) >= 0.43
    assert max(levels[100:]) <= 0.49
    assert 40 <= len(world.events(HedgeWon)) <= 200


def test_a_caller_that_leaves_teaches_the_same(make):
    """Its attempt would have taken longer: that is noted too."""
    world = learned(make)
    world.script("alpha/m", silent())
    world.script("beta/m", silent())
    known = world.stack.routing._latencies.of("beta/m", False, 0.0)
    before = known.count(world.now)

    async def story():
        task = asyncio.ensure_future(world.answer())
        await asyncio.sleep(3.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert world.held() == {}

    world.run(story())
    assert known.count(world.now) == before + 1
    assert known.at(1.0, world.now) == near(3.0 - QUICK)
    assert [event.kind for event in world.events(AttemptEnded)] == ["cancelled", "cancelled"]
    assert [event.kind for event in world.last().history] == ["cancelled", "cancelled"]
    assert [event.kind for event in world.events(HedgeLost)] == ["cancelled"]


def test_a_refusal_of_ours_is_not_told_in_place_of_a_failure(make):
    """The first has failed, the second never got a slot: the caller hears of the real failure."""
    world = learned(make, more=HEDGED.replace("extra", "full = 1.0\nextra") + "[bulkhead]\nslots = 1\nwait = 1.0\n")
    world.script("alpha/m", late(0.5, 501))
    world.script("beta/m", ok(first=9.0))

    async def story():
        holds = asyncio.ensure_future(world.answer(model="beta/m"))
        await asyncio.sleep(0)
        heard = await world.heard()
        await holds
        return heard

    failure = world.run(story())
    assert (failure.kind, failure.target) == ("unsupported", "alpha/m")
    assert [event.kind for event in world.events(HedgeLost)] == ["rejected"]


def test_a_refusal_alone_is_what_it_is(make):
    """Nothing was sent at all: the caller hears why, as without hedging."""
    world = learned(make)
    for target in world.targets:
        world.breaker(target).operate("forced_open", world.now)
    failure = world.fail()
    assert (failure.kind, world.sent()) == ("rejected", 0)
    assert kinds(world, *HEDGES) == []


# -- both at once ------------------------------------------------------------------------------------------------------


def at_the_moment(world, moment):
    """Says its first word then."""

    def play(asked):
        yield from ok(first=moment - world.now, between=1.0).play(asked)

    return play


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_a_late_winner_is_let_go(stream, seed):
    """Both speak at the same moment: one answers, and of the other nothing is left."""
    world = World(more=HEDGED, seed=seed)
    world.script_all(ok(first=QUICK))
    for _ in range(20):
        world.hear(stream=stream)
    world.forget()
    began = world.now
    world.script("alpha/m", ok(first=3 * QUICK, between=1.0))
    world.script("beta/m", Behaviour("at the same moment", at_the_moment(world, began + 3 * QUICK)))
    world.hear(stream=stream)
    assert abs(world.io.sent_to("beta/m")[0].at - began - QUICK) < 0.002
    assert world.sent() == 2
    assert len(world.events(AttemptEnded)) == 2
    assert len(world.events(RequestEnded)) == 1
    assert len(world.events(HedgeWon)) + len(world.events(HedgeLost)) == 1
    assert not world.events(Fault)
    assert world.close() == {}


def test_the_loser_is_not_read_any_more(make):
    """Slots and permits of both are as before while the winner's stream is still open."""
    world = learned(make, stream=True)
    world.script("alpha/m", stall(0))
    world.script("beta/m", ok("one two three", first=QUICK, between=1.0))

    async def story():
        stream = await world.answer(stream=True)
        assert (world.slots("alpha/m").used, world.slots("beta/m").used) == (0, 1)
        assert world.io.open == 1
        return await read(stream)

    assert world.run(story()).text == "one two three"
