"""One call on its way through a route's targets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from math import inf
from typing import Protocol

from msgspec import Struct

from outlast.flow.call import Answer, Call
from outlast.flow.stream import Stream
from outlast.flow.withheld import withheld
from outlast.layers.routing.config import RoutingConfig
from outlast.layers.routing.lacks import OFF, UNKNOWN_WINDOW, Lack, in_words, too_small
from outlast.layers.routing.standing import Peek, Standing
from outlast.model.errors import Caller, ContentFilter, ContextLength, Failure, Rejected, Throttled
from outlast.model.events import CameBack, FailedOver, GaveUp, TargetSkipped
from outlast.model.target import Target


class Knowledge(Protocol):
    """What a run asks of routing."""

    config: RoutingConfig
    peek: Peek
    attempts: int
    per_request: int
    useful: float

    def unfit(self, target: Target, call: Call) -> Lack | None:
        """Why the target can not do what is asked, or not for the route's price; or None."""
        ...

    def slow(self, target: Target, call: Call, limit: float, now: float) -> Lack | None:
        """That the target takes longer than so many seconds, as far as is known; or None."""
        ...

    def can_probe_early(self, target: Target) -> bool:
        """Is the target's one early probe still to be had?"""
        ...


class Run(Struct, eq=False):
    """One call on its way through a route's targets. To the layers below it is what others there are.

    Attributes:
        routing: what it asks of routing.
        call: the call, not yet bound for a target.
        order: the targets, best first.
        earlier: upstream calls that were made before.
        failure: the last failure of a target; None while there was none.
        starts: when the target that was chosen may be called.
        toward: where the call goes first, whatever the order says.
        tried: names of the targets that it was sent to, or passed by.
        kept: the first answer that a content filter held back, and `kept_of` the call that it answers.
    """

    routing: Knowledge
    call: Call
    order: Collection[Target]
    earlier: int
    failure: Failure | None = None
    starts: float = 0.0
    toward: Target | None = None
    tried: set[str] = set()
    kept: Answer | None = None
    kept_of: Call | None = None
    _later: dict[str, float] = {}  # targets worth coming back to, and when
    _failed_at: set[str] = set()
    _slow: dict[str, Target] = {}  # targets that are too slow for the route: for when there are no others
    _diverted: set[str] = set()  # targets that would take it, if no other does
    _previous: Target | None = None
    _why: str = ""
    _refusal: float | None = None
    _probed: bool = False
    _code: str = "no_target_available"
    _too_long: Target | None = None  # it said so, and might take less

    # -- what the layers below may know ------------------------------------------------------------------------

    def healthy(self, now: float) -> int:
        """How many other targets could take the call now, as far as attempts could reach."""
        others = islice(self.ready(now), self.routing.attempts)
        return self.call.second + len(self._diverted) + sum(1 for _ in others)

    def ready(self, now: float) -> Iterator[Target]:
        """Those of them that have not been tried, best first."""
        if self._bound():
            return iter(())
        routing, call, tried = self.routing, self.call, self.tried
        fit = (t for t in self._quick(now) if t.name not in tried and routing.unfit(t, call) is None)
        return (target for target in fit if routing.peek(target, now).wait <= 0)

    def patience(self, now: float) -> float:
        """The longest wait that is better than moving on, or coming back; infinite without another target."""
        config, here = self.routing.config, self._previous
        if self.call.second:
            return 0.0  # the other leg is under way: nothing is gained by a wait
        for target in self.ready(now):
            same = here is not None and bool(here.family) and here.family == target.family
            return config.patience_same if same else config.patience_other
        back = self._first_back(now)
        return float("inf") if back is None else max(0.0, self._later[back] - now)

    def _bound(self) -> bool:
        """Is it about what one account keeps? Then nobody else is asked, unless that one says that there is no such."""
        forward = self.call.request.forward
        if forward is None or not forward.stays or self._previous is None:
            return False
        return not (isinstance(self.failure, Caller) and self.failure.status == 404)

    # -- choosing ----------------------------------------------------------------------------------------------

    def next(self, now: float) -> Call | None:
        """The call bound for the next target, or None when there is none."""
        if self.toward is not None:
            target, self.toward = self.toward, None
            return self._to(target)
        if self._previous is not None and not self._may_go_on(now):
            return None
        untried = self._untried(self._quick(now), now) or self._untried(self._slow.values(), now)
        return untried or self._come_back(now) or self._early_probe(now) or self._shortened()

    def _may_go_on(self, now: float) -> bool:
        """Are attempts left, and time for one that is of any use? A second leg stands aside for the first."""
        call = self.call
        return not call.second and self._attempts_left() and now + self.routing.useful < call.deadline

    def _attempts_left(self) -> bool:
        """Of this routed call's, and of all that the request may have."""
        made, routing = self.call.story.made, self.routing
        return made - self.earlier < routing.attempts and made < routing.per_request

    def _quick(self, now: float) -> Iterable[Target]:
        """The targets in order, but for those that are too slow for the route, which are put aside."""
        limit = self.call.route.max_latency
        if limit is None:
            return self.order
        return (target for target in self.order if not self._put_aside(target, limit, now))

    def _put_aside(self, target: Target, limit: float, now: float) -> bool:
        """Is it too slow? A slow answer is better than none: it is asked when no other is left."""
        if target.name in self._slow or target.name in self.tried:
            return target.name in self._slow
        lack = self.routing.slow(target, self.call, limit, now)
        if lack is None:
            return False
        self._slow[target.name] = target
        self.pass_by(target, lack)
        return True

    def _untried(self, targets: Iterable[Target], now: float) -> Call | None:
        """The call bound for the first of these that was not tried and is ready, or worth waiting for."""
        routing, tried = self.routing, self.tried
        for target in targets:
            if target.name in tried:
                continue
            if self._bound():
                return None
            lack = routing.unfit(target, self.call)
            if lack is not None:
                tried.add(target.name)
                self.pass_by(target, lack)
                continue
            standing = routing.peek(target, now)
            if standing.wait <= 0:
                return self._to(target, revisit=target.name in self.call.avoid)
            tried.add(target.name)
            if self._worth_waiting(target, standing, now):
                return self._to(target)
            self._skip(target, standing, now)
        return None

    def pass_by(self, target: Target, lack: Lack) -> None:
        """Tell that the call does not go there, or only when no other is left, and why."""
        call = self.call
        call.story.skipped.append(f"{target.name} ({lack.reason})")
        call.io.emit(TargetSkipped(call.id, target.name, lack.reason, None, lack.value, lack.limit))

    def _worth_waiting(self, target: Target, standing: Standing, now: float) -> bool:
        """Is the pause of this target shorter than the patience that the next one deserves?"""
        if not standing.waitable:
            return False
        previous, self._previous = self._previous, target
        patience = self.patience(now)
        self._previous = previous
        return patience != float("inf") and standing.wait <= patience and now + standing.wait < self.call.deadline

    def _skip(self, target: Target, standing: Standing, now: float) -> None:
        call = self.call
        call.story.skipped.append(f"{target.name} ({standing.reason})")
        call.io.emit(TargetSkipped(call.id, target.name, standing.reason, _finite(standing.wait)))
        self._refused_for(standing.wait)
        if self._previous is None:
            self._previous, self._why = target, standing.reason
        if standing.waitable:
            self._later[target.name] = now + standing.wait

    def _come_back(self, now: float) -> Call | None:
        """No untried target is left: the one that is ready first, if that is soon enough."""
        name = self._first_back(now)
        if name is None:
            return None
        self.starts = self._later.pop(name)
        target = next(target for target in self.order if target.name == name)
        insists = name in self._diverted
        self._diverted.discard(name)
        call, failed = self.call, name in self._failed_at
        call.io.emit(CameBack(call.id, name, max(0.0, self.starts - now), failed))
        return self._to(target, revisit=failed, insists=insists)

    def _first_back(self, now: float) -> str | None:
        """The target worth coming back to that is ready first, if that is soon enough."""
        if not self._later:
            return None
        name = min(self._later, key=self._later.__getitem__)
        ready = self._later[name]
        too_late = ready - now > self.routing.config.max_wait or ready + self.routing.useful >= self.call.deadline
        return None if too_late else name

    def _early_probe(self, now: float) -> Call | None:
        """Every circuit is open: one probe before its time, to the one that opens soonest; none if that had its own."""
        if self.failure is not None or self._probed:  # a gate may have refused the probe: it stays to be had
            return None
        routing = self.routing
        among = [self._previous] if self._previous is not None and self._bound() else self.order
        fit = (t for t in among if routing.unfit(t, self.call) is None)
        shut = [(standing.wait, t) for t in fit if (standing := routing.peek(t, now)).open]
        if not shut:
            return None
        _, target = min(shut, key=lambda pair: pair[0])
        if not routing.can_probe_early(target):
            return None
        self._probed = True
        return self._to(target, early=True)

    def _shortened(self) -> Call | None:
        """It was too long for all of them: the largest of those that said so, once more, with less."""
        target, self._too_long = self._too_long, None
        if target is None or self.call.fitting == "error" or self.call.second:
            return None
        return self._to(target, tight=True)

    def _to(
        self,
        target: Target,
        *,
        early: bool = False,
        revisit: bool = False,
        insists: bool = False,
        tight: bool = False,
    ) -> Call:
        self.tried.add(target.name)
        previous = self._previous
        if previous is not None and previous is not target:
            self.call.io.emit(FailedOver(self.call.id, previous.name, target.name, self._why))
        self._previous = target
        return self.call.at(
            target, self, early=early, revisit=revisit, insists=insists, tight=tight, earlier=self.earlier
        )

    # -- learning ----------------------------------------------------------------------------------------------

    def ended_by(self, view: Call, failure: Failure) -> bool:
        """The target gave no answer; True when no other target may be asked."""
        self._why = failure.kind
        if not self.call.repeatable:
            return True
        if self.call.second and (failure.again != "never" or isinstance(failure, Rejected)):
            self.tried.discard(view.target.name)  # the first leg may still come here
        if isinstance(failure, Rejected):
            self._refused_by(view, failure)
            return not failure.onward
        self.failure = failure
        self._failed_at.add(view.target.name)
        if failure.again_at is not None:
            self._later[view.target.name] = failure.again_at
        if isinstance(failure, ContentFilter):
            failure.onward = self.call.route.on_content_filter == "next"
        if isinstance(failure, ContextLength):
            self._only_larger(view)
            return False
        return not failure.onward

    def held_back(self, view: Call, answer: Answer) -> bool:
        """Is the answer that there is none, and does the route ask others then? It is kept for when they have none."""
        if self.call.route.on_content_filter == "error":
            return False
        refusal = withheld(answer)
        if refusal is None:
            return False
        if self.kept is None:
            self.kept, self.kept_of = answer.concluded() if isinstance(answer, Stream) else answer, view
        elif isinstance(answer, Stream):
            answer.concluded()
        self.ended_by(view, refusal)
        return True

    def _only_larger(self, view: Call) -> None:
        """The prompt did not fit: only a larger window can help, or less of it; unless even that was too much."""
        target = view.target
        self._too_long = target if view.made and not view.tight else None
        self._later.clear()
        for other in self.order:
            if other.name not in self.tried and not (target.window and other.window > target.window):
                self.tried.add(other.name)
                self.pass_by(other, too_small(other) if target.window and other.window else UNKNOWN_WINDOW)

    def _refused_by(self, view: Call, refusal: Rejected) -> None:
        if refusal.gate == "pause":  # it was paused while the call was on its way there
            now = view.io.now()
            standing = self.routing.peek(view.target, now)
            if standing.waitable and standing.wait > 0:
                self._later[view.target.name] = now + standing.wait
        if refusal.code == "diverted":  # it starts slowly, and another may do better; if none does, it takes the call
            self._later[view.target.name] = view.io.now()
            self._diverted.add(view.target.name)
            return
        if refusal.retry_after is not None:
            self._refused_for(refusal.retry_after)
        self._code = refusal.code or self._code

    def _refused_for(self, seconds: float) -> None:
        self._refusal = seconds if self._refusal is None else min(self._refusal, seconds)

    def give_up(self, now: float) -> Failure:
        """What the caller is told: the last real failure, or why nothing could be sent."""
        told = self._told(now)
        call, most = self.call, self.routing.attempts
        made, left = call.story.made - self.earlier, call.deadline - now
        reason = "no target is left"
        if self._previous is not None and not self._may_go_on(now):
            reason = "no time is left" if self._attempts_left() else "no attempts are left"
        if call.legs is None or not call.legs.racing:  # else the other leg goes on
            call.io.emit(GaveUp(call.id, reason, made, most, left, told.retry_after))
        return told

    def _told(self, now: float) -> Failure:
        failure = self.failure
        if failure is None:
            return self._nothing_sent()
        waits = [self.routing.peek(target, now).wait for target in self.order]
        if isinstance(failure, Throttled):
            if failure.retry_after is None and failure.until is not None:
                failure.retry_after = max(0.0, failure.until - now)
            failure.retry_after = _finite(min((wait for wait in (failure.retry_after, *waits) if wait), default=None))
        elif failure.retry_after is None and failure.outcome == "failure":
            failure.retry_after = _finite(min(waits) or None)
        return failure

    def _nothing_sent(self) -> Failure:
        route = self.call.route
        lacks = {target.name: lack for target in self.order if (lack := self.routing.unfit(target, self.call))}
        if lacks and len(lacks) == len(self.order) and OFF not in lacks.values():
            return Caller(f"no target of the route {route.name!r} can take this request: {in_words(lacks)}")
        return Rejected(
            f"no target of the route {route.name!r} is available now",
            gate="routing",
            code=self._code,
            retry_after=_finite(self._refusal),
        )


def _finite(seconds: float | None) -> float | None:
    """The same, or None for ever: what an operator holds open without an end has no honest Retry-After."""
    return None if seconds == inf else seconds
