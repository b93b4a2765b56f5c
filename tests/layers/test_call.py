"""A call and its views, what is told of a fault, and whose latencies are kept apart."""

from math import inf

import pytest

from outlast.flow.call import ENDLESS, NO_OTHERS, NOWHERE, Allowance, Legs, Patience, compose
from outlast.flow.faults import told
from outlast.flow.latencies import Latencies
from outlast.model.messages import Request

from .calls import ALPHA, BETA, Others, a_call, no_content


def test_a_view_is_the_same_call_bound_for_one_target():
    """What is said of it alone begins anew; what is said of the request is shared."""
    call = a_call(target=NOWHERE)
    call.first, call.made = 3.0, 2
    others = Others(1)
    view = call.at(ALPHA, others)
    assert (view.target, view.others, view.first, view.made) == (ALPHA, others, None, 0)
    assert (view.early, view.revisit, view.insists, view.earlier) == (False, False, False, 0)
    assert view.story is call.story
    special = call.at(BETA, others, early=True, revisit=True, insists=True, earlier=4)
    assert (special.early, special.revisit, special.insists, special.earlier) == (True, True, True, 4)


def test_upstream_calls_are_counted_for_the_request_and_for_the_view_that_makes_them():
    """Before it is bound for a target, a call has sent what its views have."""
    call = a_call(target=NOWHERE)
    views = [call.at(ALPHA, NO_OTHERS), call.at(BETA, NO_OTHERS)]
    assert [view.send() for view in (views[0], views[1], views[1])] == [1, 2, 3]
    assert (call.sent, views[0].sent, views[1].sent) == (3, 1, 2)


def test_a_second_leg_is_one_while_the_first_is_under_way():
    """It goes somewhere first, it has something in common with another, and both race."""
    legs = Legs()
    assert not a_call(toward=ALPHA).second
    for racing, toward, second in ((True, ALPHA, True), (False, ALPHA, False), (True, None, False)):
        legs.racing = racing
        assert a_call(legs=legs, toward=toward).second == second


def test_a_call_never_shows_what_is_asked():
    """Its id and its target are enough."""
    assert repr(a_call()) == "Call('r1', target='alpha/m')"


def test_where_there_is_nobody_else_everything_is_worth_waiting_for():
    """Nobody is healthy, and nobody ready."""
    assert (NO_OTHERS.healthy(0.0), list(NO_OTHERS.ready(0.0)), NO_OTHERS.patience(0.0)) == (0, [], inf)
    assert ENDLESS.due == inf


def test_what_is_left_of_a_limit_is_told_as_it_is():
    """For the headers."""
    left = Allowance("rpm", 60.0, 60.0, 59.0, 1.0)
    assert (left.name, left.limit, left.period, left.remaining, left.reset) == ("rpm", 60.0, 60.0, 59.0, 1.0)


def test_of_a_fault_its_kind_and_its_line_are_told_and_never_its_words():
    """The innermost line, where it was raised; a fault that was never raised has none."""

    def inner():
        raise ValueError("the caller's words")

    with pytest.raises(ValueError, match="words") as caught:
        inner()
    line = inner.__code__.co_firstlineno + 1
    assert told(caught.value) == f"ValueError at {__name__}:{line}"
    assert told(KeyError("x")) == "KeyError"


def test_latencies_are_kept_by_target_and_streams_apart():
    """Each is made once; nobody wants them until somebody does."""
    latencies = Latencies()
    assert latencies.wanted is False
    mine = latencies.of("alpha/m", True, 0.0)
    mine.add(1.0, 0.0)
    assert latencies.of("alpha/m", True, 0.0) is mine
    assert latencies.of("alpha/m", False, 0.0).count(0.0) == 0
    assert latencies.of("beta/m", True, 0.0).count(0.0) == 0


def test_a_call_begins_with_nothing_said_of_it():
    """Nothing made, nothing early, nobody raced with."""
    call = a_call()
    assert (call.early, call.revisit, call.insists, call.metered) == (False, False, False, False)
    assert (call.earlier, call.made, call.story.made, call.story.resumed) == (0, 0, 0, 0)
    assert (Legs().earlier, Legs().racing) == (0, False)


def test_the_rest_of_an_answer_is_a_new_call_that_is_over_by_the_same_time():
    """With what is still to be asked, whom to avoid, and by when its next words are wanted."""
    call = a_call()
    call.first = 3.0
    rest = Request(model="rest", read=no_content)
    for due, ends, deadline in ((50.0, 90.0, 50.0), (50.0, 40.0, 40.0)):
        patience = Patience(due)
        going = call.going_on(rest, ("p/a",), patience, ends)
        assert (going.request, going.avoid, going.patience, going.ends) == (rest, ("p/a",), patience, ends)
        assert (going.deadline, going.first, going.story is call.story) == (deadline, None, True)


def test_layers_are_put_around_a_handler_outermost_first():
    """The first of them hears of the call first."""

    def layer(name):
        return lambda inner: f"{name}({inner})"

    assert compose([layer("a"), layer("b")], "handler") == "a(b(handler))"
    assert compose([], "handler") == "handler"
