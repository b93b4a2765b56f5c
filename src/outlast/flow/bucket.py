"""One limit's arithmetic: a bucket that holds `burst`, and into which `amount` flows each `period` seconds.

tat     the moment at which it will be full again, if nothing more is spent; now or earlier: it is full
wait    tat - now - (burst - cost) · spacing       seconds until a cost may be spent
charge  tat = max(tat, now) + cost · spacing       spent, or reserved for whoever waits
"""

from __future__ import annotations

NEVER = float("inf")
EPSILON = 1e-9


class Bucket:
    """One limit, of which a single number changes. Costs may be fractions.

    Args:
        amount: flows in each `period` seconds.
        period: seconds.
        burst: it holds that much.
        tat: when it will be full, by the same clock as every `now`.
    """

    __slots__ = ("amount", "burst", "most", "period", "spacing", "tat")

    def __init__(self, amount: float, period: float, burst: float, tat: float = 0.0) -> None:
        self.amount = amount
        self.period = period
        self.burst = burst
        self.most = max(amount, burst)
        self.spacing = period / amount
        self.tat = tat

    def wait(self, cost: float, now: float) -> float:
        """Seconds until `cost` may be spent; infinite for more than a whole period's amount.

        A cost above the burst waits for a full bucket, and goes into debt.
        """
        wait = self.tat - now
        if cost < self.burst:
            wait -= (self.burst - cost) * self.spacing
        elif cost > self.most:
            return NEVER
        return wait if wait > EPSILON and cost > 0.0 else 0.0

    def charge(self, cost: float, now: float) -> None:
        """Spend it, or reserve it; a cost below zero gives back, no more than is missing."""
        self.tat = max(now, max(self.tat, now) + cost * self.spacing)

    def lower(self, remaining: float, now: float) -> bool:
        """No more than that is left, whatever was thought: it only ever lowers. Did it?"""
        told = now + (self.burst - max(0.0, remaining)) * self.spacing
        if told <= self.tat:
            return False
        self.tat = told
        return True

    def remaining(self, now: float) -> float:
        """What may be spent now, without waiting."""
        return max(0.0, self.burst - max(0.0, self.tat - now) / self.spacing)

    def reset(self, now: float) -> float:
        """Seconds until the bucket is full again."""
        return max(0.0, self.tat - now)
