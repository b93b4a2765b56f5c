"""Whom a count is asked of: a route of those targets that count, which is worked out once."""

from msgspec.structs import replace

from outlast.layers.counting import Counting, CountingConfig
from outlast.model.messages import Counted, Request, Usage
from outlast.model.target import Route
from outlast.testing import run

from .calls import ALPHA, BETA, a_call, no_content


class Asked:
    """A counting layer, whose targets count where their name is not alpha's; and the routes that it has asked."""

    def __init__(self):
        self.routes = []
        self.handle = Counting(CountingConfig(), lambda target, _: target.name != "alpha/m").layer()(self.inner)

    async def inner(self, call):
        self.routes.append(call.route)
        return Counted(tokens=1, model="m", usage=Usage())

    def of(self, route, dialect="anthropic"):
        """The route that is asked for a count there."""
        request = Request(model="m", operation="count", dialect=dialect, read=no_content)
        run(self.handle(replace(a_call(), request=request, route=route)))
        return self.routes[-1]


def test_it_is_worked_out_once_for_each_route_and_dialect():
    """Routing knows routes by what they are, and ranks each anew that it has not met."""
    asked, route = Asked(), Route("m", (ALPHA, BETA), max_cost=1.0)
    once = asked.of(route)
    assert (once.targets, once.name, once.max_cost) == ((BETA,), "m", 1.0)
    assert asked.of(route) is once
    assert asked.of(route, "responses") is not once


def test_routes_that_callers_make_up_do_not_pile_up():
    """After a thousand all are forgotten, and worked out again when they are asked for."""
    asked, route = Asked(), Route("m", (ALPHA, BETA))
    once = asked.of(route)
    for number in range(999):
        asked.of(Route(f"made up {number}", (BETA,)))
    assert asked.of(route) is once
    asked.of(Route("one more", (BETA,)))
    assert asked.of(route) is not once
