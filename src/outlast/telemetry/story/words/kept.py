"""In words: answers that were made already, are being made, or are less than what was asked for."""

from __future__ import annotations

from collections.abc import Callable

from outlast.model.events import CacheKept, CacheLooked, CacheRenewed, Degraded, Joined, StoreTrouble
from outlast.telemetry.story.units import seconds

MISSES = {"miss": "nothing is", "stale": "it is too old", "request": "the caller wants none"}


def _looked(event: CacheLooked) -> str:
    old = "" if event.age is None else f", {seconds(event.age)} old"
    match event.found:
        case "fresh":
            return f"is kept{old}: the answer is given again"
        case "renew":
            return f"is kept{old}, which is too old: it is given once more, and asked for anew"
        case "spare":
            return f"is kept{old}, which is too old: only if nobody answers"
    return f"is not kept: {MISSES.get(event.reason, event.reason)}{old}"


def _kept(event: CacheKept) -> str:
    if event.reason:
        return f"the answer is not kept: {event.reason}"
    return f"the answer is kept for {seconds(event.seconds)}"


def _renewed(event: CacheRenewed) -> str:
    by = f" by {event.target}" if event.kind == "ok" and event.target else ""
    how = f"answered{by}" if event.kind == "ok" else event.kind
    return f"asks anew for what {event.of} was given from the cache: {how} after {seconds(event.seconds)}"


def _store(event: StoreTrouble) -> str:
    return f"goes on without the store, which failed to {event.doing}: {event.error}"


def _joined(event: Joined) -> str:
    return f"waits for what the same request brings, which is under way as {event.other}"


def _rung(event: Degraded) -> str:
    gave = f"gives nothing: {event.reason}" if event.reason else "answers"
    return f'the rung "{event.rung}" {gave}, after {event.kind}'


TELLERS: dict[type, Callable[..., str]] = {
    CacheLooked: _looked,
    CacheKept: _kept,
    CacheRenewed: _renewed,
    StoreTrouble: _store,
    Joined: _joined,
    Degraded: _rung,
}
