"""What would have helped a call: rules of thumb over its facts, each of which names the mend or says nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec import Struct

from outlast.model.events import (
    AttemptEnded,
    Degraded,
    Diverted,
    GaveUp,
    LimitHit,
    Refused,
    RequestEnded,
    RetryRefused,
    Shed,
    StreamBroke,
    TargetSkipped,
)
from outlast.telemetry.story.times import times_of
from outlast.telemetry.story.units import amount, many, seconds

E = TypeVar("E", bound=Struct)
Events = Sequence[Struct]
Rule = Callable[[RequestEnded, Events], str | None]
NOT_THE_TARGETS = frozenset({
    "ok", "caller", "context_length", "content_filter", "invalid_output", "cancelled", "internal", "conflict",
})  # fmt: skip
"""Ends that another target would not have changed."""
NEVER_REPLACED = frozenset({
    "ok", "caller", "context_length", "content_filter", "legal", "cancelled", "broken_stream", "internal",
})  # fmt: skip
"""Ends that no lesser answer stands in for; `Failure.replaceable` says so, but of faults of our own."""
MENDS = {
    "caller": "another request: no target would take this one",
    "context_length": "a shorter prompt, or a target with a larger window on the route",
    "content_filter": "another prompt, or a provider that answers it",
    "invalid_output": 'a simpler schema, a target whose provider holds it to one, or on_invalid = "next" on the route',
    "internal": "a report to whoever maintains outlast, with the place that the fault names",
}
LATE = 1.0
"""Seconds; less waste than this is not worth a word."""


def helping(ended: RequestEnded | None, events: Events) -> tuple[str, ...]:
    """What would have helped, the most likely first; nothing for a call that went well."""
    if ended is None:
        return ()
    rules = LATE_RULES if ended.kind == "ok" else RULES
    if ended.kind == "ok" and not _wasteful(ended, events):
        return ()
    return tuple(text for rule in rules if (text := rule(ended, events)) is not None)


def _wasteful(ended: RequestEnded, events: Events) -> bool:
    spent = times_of(events).seconds
    waste = sum(spent.values()) - spent.get("answer", 0.0)
    return waste >= LATE and waste >= 0.5 * ended.seconds


def _of(kind: type[E], events: Events) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def _request(ended: RequestEnded, events: Events) -> str | None:  # noqa: ARG001
    if ended.kind == "invalid_output" and ended.code == "max_tokens":
        return "a higher max_tokens: the answer ended before its JSON was whole"
    if ended.kind == "cancelled":
        return f"more patience: the caller left after {seconds(ended.seconds)}"
    return MENDS.get(ended.kind)


def _fit(ended: RequestEnded, events: Events) -> str | None:  # noqa: ARG001
    if ended.fit != "error" or ended.operation != "chat":
        return None
    return f'fit = "drop_oldest" on the route {ended.route}, if it may do without its oldest turns'


def _ladder(ended: RequestEnded, events: Events) -> str | None:
    """A lesser answer: not where one was tried, nor where the caller is over a limit of its own, which it hides not."""
    if ended.kind in NEVER_REPLACED or ended.operation != "chat" or not ended.route:
        return None
    if any(isinstance(event, (LimitHit, Degraded)) for event in events):
        return None
    return (
        f"degrade on the route {ended.route}: a kept, weaker or fixed answer where nobody gives the one that is wanted"
    )


def _keys(ended: RequestEnded, events: Events) -> str | None:  # noqa: ARG001
    refused = {event.provider for event in _of(AttemptEnded, events) if event.kind == "credential"}
    return f"a key that {' and '.join(sorted(refused))} takes" if refused else None


def _money(ended: RequestEnded, events: Events) -> str | None:  # noqa: ARG001
    empty = {event.provider for event in _of(AttemptEnded, events) if event.kind == "quota"}
    return f"credit at {' and '.join(sorted(empty))}" if empty else None


def _models(ended: RequestEnded, events: Events) -> str | None:  # noqa: ARG001
    missing = {event.target for event in _of(AttemptEnded, events) if event.kind == "missing"}
    return f"another model than {' and '.join(sorted(missing))}, which its provider does not have" if missing else None


def _limits(ended: RequestEnded, events: Events) -> str | None:  # noqa: ARG001
    hits = _of(LimitHit, events)
    if not hits:
        return None
    hit = hits[-1]
    back = "" if hit.retry_after is None else f", or coming back after {seconds(hit.retry_after)}"
    return f"a higher limit {hit.limit} of {hit.scope} than {amount(hit.amount, hit.limit)}{back}"


def _queues(ended: RequestEnded, events: Events) -> str | None:  # noqa: ARG001
    shed = _of(Shed, events)
    if not shed:
        return None
    last = shed[-1]
    return f"more slots for {last.queue} than {last.slots}, or coming back after {seconds(last.retry_after)}"


def _others(ended: RequestEnded, events: Events) -> str | None:
    if ended.kind in NOT_THE_TARGETS or _of(LimitHit, events):
        return None
    if ended.kind == "broken_stream" and not any(not event.reason for event in _of(StreamBroke, events)):
        return None  # nobody would have gone on with it
    targets = _targets(events)
    if len(targets) == 1:
        route = f"route {ended.route}" if ended.route else "route"
        return f"a second target on the {route}: there was only {targets.pop()}"
    providers = {target.partition("/")[0] for target in targets}
    if len(providers) == 1:
        return f"a target at another provider: all were at {providers.pop()}"
    return None


def _targets(events: Events) -> set[str]:
    met = (AttemptEnded, TargetSkipped, Refused, Diverted)
    return {event.target for event in events if isinstance(event, met)}


def _deadline(ended: RequestEnded, events: Events) -> str | None:
    late = any(event.reason == "no time is left" for event in _of(GaveUp, events))
    attempts = _of(AttemptEnded, events)
    if not late and not any(event.timer == "deadline" for event in attempts):
        return None
    longest = max(attempts, key=lambda event: event.seconds, default=None)
    took = "" if longest is None else f", of which {longest.target} took {seconds(longest.seconds)}"
    return f"a longer deadline than {seconds(ended.deadline)}{took}"


def _budget(ended: RequestEnded, events: Events) -> str | None:  # noqa: ARG001
    spent = {event.target for event in _of(RetryRefused, events) if "budget" in event.reason}
    if not spent:
        return None
    return f"fewer failures of {' and '.join(sorted(spent))}: so many were repeated lately that no retry was left"


def _attempts(ended: RequestEnded, events: Events) -> str | None:  # noqa: ARG001
    spent = [event for event in _of(GaveUp, events) if event.reason == "no attempts are left"]
    return f"more than {many(spent[-1].most, 'attempt')} for one call ([retry] total)" if spent else None


def _break(ended: RequestEnded, events: Events) -> str | None:
    if ended.kind != "broken_stream":
        return None
    stalls = [event for event in _of(AttemptEnded, events) if event.timer == "stall" and event.limit is not None]
    if stalls:
        return f"a longer stall timer than {seconds(stalls[-1].limit or 0.0)}, if {stalls[-1].target} was only slow"
    return "asking again: what was read is not the whole answer"


def _timers(ended: RequestEnded, events: Events) -> str | None:  # noqa: ARG001
    slow = [event for event in _of(AttemptEnded, events) if event.timer not in {"", "deadline"}]
    if not slow:
        return None
    worst = max(slow, key=lambda event: event.seconds)
    return (
        f"a shorter {worst.timer} timer for {worst.target}: it was waited for during {seconds(worst.seconds)} in vain"
    )


def _waits(ended: RequestEnded, events: Events) -> str | None:  # noqa: ARG001
    spent = times_of(events).seconds
    waits = {name: spent[name] for name in WAITS if name in spent}
    if not waits:
        return None
    name = max(waits, key=waits.__getitem__)
    return WAITS[name] if waits[name] >= LATE else None


WAITS = {
    "slot": "more slots, or fewer calls at once",
    "limit": "a higher limit of the provider's, or another target beside it",
    "pause": "another target beside the one that was paused",
    "return": "another target beside those that were to be waited for",
    "retry": "another target beside the one that was asked again",
}

RULES: tuple[Rule, ...] = (
    _request, _fit, _keys, _money, _models, _limits, _queues, _others, _deadline, _budget, _attempts, _break, _ladder
)  # fmt: skip
LATE_RULES: tuple[Rule, ...] = (_timers, _waits)
