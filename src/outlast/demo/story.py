"""The story of the demo: who the four providers are, and who fails when.

Times are seconds of a run of 30; a longer or shorter run stretches the story. What is wrong is told on the screen in
the words that stand here; what comes of it is counted from what callers receive.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from outlast.lab.conduct import Conduct
from outlast.lab.laws import Law
from outlast.lab.named import Word
from outlast.lab.outages import Outage
from outlast.model.target import Price

LENGTH = 30.0
"""Seconds of the run that the table is written for."""


class Part(Struct, frozen=True):
    """One provider as it is when it is well.

    Attributes:
        name: how everybody calls it.
        dialect: what it speaks.
        first: seconds to its first words, nearly always within the second number.
        between: seconds between its words.
        price: US dollars for a million tokens.
    """

    name: str
    dialect: Literal["openai", "anthropic"]
    first: tuple[float, float]
    between: float
    price: Price


class Trouble(Struct, frozen=True):
    """Something that is wrong with a provider for a while.

    Attributes:
        provider: whose trouble it is.
        begins, ends: seconds of a run of 30.
        kind: of outage, or the behaviour that requests meet.
        share: of the requests that are struck.
        words: the same for people; at most 31 characters, which is the room on the screen.
    """

    provider: str
    begins: float
    ends: float
    kind: Word
    share: float
    words: str


PARTS = (
    Part("alpha", "openai", (0.25, 0.40), 0.030, Price(1.00, 4.00)),
    Part("beta", "anthropic", (0.30, 0.50), 0.030, Price(1.20, 5.00)),
    Part("gamma", "openai", (0.40, 0.60), 0.040, Price(0.60, 2.40)),
    Part("delta", "anthropic", (0.50, 0.80), 0.045, Price(0.80, 3.20)),
)

STORY = (
    Trouble("alpha", 2.5, 6.0, "brown-out", 0.6, "brown-out: slow, 3 of 5 fail"),
    Trouble("alpha", 7.5, 12.0, "down", 1.0, "down: resets every connection"),
    Trouble("beta", 9.0, 12.0, {"throttled": {"retry_after": 2}}, 1.0, "throttles: 429, back in 2 s"),
    Trouble("gamma", 10.0, 12.0, 500, 0.5, "brown-out: every second a 500"),
    Trouble("beta", 14.0, 17.5, "silent", 1.0, "takes requests, says nothing"),
    Trouble("alpha", 18.5, 22.0, "ended-6", 0.25, "cuts 1 of 4 answers unannounced"),
    Trouble("alpha", 23.5, 26.0, "silent", 1.0, "takes requests, says nothing"),
    Trouble("gamma", 24.0, 26.5, "down", 1.0, "down: resets every connection"),
    Trouble("beta", 27.0, 28.5, "stall-6", 0.1, "stalls in 1 of 10 answers"),
)

MOMENTS = tuple(sorted({at for trouble in STORY for at in (trouble.begins, trouble.ends)}))
"""When something changes."""


def active(moment: float) -> tuple[Trouble, ...]:
    """What is wrong at this moment of a run of 30 seconds."""
    return tuple(trouble for trouble in STORY if trouble.begins <= moment < trouble.ends)


def conduct(part: Part, seconds: float) -> Conduct:
    """How the provider conducts itself in a run of so many seconds."""
    stretch = seconds / LENGTH
    median, p95 = part.first
    return Conduct(
        first=Law(median=median, p95=p95),
        between=part.between,
        price=part.price,
        outages=tuple(_outage(trouble, stretch) for trouble in STORY if trouble.provider == part.name),
    )


def _outage(trouble: Trouble, stretch: float) -> Outage:
    return Outage(
        kind=trouble.kind,
        at=trouble.begins * stretch,
        lasts=(trouble.ends - trouble.begins) * stretch,
        share=trouble.share,
    )
