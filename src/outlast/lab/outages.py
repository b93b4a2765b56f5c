"""When a provider is unwell, and how: a schedule, and what it does to a request that comes meanwhile.

    at ────── for ──────┐                  { at = 10, for = 5, kind = "down" }
    0─────10▓▓▓▓▓15───────────▶ seconds    with `every = 60` again at 70, 130, …

down        connections are reset; answers that are under way break off
brown-out   a share fails with 503 (Anthropic: 529), and all the rest is slow
flapping    down for `flip` seconds, up for as many, and so on
gray        a small share is very slow; nothing fails
throttling  a share is refused with 429
a behaviour such as "cut-4", 500 or { throttled = { retry_after = 3 } } happens to a share
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from random import Random
from typing import NamedTuple

from msgspec import Struct, field

from outlast.lab.answer import Asked
from outlast.lab.named import Word, behaviour
from outlast.lab.script import Behaviour, reset, status, throttled
from outlast.lab.steps import Step

_SHARES = {"brown-out": 0.5, "gray": 0.1}
_FACTORS = {"brown-out": 3.0, "gray": 10.0}
_BREAKING = ("down", "flapping")
KINDS = (*_BREAKING, *_SHARES, "throttling")


class Blow(NamedTuple):
    """What befalls one request: another answer than the good one, or only a slower one."""

    behaviour: Behaviour | None = None
    factor: float = 1.0
    delay: float = 0.0


class Outage(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A time of trouble. Seconds count from the provider's start, or from when it was told to conduct itself so.

    Attributes:
        kind: "down", "brown-out", "flapping", "gray", "throttling", or any behaviour.
        at: when it begins.
        lasts: `for` in a file: how long; None: to the end.
        every: after how many seconds it begins again; None: it comes once.
        share: of the requests that are struck; usually all, half of them in a brown-out, a tenth when gray.
        factor: how many times longer everything takes in a brown-out, or what is struck when gray.
        delay: seconds that are added before the first content, besides.
        flip: seconds from down to up and from up to down when flapping.
        retry_after: how many seconds throttling tells the caller to wait.
    """

    kind: Word = "down"
    at: float = 0.0
    lasts: float | None = field(default=None, name="for")
    every: float | None = None
    share: float | None = None
    factor: float | None = None
    delay: float = 0.0
    flip: float = 1.0
    retry_after: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= (self.share or 0.0) <= 1:
            raise ValueError("share must be from 0 to 1")
        if self.every is not None and not 0 < (math.inf if self.lasts is None else self.lasts) < self.every:
            raise ValueError('an outage that comes again needs a "for" that is shorter than its "every"')
        if self.flip <= 0:
            raise ValueError("flip must be more than 0")
        if self.kind not in KINDS:
            behaviour(self.kind, known=KINDS)

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.kind) if self.kind in KINDS else behaviour(self.kind).name

    def active(self, seconds: float) -> bool:
        """Does it strike at this moment? Flapping does only while it is down."""
        since = seconds - self.at
        if self.every is not None and since >= 0:
            since %= self.every
        within = since >= 0 and (self.lasts is None or since < self.lasts)
        return within and (self.kind != "flapping" or since // self.flip % 2 == 0)

    @property
    def breaking(self) -> bool:
        """Are all connections reset while it is active, also those on which an answer is under way?"""
        return self.kind in _BREAKING and self.share in {None, 1}

    def blow(self, dice: Random) -> Blow | None:
        """What it does to a request that comes while it is active."""
        share = _SHARES.get(str(self.kind), 1.0) if self.share is None else self.share
        factor = _FACTORS.get(str(self.kind), 1.0) if self.factor is None else self.factor
        struck = dice.random() < share
        if self.kind == "brown-out":
            return Blow(_OVERLOADED if struck else None, factor, self.delay)
        return Blow(self._answer(), factor, self.delay) if struck else None

    def _answer(self) -> Behaviour | None:
        match self.kind:
            case "down" | "flapping":
                return reset()
            case "gray":
                return None
            case "throttling":
                return throttled(self.retry_after)
        return behaviour(self.kind)


def blown(outages: Iterable[Outage], seconds: float, dice: Random) -> Blow:
    """What all outages together do to a request: the first answer wins, slowness adds up."""
    blows = [blow for outage in outages if outage.active(seconds) and (blow := outage.blow(dice)) is not None]
    answers = (blow.behaviour for blow in blows if blow.behaviour is not None)
    factor = math.prod(blow.factor for blow in blows)
    return Blow(next(answers, None), factor, sum(blow.delay for blow in blows))


def _overloaded(asked: Asked) -> Iterator[Step]:
    yield from status(529 if asked.vendor == "anthropic" else 503, message="Overloaded").play(asked)


_OVERLOADED = Behaviour("brown-out", _overloaded)
