"""What a call is to pay to the limits that it falls under, worked out before any lock is taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from outlast.guard.machines import Charge
from outlast.guard.policies import Limit
from outlast.layers.limits import Costs


class Bill:
    """The charges of calls to some limits in a row.

    Args:
        limits: those limits.
        first: the number of the first of them in the plan.
    """

    __slots__ = ("_always", "_limits")

    def __init__(self, limits: Sequence[Limit], first: int) -> None:
        self._limits = tuple(enumerate(limits, start=first))
        alike = all(limit.key is None and limit.tokens is None for limit in limits)
        self._always = tuple(Charge(limit, number) for number, limit in self._limits) if alike else None

    def of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Charge, ...]:
        """The charges of a call with these arguments."""
        if self._always is not None:
            return self._always
        return tuple(_charge(limit, number, args, kwargs) for number, limit in self._limits)


def _charge(limit: Limit, number: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Charge:
    key = None if limit.key is None else str(limit.key(*args, **kwargs))
    tokens = 0.0 if limit.tokens is None else float(limit.tokens(*args, **kwargs))
    return Charge(limit, number, key, Costs(1.0, tokens))
