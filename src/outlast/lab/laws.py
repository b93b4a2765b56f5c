"""How long a provider takes: a number of seconds, or a law that each wait is drawn from.

0.4                              always the same        { low = 0.2, high = 0.6 }      evenly between the two
{ median = 0.4, p95 = 1.5 }      lognormal, as real     { mean = 0.4 }                 exponential: many short waits,
                                 providers are                                         few long ones
"""

from __future__ import annotations

import math
from random import Random

from msgspec import Struct

P95 = 1.6448536269514722
"""Where the 95th percentile of the normal distribution lies, in standard deviations above the median."""
_WANTED = "a latency law is { median, p95 }, { low, high } or { mean }, in seconds"


class Law(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Seconds by chance: lognormal by `median` and `p95`, uniform by `low` and `high`, exponential by `mean`."""

    median: float | None = None
    p95: float | None = None
    low: float | None = None
    high: float | None = None
    mean: float | None = None

    def __post_init__(self) -> None:
        said = {name for name in self.__struct_fields__ if getattr(self, name) is not None}
        if said not in ({"median", "p95"}, {"low", "high"}, {"mean"}):
            raise ValueError(_WANTED)
        if not all(0 <= getattr(self, name) < math.inf for name in said):
            raise ValueError("seconds are finite and not negative")
        if self.median is not None and self.p95 is not None and not 0 < self.median <= self.p95:
            raise ValueError("median must be more than 0, and p95 not less than median")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("low must not be more than high")

    def draw(self, dice: Random) -> float:
        """Seconds of one wait."""
        if self.median is not None and self.p95 is not None:
            return self.median * math.exp(math.log(self.p95 / self.median) / P95 * dice.gauss())
        if self.low is not None and self.high is not None:
            return dice.uniform(self.low, self.high)
        return dice.expovariate(1 / self.mean) if self.mean else 0.0


Latency = float | Law
"""Seconds, or the law that they follow."""


def drawn(latency: Latency, dice: Random) -> float:
    """Seconds of one wait."""
    return latency.draw(dice) if isinstance(latency, Law) else latency
