"""Routing told in stories: a world of targets that stand as they are said to, and do one thing after the other."""

import asyncio

from outlast.layers.routing import READY, Routing, RoutingConfig, Standing
from outlast.model.errors import Rejected, Transient
from outlast.model.events import GaveUp
from outlast.model.messages import Reply, Usage
from outlast.model.target import Provider, Route, Target

from .calls import Ear, a_call

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
