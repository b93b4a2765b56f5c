"""In words: which target a call goes to."""

from __future__ import annotations

from collections.abc import Callable

from outlast.model.events import CameBack, CountEstimated, FailedOver, GaveUp, RequestCut, TargetSkipped
from outlast.telemetry.story.units import dollars, many, number, seconds


def _moved(event: FailedOver) -> str:
    return f"moves on from {event.from_target} to {event.to_target}: {event.kind}"


def _skipped(event: TargetSkipped) -> str:
    more = f", for {seconds(event.wait)} more" if event.wait is not None else ""
    if event.limit is not None:
        limit = dollars(event.limit) if "$" in event.reason else seconds(event.limit)
        more += f", and {limit} is the route's limit"
    return f"passes {event.target} by: {event.reason}{more}"


def _cut(event: RequestCut) -> str:
    left = f"{event.messages} of {many(event.of, 'message')}"
    window = f" into {number(event.window)}" if event.window else ""
    sizes = f"about {number(event.before)} tokens become {number(event.after)}"
    return f"leaves out {left} ({event.fit}) to fit{window} at {event.target}: {sizes}"


def _estimated(event: CountEstimated) -> str:
    return f"is counted by our own estimate for {event.target}, {number(event.tokens)} tokens: {event.why}"


def _back(event: CameBack) -> str:
    wait = f" in {seconds(event.seconds)}" if event.seconds > 0 else ""
    return f"comes back to {event.target}{wait}, since no other target is left"


def _gave_up(event: GaveUp) -> str:
    left = seconds(max(0.0, event.left))
    return f"gives up: {event.reason}; {event.made} of at most {many(event.most, 'attempt')} made, {left} left"


TELLERS: dict[type, Callable[..., str]] = {
    FailedOver: _moved,
    TargetSkipped: _skipped,
    RequestCut: _cut,
    CountEstimated: _estimated,
    CameBack: _back,
    GaveUp: _gave_up,
}
