"""A call on its way down the stack.

    Handler = Call -> Reply | Stream          Layer = Handler -> Handler

A layer is a function from handler to handler, and the stack is a list of layers, outermost first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from math import inf
from typing import Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from outlast.flow.stream import Stream
from outlast.model.caller import NORMAL, Caller
from outlast.model.events import AttemptEnded
from outlast.model.freshness import NO_WISHES, Wishes
from outlast.model.messages import Reply, Request
from outlast.model.target import Fit, Provider, Route, Target
from outlast.ports import Io

Answer = Reply | Stream
Handler = Callable[["Call"], Awaitable[Answer]]
Layer = Callable[[Handler], Handler]
Spare = Callable[[float], Answer | None]
"""Gives an answer at that time; None when it is too old by then."""

NOWHERE = Target(name="", provider=Provider("", "", ""), model="")
"""The target of a call that has not been routed yet."""


class Others(Protocol):
    """What routing lets the layers below know of the targets that it has not tried yet."""

    def healthy(self, now: float) -> int:
        """How many other targets could take the call now."""
        ...

    def ready(self, now: float) -> Iterator[Target]:
        """Those of them that have not been tried, best first."""
        ...

    def patience(self, now: float) -> float:
        """The longest wait, in seconds, that is better than moving on to the next of them; infinite without one."""
        ...


class NoOthers:
    """There is no other target."""

    __slots__ = ()

    def healthy(self, now: float) -> int:  # noqa: ARG002
        """None."""
        return 0

    def ready(self, now: float) -> Iterator[Target]:  # noqa: ARG002
        """None."""
        return iter(())

    def patience(self, now: float) -> float:  # noqa: ARG002
        """For ever."""
        return float("inf")


NO_OTHERS = NoOthers()


class Allowance:
    """What is left of one of the caller's limits, for the RateLimit headers. `reset` is in seconds."""

    __slots__ = ("limit", "name", "period", "remaining", "reset")

    def __init__(self, name: str, limit: float, period: float, remaining: float, reset: float) -> None:
        self.name = name
        self.limit = limit
        self.period = period
        self.remaining = remaining
        self.reset = reset


class Looked(Struct):
    """What the cache had for a request.

    Attributes:
        found: what the answer that was kept is good for; empty while nothing was looked for.
        why: why it was not given, in the words of RFC 9211: miss, stale, request.
        age: seconds since it was made; None when there is none.
        left: seconds for which it is fresh, below 0 when it is not.
        given: it was the answer.
        kept: the answer that was given instead is kept now.
        shared: another request's call brought it.
        key: the name under which it is kept, or may be.
    """

    found: str = ""
    why: str = ""
    age: float | None = None
    left: float = 0.0
    given: bool = False
    kept: bool = False
    shared: bool = False
    key: str = ""


class Keyed(Struct):
    """What became of a request's idempotency key.

    Attributes:
        replayed: the answer was made, or is being made, for an earlier request with this key.
        attached: it is being made still.
        left: seconds for which it will be given again; None where that is not known yet.
        unkept: why it will not be; empty when it will, or while that is not known.
        lost: calls for this key whose process died: nobody knows whether they were carried out.
    """

    replayed: bool = False
    attached: bool = False
    left: float | None = None
    unkept: str = ""
    lost: int = 0

    @property
    def word(self) -> str:
        """The most telling of it."""
        if self.attached:
            return "attached"
        if self.replayed:
            return "replayed"
        return "again" if self.lost else "first"


class Story(Struct):
    """What has happened to a request so far; shared by all views of its call.

    Attributes:
        made: upstream calls made.
        tried: those that are over, oldest first.
        allowances: what is left of the caller's limits.
        skipped: the targets that were passed by, each with the reason.
        resumed: how often another target went on with its stream.
        rewritten: other words were asked for, since a content filter had refused its own.
        worded: names of the targets that were asked in words for what others are asked for natively.
        looked: what the cache had for it; None where it was not asked.
        keyed: what became of its idempotency key; None where it has none.
        instead_of: kind of the failure that it was answered with less for; empty when it was not.
    """

    made: int = 0
    tried: list[AttemptEnded] = []
    allowances: list[Allowance] = []
    skipped: list[str] = []
    resumed: int = 0
    rewritten: bool = False
    worded: frozenset[str] = frozenset()
    looked: Looked | None = None
    keyed: Keyed | None = None
    instead_of: str = ""


class Patience:
    """By when the caller of a stream must have its next words; who set it may move it while the stream is read."""

    __slots__ = ("due",)

    def __init__(self, due: float = inf) -> None:
        self.due = due


ENDLESS = Patience()
"""As long as the stream's own timers allow."""


class Legs(Struct, eq=False):
    """What two legs of one call have in common, that asks a second target while it waits for the first.

    Attributes:
        order: the targets that it may be sent to, best first, once the first leg has been routed.
        tried: names of those that a leg has been sent to: the other goes elsewhere.
        earlier: upstream calls that were made for the request before it was routed.
        racing: both legs are under way.
    """

    order: Collection[Target] = ()
    tried: set[str] = set()
    earlier: int = 0
    racing: bool = False


class Call(Struct, eq=False):
    """One request under way.

    Attributes:
        request: what is asked.
        route: the targets it may go to.
        deadline: monotonic time by which the caller has its answer, or the first content of a stream.
        io: the world.
        id: the request id.
        caller: who asks; `priority` the class it asks in.
        story: what happened so far, shared by all views.
        target: where this view goes; `others` what else there is.
        early: routing lets this call probe an open circuit before its time.
        revisit: routing comes back to a target that has failed in this call before.
        insists: routing comes back to a target whose slow start had diverted the call, and nobody else has taken it.
        earlier: upstream calls that were made for the request before it was routed this time.
        first: seconds that the last attempt of this view took to its first content, None before.
        metered: a limit learns from what the provider says is left.
        made: upstream calls that this view has made.
        legs: what it has in common with the other leg of the call, where there may be one.
        toward: where it goes first, if it is the second leg.
        avoid: targets that broke off while they answered, in that order: to be asked last, and after two breaks never.
        ends: monotonic time by which a stream is over, whoever goes on with it.
        outlived: its stream will be a part of another one, which bounds its life.
        patience: by when its next words must come, beside its own timers.
        fit: what is to happen to a request that is too long for its target; None as the route says.
        tight: its target has said that it is too long, and gets it once more, shortened.
        key: the caller's idempotency key; empty when it has none.
        date: when it came, in seconds since the epoch; 0 where that is not said.
        once: what the keys that providers are told are made of; empty where they are told none.
    """

    request: Request
    route: Route
    deadline: float
    io: Io
    id: str
    caller: Caller
    priority: int = NORMAL
    story: Story = field(default_factory=Story)
    target: Target = NOWHERE
    others: Others = NO_OTHERS
    early: bool = False
    revisit: bool = False
    insists: bool = False
    earlier: int = 0
    first: float | None = None
    metered: bool = False
    made: int = 0
    legs: Legs | None = None
    fit: Fit | None = None
    tight: bool = False
    toward: Target | None = None
    avoid: tuple[str, ...] = ()
    ends: float = inf
    patience: Patience = ENDLESS
    outlived: bool = False
    wishes: Wishes = NO_WISHES
    spare: Spare | None = None
    behind: bool = False
    lesser: bool = False
    key: str = ""
    date: int = 0
    once: str = ""

    @property
    def sent(self) -> int:
        """Upstream calls made: by this view where it is bound for a target, else for the whole request."""
        return self.story.made if self.target is NOWHERE else self.made

    @property
    def repeatable(self) -> bool:
        """Can it be sent once more? Not when more of an upload has gone out than was kept."""
        forward = self.request.forward
        return forward is None or forward.feed is None or not forward.feed.gone

    @property
    def fitting(self) -> Fit:
        """What happens to it where it is too long for its target."""
        return self.fit or self.route.fit

    @property
    def second(self) -> bool:
        """Is this the second leg of a call, and the first still under way?"""
        return self.toward is not None and self.legs is not None and self.legs.racing

    def key_for(self, body: bytes) -> str:
        """What its target is told instead of the caller's key: the same for the same bytes, and for no other target."""
        return hashlib.sha256(b"\n".join((self.once.encode(), self.target.name.encode(), body))).hexdigest()[:40]

    def send(self) -> int:
        """Take note of one more upstream call. Gives its number among those of the request."""
        self.made += 1
        self.story.made += 1
        return self.story.made

    def __repr__(self) -> str:
        """Says which call, and where it goes; never what is asked."""
        return f"Call({self.id!r}, target={self.target.name!r})"

    def at(
        self,
        target: Target,
        others: Others,
        *,
        early: bool = False,
        revisit: bool = False,
        insists: bool = False,
        tight: bool = False,
        earlier: int = 0,
    ) -> Call:
        """The same call, bound for one target."""
        return replace(
            self,
            target=target,
            others=others,
            early=early,
            revisit=revisit,
            insists=insists,
            tight=tight,
            earlier=earlier,
            first=None,
            made=0,
        )

    def going_on(self, request: Request, avoid: tuple[str, ...], patience: Patience, ends: float) -> Call:
        """A new routed call for the rest of an answer, which is over by `ends`."""
        deadline = min(patience.due, ends)
        return replace(self, request=request, avoid=avoid, deadline=deadline, patience=patience, ends=ends, first=None)


def compose(layers: Iterable[Layer], innermost: Handler) -> Handler:
    """The layers around the innermost handler; the first of them is the outermost."""
    handler = innermost
    for layer in reversed(list(layers)):
        handler = layer(handler)
    return handler
