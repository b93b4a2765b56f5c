"""One simulated provider: what it was told, what has become of it, and what it does with the next request.

scripted ─ none ─▶ "sim-…" ─ none ─▶ limits ─ within ─▶ outage ─ none ─▶ errors ─ lucky ─▶ default
   └─────────────────┴──────────────────┴────────────────┴─────────────────┴────────────────▶ a behaviour,
                                                                    at the provider's pace, with its headers
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from random import Random
from typing import NamedTuple

from outlast.lab.answer import Asked, Json, compose, plain
from outlast.lab.conduct import Conduct
from outlast.lab.ledger import Seen
from outlast.lab.named import Spec, behaviour, by_model
from outlast.lab.other_pages import File
from outlast.lab.outages import Blow, blown
from outlast.lab.pacing import Pace, breakable, counted, headed, paced
from outlast.lab.quotas import Cost, Exceeded, Gauge, Quota
from outlast.lab.rendering import words_of
from outlast.lab.script import Behaviour, status
from outlast.lab.vendors import accents

_CALM = Blow()


class Clock(NamedTuple):
    """The time: `now` for what passes, `epoch` for dates."""

    now: Callable[[], float]
    epoch: Callable[[], float]


class Site:
    """One provider of several.

    Args:
        name: the path before `/v1`.
        conduct: what it was told.
        clock: the time.
        seed: of its dice, unless the conduct has one.

    Attributes:
        count: requests so far.
        default: what it does when nothing else is the case.
        key: what callers must send; None takes any.
        queue: scripted behaviours, which come before all else.
        files: that callers have sent.
    """

    __slots__ = (
        "_began",
        "_clock",
        "_quota",
        "_running",
        "_seed",
        "conduct",
        "count",
        "default",
        "files",
        "key",
        "name",
        "queue",
    )

    def __init__(self, name: str, conduct: Conduct, clock: Clock, seed: object) -> None:
        self.name = name
        self.count = 0
        self.queue: deque[Behaviour] = deque()
        self.files: dict[str, File] = {}
        self._clock = clock
        self._seed = seed
        self._running: list[Seen] = []
        self.told(conduct)

    def told(self, conduct: Conduct) -> None:
        """From now on it conducts itself so; schedules and quotas begin anew."""
        self.conduct = conduct
        self.default = behaviour(conduct.default)
        self.key = conduct.key
        self.begin()

    def begin(self) -> None:
        """Schedules and quotas count from now."""
        self._began = self._clock.now()
        self._quota = Quota(self.conduct.limits, self._began, self.running)

    def script(self, specs: Iterable[Spec], default: Spec | None, key: str | None) -> None:
        """Queue behaviours; or change what it does otherwise, or its key."""
        wanted = [behaviour(spec) for spec in specs]
        otherwise = behaviour(default) if default is not None else self.default
        self.queue.extend(wanted)
        self.default = otherwise
        self.key = key if key is not None else self.key

    def running(self) -> int:
        """Requests that are being answered."""
        self._running = [seen for seen in self._running if seen.ended is None]
        return len(self._running)

    def decide(self, asked: Asked, seen: Seen) -> Behaviour:
        """What is done with a good request."""
        dice = self._dice(seen.number)
        scripted = self.queue.popleft() if self.queue else by_model(asked.model)
        exceeded = None if scripted else self._exceeded(asked)
        if exceeded is not None:
            return self.dressed(_refusal(asked, exceeded), asked)
        self.running()
        self._running.append(seen)
        chosen, blow = (scripted, _CALM) if scripted else self._unscripted(dice)
        return self.dressed(self._timed(chosen, asked, blow, dice, breaks=scripted is None), asked)

    def unwell(self, seen: Seen) -> Behaviour | None:
        """What an outage does to a request that costs nothing, such as for the list of models."""
        return blown(self.conduct.outages, self._seconds(), self._dice(seen.number)).behaviour

    def dressed(self, chosen: Behaviour, asked: Asked) -> Behaviour:
        """The same behaviour, with headers that tell how the limits stand."""
        gauges = _shown(self._quota.gauges(self._clock.now()), asked)
        told = accents.headers(asked.accent, words_of(asked).rate_limits(gauges, self._clock.epoch()))
        return headed(chosen, tuple(told)) if gauges else chosen

    def state(self) -> Json:
        """What it was told, and how it is now."""
        seconds = self._seconds()
        gauges = self._quota.gauges(self._clock.now())
        return {
            "conduct": self.conduct.told(),
            "seconds": round(seconds, 3),
            "outages": [outage.name for outage in self.conduct.outages if outage.active(seconds)],
            "limits": {
                gauge.unit: {"limit": gauge.limit, "remaining": gauge.remaining, "reset": round(gauge.reset, 3)}
                for gauge in gauges
            },
            "requests": self.count,
            "running": self.running(),
            "scripted": len(self.queue),
        }

    def _exceeded(self, asked: Asked) -> Exceeded | None:
        """The limit that is in the way; to count tokens costs none, and has limits of its own."""
        return None if asked.kind == "count_tokens" else self._quota.exceeded(_cost(asked), self._clock.now())

    def _unscripted(self, dice: Random) -> tuple[Behaviour, Blow]:
        blow = blown(self.conduct.outages, self._seconds(), dice)
        return blow.behaviour or self._mishap(dice) or self.default, blow

    def _mishap(self, dice: Random) -> Behaviour | None:
        left = dice.random()
        for mishap in self.conduct.errors:
            left -= mishap.rate
            if left < 0:
                return behaviour(mishap.behaviour)
        return None

    def _timed(self, chosen: Behaviour, asked: Asked, blow: Blow, dice: Random, *, breaks: bool) -> Behaviour:
        conduct, quota, now = self.conduct, self._quota, self._clock.now
        if asked.kind != "count_tokens" and (not conduct.untimed or blow.delay):
            pace = Pace(conduct.first, conduct.pace, dice, now, factor=blow.factor, delay=blow.delay)
            chosen = paced(chosen, pace)
        if conduct.limits.output_tokens_per_minute is not None:
            chosen = counted(chosen, lambda pieces: quota.generated(pieces, now()))
        attentive = any(outage.breaking for outage in conduct.outages)
        return breakable(chosen, self._broken, attentive=attentive) if breaks else chosen

    def _broken(self) -> bool:
        seconds = self._seconds()
        return any(outage.breaking and outage.active(seconds) for outage in self.conduct.outages)

    def _seconds(self) -> float:
        return self._clock.now() - self._began

    def _dice(self, number: int) -> Random:
        """Dice of one request: its luck does not depend on who else asks meanwhile."""
        seed = f"{self._seed}/{self.name}" if self.conduct.seed is None else self.conduct.seed
        return Random(f"{seed}/{number}")  # noqa: S311  (must be repeatable)


def _cost(asked: Asked) -> Cost:
    """The tokens that a vendor counts before it answers: all that the caller allows, else what there will be."""
    if asked.kind == "embeddings":
        return Cost(words_of(asked).input_tokens(asked))
    said = compose(asked)
    body = plain(asked).body
    allowed = body.get("max_completion_tokens") or body.get("max_tokens")
    return Cost(said.prompt, allowed if isinstance(allowed, int) else len(said.tokens))


def _refusal(asked: Asked, exceeded: Exceeded) -> Behaviour:
    kind, code, message, hints = words_of(asked).exceeded(asked, exceeded)
    refused = status(429, hints, type=kind, error=code, message=message)
    return Behaviour(f"limit-{exceeded.unit}", refused.play)


def _shown(gauges: list[Gauge], asked: Asked) -> list[Gauge]:
    """The limits that the vendor tells of; its plain `tokens` are those of the limit that is nearest."""
    plain = [gauge for gauge in gauges if gauge.unit != "requests"]
    if not plain:
        return gauges
    nearest = min(plain, key=lambda gauge: gauge.remaining / max(1, gauge.limit))
    tokens = next((gauge for gauge in plain if gauge.unit == "tokens"), nearest._replace(unit="tokens"))
    shown = gauges if asked.vendor == "anthropic" else [gauge for gauge in gauges if gauge.unit == "requests"]
    return [*(gauge for gauge in shown if gauge.unit != "tokens"), tokens]
