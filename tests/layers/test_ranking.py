"""In which order targets are tried, and which not at all: by list, latency, cost, weight, room and ability."""

import asyncio

import pytest

from outlast.flow.latencies import Latencies
from outlast.flow.quantiles import Quantiles
from outlast.layers.routing import READY, Routing, RoutingConfig
from outlast.layers.routing.lacks import Lack, in_words, too_dear, too_slow, unable
from outlast.layers.routing.order import Order
from outlast.layers.routing.ranking import Ranking
from outlast.model.messages import Needs, Reply, Request, Usage
from outlast.model.target import Price, Provider, Route, Target

from .calls import Ear, a_call, no_content

AT = Provider("p", "openai", "http://127.0.0.1:1")
CONFIG = RoutingConfig()


def a_target(name, **more):
    """One of provider p."""
    return Target(name=f"p/{name}", provider=AT, model=name, **more)


def names(order):
    """Models, in that order."""
    return "".join(target.model for target in order)


def ranking(*targets, order="priority", latencies=None, config=CONFIG):
    """The ranking of a route of these targets."""
    return Ranking(Route("r", tuple(targets), order=order), config, latencies or Latencies())


def ordered(of, *, dice=0.99, now=0.0, tokens=0, max_tokens=None, stream=False):
    """In which order a call would go."""
    call = a_call(Ear(dice=dice), tokens=tokens, max_tokens=max_tokens, stream=stream)
    return names(of.order(call, now))


A, B, C = a_target("a"), a_target("b"), a_target("c")


# -- order


def test_one_goes_in_front_and_the_rest_as_they_were():
    """Whichever it is; all of them are there once."""
    order = Order((A, B, C), first=1)
    assert (names(order), len(order), A in order, a_target("a") in order) == ("bac", 3, True, False)
    assert names(Order((A, B, C))) == "abc"


def test_who_has_too_small_a_window_comes_last():
    """A window of just the size is large enough, and one that nobody knows may be."""
    small, exact, unknown = a_target("s", window=99), a_target("e", window=100), a_target("u")

    def looks_small(target):
        return 0 < target.window < 100

    assert names(Order((small, exact, unknown), small=looks_small)) == "eus"
    assert names(Order((small, exact, unknown), first=2, small=looks_small)) == "ues"


def test_a_call_needs_room_for_its_prompt_and_its_answer():
    """Sixty and forty of a hundred; one more, and another target is asked first."""
    of = ranking(a_target("s", window=100), a_target("l", window=1_000), a_target("u"))
    assert of.smallest_window == 100
    assert ordered(of, tokens=60, max_tokens=40) == "slu"
    assert ordered(of, tokens=60, max_tokens=41) == "lus"
    assert ordered(of, tokens=101) == "lus"
    assert ordered(of, tokens=100) == "slu"


def test_the_usual_order_is_the_same_object_for_every_call():
    """Nothing is made for a call that needs nothing special."""
    of = ranking(a_target("s", window=100), B)
    assert of.order(a_call(tokens=50), 0.0) is of.targets
    free = ranking(A, B, order="weighted")
    assert free.order(a_call(Ear(dice=0.0), tokens=9), 0.0) is free.targets


def test_the_cheapest_comes_first_and_who_has_no_price_last():
    """Three of the prompt to one of the answer: 3 and 11 are 5, 4 and 9 are 5.25, 6 and 1 are 4.75."""
    prices = {"x": Price(4.0, 9.0), "y": Price(3.0, 11.0), "z": Price(6.0, 1.0), "n": None}
    of = ranking(*(a_target(name, price=price) for name, price in prices.items()), order="cost")
    assert ordered(of) == "zyxn"


@pytest.mark.parametrize(("dice", "order"), [(0.0, "abc"), (0.24, "abc"), (0.25, "bac"), (0.74, "bac"), (0.75, "cab")])
def test_weights_are_shares_of_the_calls(dice, order):
    """One, two and one of four."""
    of = ranking(a_target("a"), a_target("b", weight=2.0), a_target("c"), order="weighted")
    assert ordered(of, dice=dice) == order


def test_weights_of_nothing_and_less_leave_the_order_as_it_is():
    """A weight below nothing is nothing; and the last is not passed by, however the die falls."""
    nothing = ranking(a_target("a", weight=0.0), a_target("b", weight=-1.0), order="weighted")
    assert ordered(nothing, dice=0.9) == "ab"
    less = ranking(a_target("a", weight=-3.0), a_target("b", weight=1.0), order="weighted")
    assert ordered(less, dice=0.1) == "ba"
    assert ordered(ranking(a_target("a"), a_target("b"), order="weighted"), dice=1.0) == "ba"
    none = ranking(A, order="weighted")
    none.reorder(())
    assert none._by_weight(0.5) == 0


def measured(**samples):
    """Latencies of these targets, as they were measured at 0."""
    latencies = Latencies()
    for name, values in samples.items():
        for value in values:
            latencies.of(f"p/{name}", False, 0.0).add(value, 0.0)
    return latencies


def test_the_fastest_half_of_the_time_comes_first_and_who_is_unknown_before_it():
    """By the median, not by the best or the worst."""
    latencies = measured(a=[0.1, 5.0, 5.0], b=[1.0, 2.0, 90.0])
    assert ordered(ranking(A, B, C, order="latency", latencies=latencies)) == "cba"
    instant = measured(a=[0.0])
    assert ordered(ranking(A, B, order="latency", latencies=instant)) == "ba"


def test_latencies_are_looked_at_once_a_second():
    """To the moment; streams apart from whole answers."""
    latencies = measured(a=[1.0], b=[2.0])
    of = ranking(A, B, order="latency", latencies=latencies)
    assert ordered(of) == "ab"
    for _ in range(9):
        latencies.of("p/a", False, 0.5).add(9.0, 0.5)
    assert [ordered(of, now=now) for now in (0.9, 1.0)] == ["ab", "ba"]
    assert ordered(of, now=1.0, stream=True) == "ab"


@pytest.mark.parametrize(
    ("dice", "order"), [(0.0, "bacd"), (0.016, "bacd"), (0.017, "cabd"), (0.034, "dabc"), (0.05, "abcd"), (0.9, "abcd")]
)
def test_now_and_then_another_goes_first(dice, order):
    """One call in twenty, each of the three others in turn."""
    targets = [a_target(name) for name in "abcd"]
    latencies = measured(a=[1.0], b=[2.0], c=[3.0], d=[4.0])
    assert ordered(ranking(*targets, order="latency", latencies=latencies), dice=dice) == order


def test_a_single_target_is_never_passed_by():
    """There is no other to learn about."""
    assert ordered(ranking(A, order="latency"), dice=0.0) == "a"


# -- what a target lacks


def a_request(**more):
    """A request for that."""
    return Request(model="m", read=no_content, **more)


@pytest.mark.parametrize("ability", ["tools", "vision", "schema", "documents", "prefill"])
def test_who_needs_an_ability_needs_a_target_that_has_it(ability):
    """One by one."""
    needs = a_request(needs=Needs(**{ability: True}))
    everything = {"tools": True, "vision": True, "schema": True, "documents": True, "prefill": True}
    assert unable(a_target("x", **everything), needs) is None
    assert unable(a_target("x", **{**everything, ability: False}), needs) is not None
    assert unable(a_target("x", **{**everything, ability: False}), a_request()) is None


def test_who_wants_embeddings_needs_a_target_that_makes_them():
    """Whatever else it can or cannot."""
    embed = a_request(operation="embed", needs=Needs(tools=True))
    assert unable(a_target("x", tools=False), embed) is None
    assert unable(a_target("x", embeds=False), embed).reason == "it makes no embeddings"


def test_a_price_is_estimated_with_the_answer_that_is_allowed_or_expected():
    """A dollar for a thousand tokens: 500 and 500 cost one, 500 and a thousand 1.5; without a price it is nothing."""
    target = a_target("x", price=Price(1_000.0, 1_000.0))
    assert too_dear(target, a_request(tokens=500, max_tokens=500), 1.0, CONFIG) is None
    lack = too_dear(target, a_request(tokens=500), 1.0, CONFIG)
    assert (lack.value, lack.limit, lack.dear, lack.reason) == (1.5, 1.0, True, "it would cost $1.5")
    assert too_dear(a_target("x"), a_request(tokens=500), 0.0, CONFIG) is None


def test_who_is_slow_once_in_a_hundred_times_is_slow():
    """Twenty samples tell; at the limit it is not over it."""
    known = Quantiles()
    for value in range(19):
        known.add(float(value), 0.0)
    assert too_slow(known, 1.0, 0.0, CONFIG) is None
    known.add(30.0, 0.0)
    assert too_slow(known, 30.0, 0.0, CONFIG) is None
    lack = too_slow(known, 29.0, 0.0, CONFIG)
    assert (lack.value, lack.limit, lack.dear) == (30.0, 29.0, False)


def test_one_slow_answer_of_a_hundred_and_fifty_is_not_slow():
    """That is less than one in a hundred."""
    known = Quantiles(size=200)
    for value in [1.0] * 149 + [90.0]:
        known.add(value, 0.0)
    assert too_slow(known, 1.0, 0.0, CONFIG) is None


def test_the_reasons_are_told_with_the_mend_where_it_is_the_price():
    """Each once, with the targets that have it, and the least price."""
    dear = {f"d/{c}": Lack(f"it would cost ${c}", c, 0.5, dear=True) for c in (3.0, 2.0, 4.0)}
    words = "it would cost $2.0 at least, and $0.5 is the most; max_tokens makes it cheaper"
    assert in_words({"p/1": Lack("b"), **dear, "p/2": Lack("a"), "p/3": Lack("b")}) == f"p/1, p/3: b; p/2: a; {words}"
    assert in_words({"p/1": Lack("a")}) == "p/1: a"
    assert in_words({f"p/{n}": Lack("a") for n in range(99)}) == "p/0, p/1, p/2, p/3, p/4, …: a"


# -- what is kept


def routing(**more):
    """Routing among targets that are all ready."""
    return Routing(CONFIG, peek=lambda _target, _now: READY, can_probe_early=lambda _target: True, **more)


def test_what_is_ready_needs_no_waiting_and_is_not_shut():
    """Were it to be waited for, that would be of use."""
    assert (READY.wait, READY.waitable, READY.open, READY.reason) == (0.0, True, False, "")


def test_by_default_six_attempts_are_made_and_twelve_for_a_request():
    """Each with a twentieth of a second at least."""
    of = routing()
    assert (of.attempts, of.per_request, of.useful) == (6, 12, 0.05)


def answered(of, route, first):
    """A stream from alpha, whose first content took so long."""

    async def inner(call):
        call.first = first
        return Reply(model="m", finish="stop", usage=Usage(), read=tuple)

    call = a_call(Ear(now=5.0, dice=0.99))
    call.route = route
    return asyncio.run(of.layer()(inner)(call))


@pytest.mark.parametrize(
    ("order", "first", "known"), [("latency", 2.5, 2.5), ("latency", None, None), ("priority", 2.5, None)]
)
def test_first_contents_are_remembered_where_somebody_wants_to_know(order, first, known):
    """By whom the answer came; an answer without one says nothing."""
    latencies = Latencies()
    answered(routing(latencies=latencies), Route("r", (A, B), order=order), first)
    samples = latencies.of("p/a", False, 5.0)
    assert (samples.at(0.5, 5.0), samples.count(5.0)) == (known, 0 if known is None else 1)


def test_an_answer_says_from_whom_it_came_and_lets_go_of_the_rest():
    """Primary is the first in the order of this call."""
    assert answered(routing(), Route("r", (A, B)), None).source == "primary"


def test_an_operators_order_holds_at_once_and_when_the_route_is_made_anew():
    """Without targets that it no longer has."""
    of, route = routing(), Route("r", (A, B, C))
    assert names(of._order(a_call(), 0.0)) == "m"
    call = a_call()
    call.route = route
    assert names(of._order(call, 0.0)) == "abc"
    of.reorder(route, (C, A, B))
    assert names(of._order(call, 0.0)) == "cab"
    call.route = Route("r", (A, B))
    assert names(of._order(call, 0.0)) == "ab"


def test_routes_of_single_requests_do_not_pile_up():
    """Of a thousand and one all are kept; the next one starts anew."""
    of = routing()
    for number in range(1_001):
        call = a_call()
        call.route = Route(f"r{number}", (A,))
        of._order(call, 0.0)
    assert len(of._rankings) == 1_001
    call.route = Route("new", (A,))
    of._order(call, 0.0)
    assert len(of._rankings) == 1


def test_what_is_switched_off_is_not_probed():
    """Until it is switched on again."""
    of = routing()
    assert of.can_probe_early(A)
    of.disable(A.name)
    assert (of.can_probe_early(A), of.can_probe_early(B)) == (False, True)
    assert of.unfit(A, a_call()).reason == "it is disabled"
    assert of.unfit(B, a_call()) is None
    of.enable(A.name)
    assert of.can_probe_early(A)


@pytest.mark.parametrize(
    ("avoid", "order"), [("", "abc"), ("a", "bca"), ("ba", "cba"), ("ab", "cab"), ("aab", "cb"), ("abcabc", "")]
)
def test_who_broke_off_comes_last_and_who_did_so_twice_not_at_all(avoid, order):
    """The earliest first among them."""
    call = a_call()
    call.route = Route("r", (A, B, C))
    call.avoid = tuple(f"p/{name}" for name in avoid)
    assert names(routing()._order(call, 0.0)) == order


def test_who_is_too_dear_for_the_route_is_unfit_for_it():
    """Where it has a most; what a target cannot do is said before what it costs."""
    of, call = routing(), a_call(tokens=1_000_000)
    dear = a_target("x", price=Price(1.0, 0.0), vision=False)
    call.route = Route("r", (dear,), max_cost=0.5)
    assert of.unfit(dear, call).dear
    call.request = a_request(tokens=1_000_000, needs=Needs(vision=True))
    assert of.unfit(dear, call).reason == "it takes no images"
    call.route, call.request = Route("r", (dear,)), a_request(tokens=1_000_000)
    assert of.unfit(dear, call) is None


def test_where_routing_is_switched_off_the_first_target_is_the_only_one():
    """Of the order that the route has."""
    of = Routing(RoutingConfig(enabled=False), peek=lambda _target, _now: READY, can_probe_early=lambda _target: False)
    call = a_call()
    call.route = Route("r", (A, B, C))
    assert names(of._order(call, 0.0)) == "a"
    assert not of.can_probe_early(A)


def test_an_order_is_worked_out_once():
    """For a route, as long as it is the same."""
    of, call = routing(), a_call()
    call.route = Route("r", (A, B, C))
    assert of._order(call, 0.0) is of._order(call, 0.0)
    kept = of._rankings[call.route]
    of._order(call, 0.0)
    assert of._rankings[call.route] is kept
