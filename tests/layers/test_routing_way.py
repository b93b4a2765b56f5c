"""A call's way through a route's targets: whom it waits for, whom it comes back to, and how far it goes."""

import asyncio
from math import inf

import pytest

from outlast.model.errors import Caller, ContextLength, Quota, Rejected, Transient
from outlast.model.events import CameBack, FailedOver, TargetSkipped
from outlast.model.messages import Needs, Request
from outlast.model.target import Route

from .calls import a_call, no_content
from .routing_story import START, A, B, C, World, a_target, again_at, gave_up, well

# -- whom it waits for


@pytest.mark.parametrize(
    ("families", "wait", "asked"),
    [("mm", 0.5, "a"), ("mm", 0.6, "b"), ("mn", 2.5, "a"), ("mn", 2.6, "b"), (("", ""), 2.5, "a")],
)
def test_a_pause_is_waited_for_as_long_as_the_next_target_deserves(families, wait, asked):
    """Half a second where it serves the same model, two and a half where it serves another, or nobody knows."""
    world = World(well(), standing={"a": (START + wait,)})
    world.go(*(a_target(name, family=family) for name, family in zip("ab", families, strict=True)))
    assert world.asked == [asked]


def test_what_is_of_no_use_waiting_for_is_not_waited_for():
    """However short it is; and a pause that ends with the deadline neither."""
    world = World(well(), standing={"a": (START + 0.1, False, False, "it is out")})
    world.go(A, B)
    assert (world.asked, world.told(TargetSkipped)[0].reason) == (["b"], "it is out")
    for left, asked in ((2.0, ["b"]), (2.1, ["a"])):
        world = World(well(), standing={"a": (START + 2.0,)})
        world.go(A, B, deadline=START + left)
        assert world.asked == asked


def test_how_many_others_there_are_and_how_long_they_are_worth_waiting_for():
    """Those that are ready, fit and untried; who diverted the call would take it too."""
    seen = []

    def look(view):
        seen.append(
            (view.others.healthy(START), view.others.patience(START), [t.model for t in view.others.ready(START)])
        )
        return Rejected("slow start", gate="breaker", code="diverted") if len(seen) == 1 else Transient("no")

    blind, paused = a_target("d", vision=False), a_target("e")
    request = Request(model="m", read=no_content, needs=Needs(vision=True))
    world = World(look, look, look, standing={"e": (START + 0.9, False)})
    call = {"request": request}
    routed = a_call(world, deadline=START + 500.0)
    routed.request, routed.route = call["request"], Route("r", (A, B, blind, paused))
    with pytest.raises(Transient):
        asyncio.run(world.routing.layer()(world.upstream)(routed))
    assert seen == [(1, 2.5, ["b"]), (1, 0.0, []), (0, inf, [])]
    assert world.asked == ["a", "b", "ai"]


def test_patience_is_until_the_target_worth_coming_back_to_is_ready():
    """Three seconds from now; nothing when that is over."""
    seen = []

    def look(view):
        seen.extend(view.others.patience(now) for now in (START, START + 2.0, START + 9.0))
        return well()

    World(again_at(START + 3.0), look).go(A, B)
    assert seen == [3.0, 1.0, 0.0]


# -- whom it comes back to


def test_it_comes_back_to_who_is_ready_first():
    """After the others have been tried; that is a retry, and the sinks hear of it."""
    world = World(again_at(START + 9.0), again_at(START + 4.0), well())
    assert world.go(A, B).source == "fallback"
    assert (world.asked, world.time) == (["a", "b", "br"], START + 4.0)
    assert world.told(CameBack) == [CameBack("r1", "p/b", 4.0, True)]
    assert [(event.from_target, event.to_target) for event in world.told(FailedOver)] == [("p/a", "p/b")]


def test_who_has_not_failed_is_not_asked_again_when_it_comes_back():
    """It was paused when the call passed by."""
    world = World(Quota("no"), well(), standing={"a": (START + 4.0,)})
    world.go(A, B)
    assert (world.asked, world.time) == (["b", "a"], START + 4.0)
    assert world.told(CameBack) == [CameBack("r1", "p/a", 4.0, False)]


def test_what_is_ready_already_is_come_back_to_at_once():
    """A slow start had diverted the call, and nobody else took it; the second time it is a call like any other."""
    diverted = Rejected("slow start", gate="breaker", code="diverted", retry_after=3.0)
    world = World(diverted, Quota("no"), diverted, well())
    world.go(A, B)
    assert world.asked[:3] == ["a", "b", "ai"]
    assert world.told(CameBack)[0] == CameBack("r1", "p/a", 0.0, False)


@pytest.mark.parametrize(
    ("wait", "left", "comes"),
    [(60.0, 500.0, True), (60.1, 500.0, False), (5.0, 6.1, True), (5.0, 6.0, False), (5.0, 5.5, False)],
)
def test_it_comes_back_within_a_minute_and_with_a_second_left(wait, left, comes):
    """A second is what an attempt needs here to be of any use."""
    world = World(again_at(START + wait), well())
    world.go(A, deadline=START + left)
    assert world.asked == (["a", "ar"] if comes else ["a"])


@pytest.mark.parametrize(
    ("standing", "asked"),
    [((0.7, True), ["a", "a"]), ((0.0, True), ["a"]), ((0.7, False), ["a"])],
)
def test_who_was_paused_on_the_way_is_come_back_to_if_that_is_of_use(standing, asked):
    """The gate says that it is paused; how long, routing sees for itself."""
    seconds, waitable = standing

    def paused(view):
        if seconds:
            world.standing["a"] = (START + seconds, waitable)
        return Rejected("paused", gate="pause", code="paused", retry_after=9.0)

    world = World(paused, well())
    got = world.go(A)
    assert world.asked == asked
    assert world.time == START + (0.7 if len(asked) == 2 else 0.0)
    if len(asked) == 1:
        assert (got.gate, got.code, got.retry_after) == ("routing", "paused", 9.0)


def test_other_refusals_are_not_come_back_to():
    """A full queue, say, however the target stands by then."""

    def full(view):
        world.standing["a"] = (START + 0.7,)
        return Rejected("full", gate="bulkhead", code="overloaded")

    world = World(full, well())
    assert world.go(A).code == "overloaded"
    assert world.asked == ["a"]


# -- how far it goes


@pytest.mark.parametrize(("made", "earlier", "asked"), [(0, 0, 6), (5, 0, 6), (9, 9, 3), (10, 10, 2), (12, 12, 1)])
def test_six_attempts_are_made_and_twelve_for_a_request(made, earlier, asked):
    """Whatever a routed call made before counts for the request only."""
    world = World(*[Transient("no") for _ in range(9)])
    call = a_call(world, deadline=START + 500.0)
    call.story.made = made
    call.route = Route("r", tuple(a_target(name) for name in "abcdefghi"))
    with pytest.raises(Transient):
        asyncio.run(world.routing.layer()(world.upstream)(call))
    assert len(world.asked) == asked
    assert gave_up(world) == ("no attempts are left", asked)


@pytest.mark.parametrize(("left", "asked"), [(1.0, ["a"]), (1.1, ["a", "b"])])
def test_an_attempt_needs_time_to_be_of_any_use(left, asked):
    """The first is made all the same."""
    world = World(Transient("no"), well())
    world.go(A, B, deadline=START + left)
    assert world.asked == asked
    if asked == ["a"]:
        assert gave_up(world) == ("no time is left", 1)


def test_who_is_too_slow_for_the_route_is_asked_when_no_other_is_left():
    """And is told why it was passed by, once."""
    world = World(Transient("no"), Transient("no"), Transient("no"))
    known = world.routing._latencies.of("p/a", False, START)
    for _ in range(20):
        known.add(9.0, START)
    world.go(A, B, C, route={"max_latency": 5.0})
    assert world.asked == ["b", "c", "a"]
    told = world.told(TargetSkipped)
    assert [(event.target, event.value, event.limit) for event in told] == [("p/a", 9.0, 5.0)]
    assert gave_up(world) == ("no target is left", 3)


def test_a_target_that_broke_off_before_is_a_retry():
    """Its first attempt in this routed call is none of this stay."""
    world = World(well())
    world.go(A, avoid=("p/a",))
    assert world.asked == ["ar"]


def test_an_early_probe_goes_to_who_opens_soonest_and_can_do_it():
    """Not to one that lacks an ability; only while nothing was sent, once, and of equal ones to the first."""
    open_ = (False, True, "open")
    blind = a_target("c", vision=False)
    request = Request(model="m", read=no_content, needs=Needs(vision=True))
    standing = {"a": (START + 9.0, *open_), "b": (START + 4.0, *open_), "c": (START + 1.0, *open_)}
    world = World(Transient("no"), standing=standing)
    call = a_call(world, deadline=START + 500.0)
    call.request, call.route = request, Route("r", (A, B, blind))
    with pytest.raises(Transient):
        asyncio.run(world.routing.layer()(world.upstream)(call))
    assert world.asked == ["be"]

    equal = World(well(), standing={"a": (START + 4.0, *open_), "b": (START + 4.0, *open_)})
    equal.go(A, B)
    assert equal.asked == ["ae"]


def test_a_prompt_that_did_not_fit_goes_only_where_there_is_more_room():
    """Not back to who was paused, nor to a window that nobody knows."""
    small, same, unknown, large = (
        a_target(name, window=window) for name, window in (("s", 100), ("t", 100), ("u", 0), ("l", 999))
    )
    world = World(ContextLength("too long"), well(), standing={"p": (START + 9.0,)})
    world.go(a_target("p", window=9), small, same, unknown, large)
    assert world.asked == ["s", "l"]
    nobody = World(ContextLength("too long"), well(), standing={"p": (START + 9.0,)})
    nobody.go(a_target("p", window=9), a_target("n"), a_target("m", window=50))
    assert nobody.asked == ["n"]


def test_what_is_the_callers_fault_goes_no_further():
    """Nor does a refusal that another target would give too."""
    for failure in (Caller("no"), Rejected("no", gate="auth")):
        failure.onward = False
        world = World(failure, well())
        assert world.go(A, B) is failure
        assert world.asked == ["a"]
