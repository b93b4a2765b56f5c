"""What the view looks at: the state of everything at this moment. It holds no figures of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from outlast.build import Outlast
from outlast.demo.cast import MODEL
from outlast.demo.news import Line, News, Tone, provider
from outlast.demo.story import PARTS, Trouble
from outlast.demo.ways import Caller
from outlast.flow.quantiles import Quantiles
from outlast.model.events import AttemptEnded, Event

SHOWN = 10
"""Attempts of each provider that are shown."""
RECENT = 5.0
"""Seconds in which a flow is measured, and a provider's time to first words."""
NO_VERDICT = frozenset({"cancelled", "rejected", "internal", "caller"})


class Plan(Struct, frozen=True):
    """What is to be shown: seconds of traffic, requests in a second, and the seed of every lot."""

    seconds: float = 30.0
    rate: float = 12.0
    seed: int = 1


class Attempts:
    """A sink that keeps how each provider's last attempts ended, and how soon first words came.

    Attributes:
        ends: whether the last attempts ended well, the newest last, by provider.
        first: seconds to first words, by provider.
    """

    __slots__ = ("_now", "ends", "first")

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.ends: dict[str, deque[bool]] = {part.name: deque(maxlen=SHOWN) for part in PARTS}
        self.first = {part.name: Quantiles(age=RECENT) for part in PARTS}

    def __call__(self, event: Event) -> None:
        """Take note of what the engine tells."""
        if not isinstance(event, AttemptEnded) or event.kind in NO_VERDICT:
            return
        name = provider(event.target)
        self.ends[name].append(event.kind == "ok")
        if event.first is not None:
            self.first[name].add(event.first, self._now())


class Row(Struct, frozen=True):
    """One provider as it is just now, and what outlast makes of it."""

    name: str
    dialect: str
    words: str
    troubled: bool
    circuit: str
    tone: Tone
    ends: tuple[bool, ...]
    first: float | None


class Board:
    """Everything that can be seen.

    Args:
        plan: what is to be shown.
        now: seconds, monotonic.
        heard: called with every line of news.

    Attributes:
        callers: one for each way, outlast first.
        troubles: what is wrong just now.
        outlast: the engine.
        news, attempts: the sinks that the engine is to have.
    """

    __slots__ = ("_arrivals", "_began", "_now", "attempts", "callers", "news", "outlast", "plan", "troubles")

    def __init__(self, plan: Plan, now: Callable[[], float], heard: Callable[[Line], None]) -> None:
        self.plan = plan
        self.callers: Sequence[Caller] = ()
        self.troubles: tuple[Trouble, ...] = ()
        self.outlast: Outlast | None = None
        self.news = News(self.elapsed, heard)
        self.attempts = Attempts(now)
        self._now = now
        self._began = now()
        self._arrivals: deque[float] = deque()

    def begin(self) -> None:
        """The traffic starts now."""
        self._began = self._now()

    def elapsed(self) -> float:
        """Seconds since the traffic started."""
        return self._now() - self._began

    def arrived(self) -> None:
        """A request was begun, in every way."""
        self._arrivals.append(self._now())

    def flow(self) -> float:
        """Requests in a second, over the last seconds."""
        since = self._now() - RECENT
        while self._arrivals and self._arrivals[0] < since:
            self._arrivals.popleft()
        return len(self._arrivals) / min(RECENT, max(self.elapsed(), 1.0))

    def rows(self) -> Iterator[Row]:
        """The providers as they are."""
        wrong = {trouble.provider: trouble for trouble in self.troubles}
        for part in PARTS:
            trouble = wrong.get(part.name)
            circuit, tone = self._circuit(f"{part.name}/{MODEL}")
            yield Row(
                name=part.name,
                dialect=part.dialect,
                words=trouble.words if trouble else "well",
                troubled=trouble is not None,
                circuit=circuit,
                tone=tone,
                ends=tuple(self.attempts.ends[part.name]),
                first=self.attempts.first[part.name].at(0.5, self._now()),
            )

    def _circuit(self, target: str) -> tuple[str, Tone]:
        """How outlast stands to a target: its circuit, or the pause that it asked for."""
        if self.outlast is None:
            return "closed", "good"
        stack, now = self.outlast.stack, self._now()
        breaker = stack.breakers.of(target, now)
        if breaker.state == "open" and breaker.until > now:
            return f"open {breaker.until - now:.1f} s", "bad"
        if breaker.state != "closed":
            return "half-open", "plain"
        pause, _ = stack.pauses.left(target, provider(target), now)
        return (f"paused {pause:.1f} s", "bad") if pause > 0 else ("closed", "good")
