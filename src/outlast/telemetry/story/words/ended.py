"""In words: upstream calls that are over."""

from __future__ import annotations

from collections.abc import Callable

from outlast.model.events import AttemptEnded
from outlast.telemetry.story.units import dollars, seconds

TIMERS = {
    "connect": "no connection within {}",
    "first_content": "no content within {}",
    "whole": "no whole answer within {}",
    "stall": "no further content for {}",
    "max_stream": "longer than {}",
    "deadline": "the caller's deadline left it {}",
}


def _attempt(event: AttemptEnded) -> str:
    if event.kind == "ok":
        begins = event.first is not None and event.first < event.seconds - 0.001
        first = f", first content after {seconds(event.first or 0.0)}" if begins else ""
        cost = "" if event.cost is None else f", {dollars(event.cost)}"
        return f"asks {event.target}: answered in {seconds(event.seconds)}{first}{cost}"
    status = f" {event.status}" if event.status and event.status != 200 else ""
    code = f" ({event.code})" if event.code else ""
    ended = f"asks {event.target}: {event.kind}{status}{code} after {seconds(event.seconds)}"
    return "; ".join([ended, *_details(event)])


def _details(event: AttemptEnded) -> list[str]:
    details = []
    if event.timer and event.limit is not None:
        details.append(TIMERS.get(event.timer, event.timer + " {}").format(seconds(event.limit)))
    elif event.message:
        details.append(event.message.removeprefix(event.target).strip())
    if event.hint is not None:
        details.append(f"it wants to be left alone for {seconds(event.hint)}")
    if event.maybe_billed:
        details.append("it may have been billed")
    return details


TELLERS: dict[type, Callable[..., str]] = {
    AttemptEnded: _attempt,
}
