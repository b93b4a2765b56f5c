"""The story of one call, made of its events: what was tried where, what was waited for, and what would have helped.

    (time, event), (time, event), …  ──▶  Story  ──▶  steps at relative times, and lines for a person

Pure: the events come from a `Journal`, or from the lines of a log. What another call did to a target, such as opening
its circuit, belongs to the story of a call that met it: it is told before the beginning, at a negative time.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from outlast.model.events import AttemptEnded, RequestEnded, SlotAwaited
from outlast.telemetry.record import fields_of, name_of
from outlast.telemetry.story.background import Background
from outlast.telemetry.story.ending import beginning, ending
from outlast.telemetry.story.helping import helping
from outlast.telemetry.story.times import Times, taken_by, times_of
from outlast.telemetry.story.units import printable
from outlast.telemetry.story.words import words_of

__all__ = ["Background", "Step", "Story", "Timed", "story_of"]

Timed = tuple[float, Struct]
"""When an event was heard of, in seconds of any one clock, and the event."""
TOLERANCE = 0.002
"""Seconds by which the times of a log may be off, which are written in milliseconds."""


class Step(Struct, frozen=True):
    """One fact of a story: `at` so many seconds after the beginning, what it was, and what is said of it."""

    at: float
    event: Struct

    @property
    def name(self) -> str:
        """What kind of fact it is, such as `retry_scheduled`."""
        return name_of(self.event)

    @property
    def text(self) -> str:
        """The fact in words."""
        return words_of(self.event)


class Story(Struct, frozen=True):
    """What happened to one call.

    Attributes:
        call: its id.
        began: when, on the clock of whoever heard of it.
        steps: its facts in the order in which they began; those before the beginning have a negative time.
        ended: how it ended; None while it is under way, or where nobody knows.
        missing: facts that were too many to be kept.
    """

    call: str
    began: float
    steps: tuple[Step, ...]
    ended: RequestEnded | None = None
    missing: int = 0

    @property
    def times(self) -> Times:
        """Where its time went."""
        return times_of(step.event for step in self.steps)

    @property
    def helping(self) -> tuple[str, ...]:
        """What would have helped, the most likely first."""
        return helping(self.ended, [step.event for step in self.steps])

    def told(self, at: str = "") -> list[str]:
        """The story in lines for a person; `at` says when it began. No line steers a terminal, whoever made it up."""
        lines = [beginning(self.call, self.ended) + (at and f", at {at}"), ending(self.ended), ""]
        lines += [f"{step.at:9.3f} s   {step.text}" for step in self.steps]
        if self.missing:
            lines.append(f"{'':9}     and {self.missing} facts more, which were not kept")
        if time := str(self.times):
            lines += ["", f"time: {time}"]
        lines += [f"help: {text}" for text in self.helping]
        return [printable(line) for line in lines]

    def plain(self) -> dict[str, object]:
        """The same as plain values, for JSON. Times in seconds."""
        return {
            "request_id": self.call,
            "began": self.began,
            "ended": None if self.ended is None else fields_of(self.ended),
            "steps": [
                {"at": round(step.at, 6), "event": step.name, "text": step.text, **fields_of(step.event)}
                for step in self.steps
            ],
            "times": {name: round(seconds, 6) for name, seconds in self.times.seconds.items()},
            "helping": list(self.helping),
            "missing": self.missing,
        }


def story_of(call: str, events: Iterable[Timed], *, missing: int = 0) -> Story:
    """The story of a call, whose events come in the order in which they were heard of."""
    heard = _once(list(events))
    ended = next((event for _, event in reversed(heard) if isinstance(event, RequestEnded)), None)
    began = _began(call, heard)
    steps: list[Step] = []
    for time, event in heard:
        if not isinstance(event, RequestEnded):
            _place(steps, Step(time - began - _lasted(event), event), own=_owner(event) == call)
    if ended is not None and not missing:
        _complete(steps, ended)
    return Story(call, began, tuple(steps), ended, missing)


def _once(heard: list[Timed]) -> list[Timed]:
    """What belongs to the last request of that id: a caller may give several the same."""
    ends = [at for at, (_, event) in enumerate(heard) if isinstance(event, RequestEnded)]
    if len(ends) < 2:
        return heard
    return heard[ends[-2] + 1 :]


def _began(call: str, heard: list[Timed]) -> float:
    for time, event in reversed(heard):
        if isinstance(event, RequestEnded):
            return time - event.seconds
    return min((time - _lasted(event) for time, event in heard if _owner(event) == call), default=0.0)


def _owner(event: Struct) -> str:
    return getattr(event, "call", "")


def _lasted(event: Struct) -> float:
    """Seconds since it began, of what is told when it is over."""
    return event.seconds if isinstance(event, (AttemptEnded, SlotAwaited)) else 0.0


def _place(steps: list[Step], step: Step, *, own: bool) -> None:
    """Put a step where it began; what is told later of the same moment comes later."""
    at = max(0.0, step.at) if own else step.at
    index = len(steps)
    while index and steps[index - 1].at > at + TOLERANCE:
        index -= 1
    if index:
        at = max(at, steps[index - 1].at)
    steps.insert(index, Step(at, step.event))


def _complete(steps: list[Step], ended: RequestEnded) -> None:
    """Add the attempts of which only the request tells: logs leave out those that went well."""
    known = {step.event.number: step.at for step in steps if isinstance(step.event, AttemptEnded)}
    at = 0.0
    for attempt in ended.history or (() if known else _only(ended, _free(steps))):
        if attempt.number in known:
            at = known[attempt.number]
        else:
            at = ended.seconds - attempt.seconds if attempt.kind == "ok" else at
            _place(steps, Step(at, attempt), own=True)
        at += attempt.seconds


def _free(steps: list[Step]) -> float:
    """When the last of these steps was over."""
    return max((step.at + taken_by(step.event) for step in steps), default=0.0)


def _only(ended: RequestEnded, began: float) -> tuple[AttemptEnded, ...]:
    """The attempt of a request that was answered at the first go, as far as its end tells of it."""
    if ended.attempts != 1 or ended.kind != "ok":
        return ()
    provider, _, model = ended.target.partition("/")
    seconds, first = ended.seconds - began, None if ended.first is None else max(0.0, ended.first - began)
    return (
        AttemptEnded(
            ended.call, ended.target, provider, model, 1, "ok", seconds, first, 200, usage=ended.usage, cost=ended.cost
        ),
    )
