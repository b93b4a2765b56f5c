"""In words: the same asked again, or asked of two at once."""

from __future__ import annotations

from collections.abc import Callable

from outlast.model.events import HedgeLost, HedgeRefused, HedgeStarted, HedgeWon, RetryRefused, RetryScheduled
from outlast.telemetry.story.units import number, seconds


def _retry(event: RetryScheduled) -> str:
    chance = f" (by chance from {seconds(event.least)} to {seconds(event.most)})" if event.most > event.least else ""
    wait = f"in {seconds(event.delay)}{chance}" if event.delay > 0 else "at once"
    paid = f"the retry budget goes from {number(event.before)} to {number(event.after)}"
    return f"asks {event.target} again {wait}; {'few are under way, so it costs nothing' if event.floor else paid}"


def _no_retry(event: RetryRefused) -> str:
    because = f"does not ask {event.target} again: {event.reason}"
    if "budget" in event.reason:
        return f"{because}, it has {number(event.balance)} and a retry costs {number(event.cost)}"
    if event.delay is None:
        return because
    weighed = [f"the wait would be {seconds(event.delay)}"]
    if event.patience is not None and event.delay > event.patience:
        weighed.append(f"the patience is {seconds(event.patience)}")
    if event.left is not None and event.delay >= event.left:
        weighed.append(f"{seconds(max(0.0, event.left))} are left")
    return f"{because} ({', '.join(weighed)})" if len(weighed) > 1 else because


def _hedged(event: HedgeStarted) -> str:
    return f"asks {event.target} too, since {event.waiting} has brought nothing for {seconds(event.after)}"


def _hedge_won(event: HedgeWon) -> str:
    return f"is answered by the second one first: by {event.target}, {seconds(event.seconds)} after it was asked"


def _hedge_lost(event: HedgeLost) -> str:
    return f"is not answered by the second one, {event.target}: {event.kind}"


def _no_hedge(event: HedgeRefused) -> str:
    return f"asks nobody beside {event.waiting}: {event.reason}"


TELLERS: dict[type, Callable[..., str]] = {
    RetryScheduled: _retry,
    RetryRefused: _no_retry,
    HedgeStarted: _hedged,
    HedgeWon: _hedge_won,
    HedgeLost: _hedge_lost,
    HedgeRefused: _no_hedge,
}
