"""What a call is told when it has come to no answer, and what the sinks hear of its way."""

import asyncio
from math import inf

import pytest

from outlast.flow.call import NO_OTHERS, Legs
from outlast.model.errors import Caller, Quota, Rejected, Throttled, TimedOut, Transient
from outlast.model.events import CameBack, FailedOver, GaveUp, TargetSkipped
from outlast.model.messages import Needs, Request
from outlast.model.target import Route

from .calls import a_call, no_content
from .routing_story import START, A, B, C, World, a_target, again_at, gave_up, well

# -- what it is told


def test_a_throttle_is_told_with_the_time_after_which_somebody_might_answer():
    """The soonest of its own hint, of its pause, and of what the targets stand at; nothing where nobody knows."""
    for hint, until, other, expected in [
        (None, START + 7.0, 99.0, 7.0),
        (None, START - 7.0, 99.0, 99.0),
        (5.0, START + 7.0, 99.0, 5.0),
        (None, START + 7.0, 3.0, 3.0),
        (None, None, 99.0, 99.0),
        (None, None, 0.0, None),
    ]:
        failure = Throttled("slow down", retry_after=hint)
        failure.until = until
        world = World(failure, failure, standing={"b": (START + other, False)})
        assert world.go(A, B) is failure
        assert failure.retry_after == expected


def test_a_failure_is_told_with_the_time_after_which_a_target_is_ready():
    """The soonest; nothing where one is ready now, or it has its own hint, or waiting says nothing of it."""
    paused = {"a": (START + 8.0, False), "b": (START + 4.0, False)}
    for failure, expected in [
        (Transient("no"), 4.0),
        (Transient("no", retry_after=2.0), 2.0),
        (Quota("no"), None),
    ]:
        world = World(failure, standing=dict(paused))
        del world.standing["a"]
        world.does = [lambda _view, world=world, failure=failure: world.standing.update(paused) or failure]
        assert world.go(A, B).retry_after == expected
    ready = Transient("no")
    World(ready).go(A)
    assert ready.retry_after is None


def test_who_was_sent_nowhere_is_told_why_and_until_when():
    """The soonest of all waits; the last refusal's code, if it has one."""
    world = World(standing={"a": (START + 8.0, False), "b": (START + 4.0, False)})
    refused = world.go(A, B)
    assert (refused.gate, refused.code, refused.retry_after) == ("routing", "no_target_available", 4.0)
    world = World(Rejected("full", gate="bulkhead", code="overloaded", retry_after=2.0), Rejected("no", gate="limits"))
    refused = world.go(A, B)
    assert (refused.code, refused.retry_after) == ("overloaded", 2.0)
    assert world.told(GaveUp)[-1].left == 500.0
    empty = World(standing={"a": (inf, False)}).go(A)
    assert empty.retry_after is None


def test_the_reason_for_going_on_is_the_last_failure():
    """A kind, for the sinks."""
    world = World(TimedOut("late"), Quota("no"), well())
    world.go(A, B, C)
    assert [event.kind for event in world.told(FailedOver)] == ["timeout", "quota"]


# -- two legs


def test_a_second_leg_stands_aside_for_the_first():
    """It goes to its own target, and nowhere else; the first may still come there if a repetition may help."""
    for failure, tried in [
        (Transient("no"), set()),
        (Rejected("full", gate="bulkhead"), set()),
        (Quota("no"), {"p/b"}),
    ]:
        world = World(failure)
        legs = Legs()
        legs.racing, legs.order, legs.earlier = True, (C, B, A), 0
        assert world.go(A, B, C, legs=legs, toward=B) is not None
        assert world.asked == ["b"]
        assert (legs.tried, legs.order) == (tried, (C, B, A))
        assert world.told(GaveUp) == []


def test_a_leg_whose_other_has_ended_says_that_it_gave_up():
    """Nobody goes on for it."""
    world = World(Transient("no"))
    world.go(A, legs=Legs())
    assert gave_up(world) == ("no target is left", 1)


# -- what the sinks hear of the way


def test_who_was_passed_by_is_told_once_and_the_first_is_whom_the_call_came_from():
    """One cannot see, two are out; the third takes it."""
    blind = a_target("x", vision=False)
    standing = {"a": (START + 9.0, False, False, "out"), "b": (START + 9.0, False, False, "full")}
    world = World(Transient("no"), well(), standing=standing)
    call = a_call(world, deadline=START + 500.0)
    call.request = Request(model="m", read=no_content, needs=Needs(vision=True))
    call.route = Route("r", (blind, A, B, C, a_target("d")))
    asyncio.run(world.routing.layer()(world.upstream)(call))
    assert [event.target for event in world.told(TargetSkipped)] == ["p/x", "p/a", "p/b"]
    moved = [(event.from_target, event.to_target, event.kind) for event in world.told(FailedOver)]
    assert moved == [("p/a", "p/c", "out"), ("p/c", "p/d", "transient")]


def test_who_is_waited_for_is_moved_on_to_from_who_failed():
    """A third of a second, after a failure."""
    world = World(Quota("no"), well(), standing={"b": (START + 0.3,)})
    world.go(A, B, C)
    assert [(event.from_target, event.to_target) for event in world.told(FailedOver)] == [("p/a", "p/b")]


def test_a_target_that_turns_out_slow_while_it_is_asked_is_not_passed_by():
    """It has been tried."""

    def slow(view):
        for _ in range(20):
            world.routing._latencies.of("p/a", False, START).add(9.0, START)
        return Transient("no")

    world = World(slow, well())
    world.go(A, B, route={"max_latency": 5.0})
    assert (world.asked, world.told(TargetSkipped)) == (["a", "b"], [])


def test_without_another_target_a_pause_is_waited_for_here():
    """Four seconds, before anybody is asked."""
    world = World(well(), standing={"a": (START + 4.0,)})
    world.go(A)
    assert (world.asked, world.time) == (["a"], START + 4.0)
    assert world.told(CameBack) == [CameBack("r1", "p/a", 4.0, False)]


def test_coming_back_to_who_has_been_ready_for_a_while_takes_no_time():
    """The other target took five seconds to fail."""

    def late(view):
        world.time += 5.0
        return Quota("no")

    world = World(again_at(START + 1.0), late, well())
    world.go(A, B)
    assert world.told(CameBack) == [CameBack("r1", "p/a", 0.0, True)]


def test_there_is_no_early_probe_after_a_failure_nor_where_none_is_to_be_had():
    """Something was sent, and that was enough."""
    shut = {"b": (START + 4.0, False, True, "open")}
    world = World(Transient("no"), well(), standing=shut)
    world.go(A, B)
    assert world.asked == ["a"]
    none = World(well(), standing=shut, probes=False)
    none.go(B)
    assert none.asked == []


def test_a_view_knows_how_many_calls_were_made_before():
    """So that gates below can tell a first attempt from a later one."""
    seen = []
    world = World(lambda view: seen.append(view.earlier) or well())
    call = a_call(world, deadline=START + 500.0)
    call.story.made, call.route = 3, Route("r", (A,))
    asyncio.run(world.routing.layer()(world.upstream)(call))
    assert seen == [3]


def test_a_slow_start_says_nothing_of_when_to_come_back():
    """The refusal that follows it does."""
    diverted = Rejected("slow start", gate="breaker", code="diverted", retry_after=3.0)
    refused = World(diverted, Rejected("full", gate="bulkhead", code="overloaded")).go(A)
    assert (refused.code, refused.retry_after) == ("overloaded", None)


def test_the_soonest_of_all_refusals_is_told_whichever_came_first():
    """Four seconds, before eight."""
    world = World(standing={"a": (START + 4.0, False), "b": (START + 8.0, False)})
    assert world.go(A, B).retry_after == 4.0


def test_who_has_nowhere_to_go_is_told_so_and_not_that_it_is_late():
    """No target can do it, or all have broken off too often."""
    world = World()
    call = a_call(world, deadline=START)
    call.request = Request(model="m", read=no_content, needs=Needs(vision=True))
    call.route = Route("r", (a_target("x", vision=False),))
    with pytest.raises(Caller, match="it takes no images"):
        asyncio.run(world.routing.layer()(world.upstream)(call))
    assert gave_up(world) == ("no target is left", 0)
    assert World().go(A, avoid=("p/a", "p/a")).gate == "routing"


def test_it_is_the_callers_fault_only_if_no_target_could_ever_take_it():
    """Not if one is full, nor if an operator has switched one off."""
    blind, other = a_target("x", vision=False), a_target("y", vision=False)
    for targets, off in (((blind, A), None), ((blind, other), "p/y")):
        world = World(standing={"a": (START + 9.0, False)})
        if off is not None:
            world.routing.disable(off)
        call = a_call(world, deadline=START + 500.0)
        call.request = Request(model="m", read=no_content, needs=Needs(vision=True))
        call.route = Route("r", targets)
        with pytest.raises(Rejected, match="is available now"):
            asyncio.run(world.routing.layer()(world.upstream)(call))


def test_an_answer_holds_nothing_of_the_way_to_it():
    """A stream may be open for long."""
    views = []
    world = World(lambda view: views.append(view) or well())
    world.go(A, B, legs=Legs())
    assert (views[0].others, views[0].legs) == (NO_OTHERS, None)
