"""In words: answers that were not whole, or not as they were asked for."""

from __future__ import annotations

from collections.abc import Callable

from outlast.model.events import ReplyRejected, Rewritten, StreamBroke, StreamResumed
from outlast.telemetry.story.units import many, seconds

WAYS = {
    "prefill": "taking them as the beginning of its answer",
    "asking": "as it was asked to",
    "restart": "beginning again with the same words",
    "anew": "with another answer, from its beginning",
}

THEN = {"asked again": "it is told so, and asked again", "next target": "the next target is asked instead"}


def _broke(event: StreamBroke) -> str:
    nobody = f", and nobody goes on with it: {event.reason}" if event.reason else ""
    return f"the stream of {event.target} breaks after {many(event.said, 'character')}{nobody}"


def _resumed(event: StreamResumed) -> str:
    way = WAYS.get(event.way, event.way)
    gap = f"for {seconds(event.seconds)} there was nothing new"
    return f"{event.to_target} goes on after {many(event.said, 'character')}, {way}; {gap}"


def _rejected(event: ReplyRejected) -> str:
    then = "" if event.then == "given up" else f"; {THEN.get(event.then, event.then)}"
    return f"the answer of {event.target} is not what was asked for: {', '.join(event.faults) or event.reason}{then}"


def _rewritten(event: Rewritten) -> str:
    return f"begins anew in other words, which the application found: {event.target} refused its own"


TELLERS: dict[type, Callable[..., str]] = {
    StreamBroke: _broke,
    StreamResumed: _resumed,
    ReplyRejected: _rejected,
    Rewritten: _rewritten,
}
