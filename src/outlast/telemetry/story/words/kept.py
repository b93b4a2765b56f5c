"""In words: answers that were made already, are being made, or are less than what was asked for."""

from __future__ import annotations

from collections.abc import Callable

from outlast.model.events import (
    CacheKept,
    CacheLooked,
    CacheRenewed,
    Degraded,
    Joined,
    KeyFound,
    KeyKept,
    RanOn,
    StoreTrouble,
)
from outlast.telemetry.story.units import seconds

MISSES = {"miss": "nothing is", "stale": "it is too old", "request": "the caller wants none"}

FOUND = {
    "nothing": "is new: the call is made",
    "answer": "was answered: the same answer is given again",
    "refusal": "was refused: the same refusal is told again",
    "running": "is being answered: that answer is waited for",
    "busy": "is being answered by another process, of which the store brings no news: ask again",
    "other": "belongs to another request",
    "spent": "was answered, and the answer was too large to be kept",
    "dead": "was being answered by a process that died: whether the call was carried out nobody knows",
}


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


def _key(event: KeyFound) -> str:
    where = " by another process" if event.elsewhere else ""
    said = FOUND.get(event.found, event.found)
    return f"its idempotency key {said.replace('answered:', f'answered{where}:')}"


def _key_kept(event: KeyKept) -> str:
    if event.reason:
        return f"nothing is kept for the next request with its idempotency key: {event.reason}"
    return f"what came of it is kept for the next request with its idempotency key, for {seconds(event.seconds)}"


def _ran_on(event: RanOn) -> str:
    by = f" by {event.target}" if event.kind == "ok" and event.target else ""
    how = f"was answered{by}" if event.kind == "ok" else f"failed by {event.kind}"
    took = seconds(event.seconds)
    return f"went on when no caller was left, for the sake of its idempotency key, and {how} after {took}"


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
    KeyFound: _key,
    KeyKept: _key_kept,
    RanOn: _ran_on,
}
