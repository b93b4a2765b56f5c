"""A call's way through a route's targets: whom it waits for, whom it comes back to, and what it is told in the end."""

import asyncio
from math import inf

import pytest

from outlast.flow.call import Legs
from outlast.layers.routing import READY, Routing, RoutingConfig, Standing
from outlast.model.errors import Caller, ContextLength, Quota, Rejected, Throttled, TimedOut, Transient
from outlast.model.events import CameBack, FailedOver, GaveUp, TargetSkipped
from outlast.model.messages import Needs, Reply, Request, Usage
from outlast.model.target import Provider, Route, Target

from .calls import Ear, a_call, no_content

AT = Provider("p", "openai", "http://127.0.0.1:1")
START = 1_000.0
"""A clock that has run for a while, so that adding and taking away are not the same."""


def a_target(name, **more):
    """One of provider p."""
    return Target(name=f"p/{name}", provider=AT, model=name, **more)


A, B, C = a_target("a"), a_target("b"), a_target("c")


class World(Ear):
    """Targets that stand as they are said to, and do one thing after the other; sleeping moves the clock."""

    def __init__(self, *does, standing=None, probes=True, **config):
        super().__init__(now=START)
        self.does, self.standing, self.asked = list(does), standing or {}, []
        self.routing = Routing(
            RoutingConfig(**config), peek=self.peek, can_probe_early=lambda _target: probes, useful=1.0
        )

    async def sleep(self, seconds):
        self.time += seconds

    def peek(self, target, now):
        until, *more = self.standing.get(target.model, (0.0,))
        return Standing(until - now, *more) if until > now else READY

    async def upstream(self, view):
        """The next thing; a refusal of a gate is no attempt."""
        flags = "".join(name[0] for name in ("early", "revisit", "insists") if getattr(view, name))
        self.asked.append(view.target.model + flags)
        does = self.does.pop(0)
        if callable(does):
            does = does(view)
        if not isinstance(does, Rejected):
            view.send()
        if isinstance(does, Exception):
            raise does
        return does

    def go(self, *targets, route=None, **more):
        """A call; its answer, or what is raised."""
        call = a_call(self, **{"deadline": START + 500.0, **more})
        call.route = Route("r", targets, **(route or {}))
        try:
            return asyncio.run(self.routing.layer()(self.upstream)(call))
        except Exception as error:  # noqa: BLE001  (what is raised is what is tested)
            return error

    def told(self, kind):
        """The events of that kind."""
        return [event for event in self.events if isinstance(event, kind)]


def well():
    """An answer."""
    return Reply(model="m", finish="stop", usage=Usage(), read=tuple)


def again_at(when):
    """A failure after which the target is worth coming back to then."""
    failure = Transient("no")
    failure.again_at = when
    return failure


def gave_up(world):
    """Why, and after how many attempts."""
    (event,) = world.told(GaveUp)
    return event.reason, event.made


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
    world = World(Transient("no"), Transient("no"))
    known = world.routing._latencies.of("p/a", False, START)
    for _ in range(20):
        known.add(9.0, START)
    world.go(A, B, route={"max_latency": 5.0})
    assert world.asked == ["b", "a"]
    told = world.told(TargetSkipped)
    assert [(event.target, event.value, event.limit) for event in told] == [("p/a", 9.0, 5.0)]
    assert gave_up(world) == ("no target is left", 2)


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
    nobody = World(ContextLength("too long"), well())
    nobody.go(a_target("n"), a_target("m", window=50))
    assert nobody.asked == ["n"]


def test_what_is_the_callers_fault_goes_no_further():
    """Nor does a refusal that another target would give too."""
    for failure in (Caller("no"), Rejected("no", gate="auth")):
        failure.onward = False
        world = World(failure, well())
        assert world.go(A, B) is failure
        assert world.asked == ["a"]


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
        legs.racing, legs.order, legs.earlier = True, (A, B, C), 0
        assert world.go(A, B, C, legs=legs, toward=B) is not None
        assert world.asked == ["b"]
        assert legs.tried == tried
        assert world.told(GaveUp) == []
