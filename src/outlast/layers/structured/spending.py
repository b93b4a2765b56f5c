"""What all the answers to one request have taken together, the wrong ones too."""

from __future__ import annotations

from outlast.model.messages import Usage


class Spent:
    """Sums usage and cost.

    Attributes:
        usage: tokens of the answers so far; None before the first.
        cost: US dollars, None when the price of one is unknown.
    """

    __slots__ = ("cost", "usage")

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.cost: float | None = None

    def add(self, usage: Usage | None, cost: float | None) -> None:
        """One more answer has come to its end."""
        first = self.usage is None
        self.usage = self.with_more(usage or Usage())
        if first:
            self.cost = cost
        else:
            self.cost = None if cost is None or self.cost is None else self.cost + cost

    def with_more(self, usage: Usage) -> Usage:
        """The tokens so far and these."""
        return usage if self.usage is None else self.usage + usage
