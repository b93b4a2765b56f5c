"""Where the time of a call went."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from outlast.model.events import AttemptEnded, CameBack, LimitAwaited, PauseAwaited, RetryScheduled, Shed, SlotAwaited
from outlast.telemetry.story.units import seconds

WORDS = {
    "answer": "for the answer",
    "in_vain": "for attempts in vain",
    "retry": "before retries",
    "return": "before coming back",
    "pause": "for pauses",
    "limit": "for limits",
    "slot": "for slots",
}
TAKES = {
    RetryScheduled: ("retry", "delay"),
    CameBack: ("return", "seconds"),
    PauseAwaited: ("pause", "seconds"),
    LimitAwaited: ("limit", "seconds"),
    SlotAwaited: ("slot", "seconds"),
    Shed: ("slot", "waited"),
}
"""What each kind of wait is counted as, and which of its fields says how long it was."""


class Times(Struct, frozen=True):
    """Seconds by what they were spent on; nothing that took none. Attempts at the same time count both."""

    seconds: dict[str, float]

    def __str__(self) -> str:
        return ", ".join(f"{seconds(spent)} {WORDS[name]}" for name, spent in self.seconds.items())


def times_of(events: Iterable[Struct]) -> Times:
    """Add up what each event took."""
    spent = dict.fromkeys(WORDS, 0.0)
    for event in events:
        if (took := taken_by(event)) > 0:
            spent[_on(event)] += took
    return Times({name: took for name, took in spent.items() if took > 0})


def taken_by(event: Struct) -> float:
    """Seconds that an event took, or that the wait took which it tells of."""
    if isinstance(event, AttemptEnded):
        return event.seconds
    _, field = TAKES.get(type(event), ("", ""))
    return float(getattr(event, field)) if field else 0.0


def _on(event: Struct) -> str:
    if isinstance(event, AttemptEnded):
        return "answer" if event.kind == "ok" else "in_vain"
    return TAKES[type(event)][0]
