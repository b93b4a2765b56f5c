"""How many calls at once a target bears, found out by what its provider says of too many.

    throttled, overloaded    limit = max(least, 0.8 * limit), at most once per window
    success                  limit + 1, while at least half of it is in use, and never beyond the slots

That is AIMD. By itself it would climb to where it was cut again and again; so it remembers for a while at which limit
that was, stays below, and afterwards goes beyond by one per window only. Latency is no signal, for answers differ in
length.

Sources: Chiu & Jain 1989 (AIMD), Netflix concurrency-limits (AIMDLimit: half in use, what is ignored), RFC 5681 and
RFC 8312 (what TCP remembers of a loss).
"""

from __future__ import annotations

from math import inf

from outlast.layers.bulkhead.config import AdaptiveConfig

EPSILON = 1e-9


class Adaptive:
    """The limit of one target. Starts at the most there is, and is told of successes and of what was too much.

    Attributes:
        limit: calls at once that the target is believed to bear.
        most: it never exceeds this, the slots.
        ceiling: the limit that last proved too much.
    """

    __slots__ = ("_config", "_cut_after", "_hold_until", "ceiling", "limit", "most")

    def __init__(self, config: AdaptiveConfig, most: int) -> None:
        self._config = config
        self.most = most
        self.limit = most
        self.ceiling = inf
        self._cut_after = -inf  # not before then is it cut again
        self._hold_until = -inf  # not before then is the ceiling tried again

    def __repr__(self) -> str:
        return f"Adaptive({self.limit} of {self.most})"

    def too_much(self, now: float) -> bool:
        """The provider was throttled or overloaded: cut, unless that was done a moment ago. Has the limit changed?"""
        config = self._config
        if now < self._cut_after:
            return False
        before = self.ceiling = self.limit
        self.limit = min(before, max(config.least, int(before * config.cut + EPSILON)))
        self._cut_after = now + config.window
        self._hold_until = now + config.remember
        return self.limit != before

    def succeeded(self, in_flight: int, now: float) -> bool:
        """A call succeeded while so many, itself among them, were in flight. Has the limit changed?"""
        limit = self.limit
        if limit >= self.most or 2 * in_flight < limit:
            return False
        if limit + 1 >= self.ceiling:
            if now < self._hold_until:
                return False
            self._hold_until = now + self._config.window
        self.limit = limit + 1
        return True

    def resize(self, most: int) -> None:
        """From now on so many at the most; what was not cut moves along."""
        self.limit = most if self.limit >= self.most else min(self.limit, most)
        self.most = most

    def idle(self, now: float) -> bool:
        """Is it as good as new, or is what it learned too old to be worth keeping?"""
        return self.limit >= self.most or now >= self._hold_until
