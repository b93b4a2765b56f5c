"""In words: limits and queues."""

from __future__ import annotations

from collections.abc import Callable

from outlast.model.events import (
    LimitAwaited,
    LimitChanged,
    LimitHit,
    LimitsApart,
    LimitsTogether,
    Overdrawn,
    Shed,
    SlotAwaited,
)
from outlast.telemetry.story.units import amount, many, number, seconds


def _limit_hit(event: LimitHit) -> str:
    free = "never within this limit" if event.retry_after is None else f"free in {seconds(event.retry_after)}"
    return f"is over the limit {event.limit} of {event.scope}: {_left(event)}, {free}"


def _limit_wait(event: LimitAwaited) -> str:
    return f"waits {seconds(event.seconds)} for the limit {event.limit} of {event.scope}: {_left(event)}"


def _left(event: LimitHit | LimitAwaited) -> str:
    cost, left, of = (amount(value, event.limit) for value in (event.cost, event.remaining, event.amount))
    return f"it costs {cost} where {left} of {of} is left"


def _apart(event: LimitsApart) -> str:
    share = f"its share as one of {number(event.processes)}" if event.processes > 1 else "all of them"
    return f"the store of shared limits is out of reach: this process grants {share}"


def _together(event: LimitsTogether) -> str:
    return f"the store of shared limits answers again after {seconds(event.seconds)}"


def _slots(event: LimitChanged) -> str:
    flying = f" with {event.in_flight} in flight" if event.in_flight else ""
    return f"{event.target} gets {many(event.after, 'call')} at once instead of {event.before}: {event.why}{flying}"


def _overdrawn(event: Overdrawn) -> str:
    tokens = f"{number(event.used_tokens)} tokens where {number(event.charged_tokens)} were charged"
    return f"used more of {event.target} than was estimated: {tokens}"


def _slot(event: SlotAwaited) -> str:
    ahead = f"with {many(event.ahead, 'call')} before it" if event.ahead else "with nobody before it"
    expected = f", {seconds(event.expected)} were expected" if event.expected else ""
    got = "" if event.granted else ", and leaves without one"
    return f"waits {seconds(event.seconds)} for a slot of {event.queue}, {ahead}{expected}{got}"


def _shed(event: Shed) -> str:
    waited = f" after {seconds(event.waited)}" if event.waited else ""
    full = f"{many(event.waiting, 'call')} waiting for {many(event.slots, 'slot')}"
    return f"is turned away from the queue of {event.queue}{waited}: {event.reason} ({full})"


TELLERS: dict[type, Callable[..., str]] = {
    LimitHit: _limit_hit,
    LimitAwaited: _limit_wait,
    LimitsApart: _apart,
    LimitsTogether: _together,
    LimitChanged: _slots,
    Overdrawn: _overdrawn,
    SlotAwaited: _slot,
    Shed: _shed,
}
