"""What happens, in plain words: the story's turns, circuits, pauses, and how many requests moved where.

Each is told once. What comes in numbers, such as requests that move on, is gathered and told every few seconds.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from outlast.demo.story import Trouble
from outlast.model.events import BreakerChanged, Event, FailedOver, RequestEnded, StreamResumed, TakenOut

GATHER = 3.0
"""Seconds for which numbers are gathered."""
KEPT = 40
"""Lines that the view may want to show."""

Tone = Literal["bad", "good", "plain"]


class Line(Struct, frozen=True):
    """One line of news; `at` is seconds since the start."""

    at: float
    text: str
    tone: Tone = "plain"


class News:
    """A sink that makes lines of events.

    Args:
        elapsed: seconds since the start.
        heard: called with every line.

    Attributes:
        lines: the last lines, the newest last.
        moved: how often a request moved from one provider to another.
        resumed: streams that broke and came to their end all the same.
    """

    __slots__ = ("_elapsed", "_gathered", "_heard", "_pauses", "_told_at", "lines", "moved", "resumed")

    def __init__(self, elapsed: Callable[[], float], heard: Callable[[Line], None]) -> None:
        self._elapsed = elapsed
        self._heard = heard
        self._gathered: Counter[str] = Counter()
        self._pauses: dict[str, float] = {}
        self._told_at = 0.0
        self.lines: deque[Line] = deque(maxlen=KEPT)
        self.moved = 0
        self.resumed = 0

    def __call__(self, event: Event) -> None:
        """Take note of what the engine tells."""
        match event:
            case BreakerChanged():
                self.tell(*_circuit(event))
            case TakenOut():
                self._left_alone(event)
            case FailedOver():
                self.moved += 1
                self._gathered[f"{provider(event.from_target)} → {provider(event.to_target)}"] += 1
            case StreamResumed():
                self._gathered[f"in mid-stream {provider(event.from_target)} → {provider(event.to_target)}"] += 1
            case RequestEnded() if event.kind == "ok":
                self.resumed += event.resumed > 0
            case RequestEnded() if event.kind == "broken_stream":
                self.tell(f"a stream from {provider(event.target)} broke; the caller was told", "bad")
            case RequestEnded() if event.kind != "cancelled":
                self.tell(f"a request failed, and its caller was told: {event.kind}", "bad")

    def turn(self, before: tuple[Trouble, ...], after: tuple[Trouble, ...]) -> None:
        """The story goes on."""
        for trouble in before:
            if trouble not in after:
                self.tell(f"{trouble.provider} is well again", "good")
        for trouble in after:
            if trouble not in before:
                self.tell(f"{trouble.provider} {trouble.words}", "bad")

    def tick(self) -> None:
        """Tell what was gathered, if it is time to."""
        if self._gathered and self._elapsed() - self._told_at >= GATHER:
            self._told_at = self._elapsed()
            moves = ", ".join(f"{count} {move}" for move, count in self._gathered.most_common(3))
            self._gathered.clear()
            self.tell(f"moved on: {moves}")

    def _left_alone(self, event: TakenOut) -> None:
        """Told once for each pause, although every request that was under way may have heard of it."""
        if self._elapsed() >= self._pauses.get(event.name, 0.0):
            self.tell(f"outlast leaves {provider(event.name)} alone for {event.seconds:.1f} s: {event.kind}", "bad")
        self._pauses[event.name] = self._elapsed() + event.seconds

    def tell(self, text: str, tone: Tone = "plain") -> None:
        """Add a line."""
        line = Line(self._elapsed(), text, tone)
        self.lines.append(line)
        self._heard(line)


def provider(target: str) -> str:
    """The provider's name in "provider/model"."""
    return target.partition("/")[0]


def _circuit(event: BreakerChanged) -> tuple[str, Tone]:
    name = provider(event.target)
    match event.after:
        case "open":
            return f"outlast stops asking {name} for {event.seconds:.1f} s: {event.reason}", "bad"
        case "half_open":
            return f"outlast tries {name} again", "plain"
    return f"outlast trusts {name} again: {event.reason}", "good"
