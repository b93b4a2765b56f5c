"""Limits and decisions, as they travel to the scripts and back."""

from __future__ import annotations

from msgspec.structs import replace
from redis.exceptions import ResponseError

from outlast.ports import Asked, Charge, Decision, Left
from outlast.store.redis.commands import Reply

MICRO = 1_000_000.0


def words(charge: Charge) -> tuple[str, ...]:
    """A limit's cost, microseconds for one unit, burst, and the most that may be asked of it."""
    most = max(charge.amount, charge.burst)
    return tuple(map(repr, (charge.cost, _spacing(charge) * MICRO, charge.burst, most)))


def decided(of: Asked, reply: Reply) -> Decision | None:
    """What a script has decided; None when it failed."""
    if isinstance(reply, ResponseError):
        return None
    granted, wait, by, *rest = reply
    pairs = iter(map(float, rest))
    left = tuple(Left(remaining, missing / MICRO) for remaining, missing in zip(pairs, pairs, strict=True))
    return Decision(bool(granted), float(wait) / MICRO, of.charges[by - 1].name if by else "", left)


def back(of: Asked, share: float = 1.0) -> Asked:
    """What gives that share of it back."""
    return Asked(of.scope, tuple(replace(charge, cost=-charge.cost * share) for charge in of.charges))


def not_granted(of: Asked, decision: Decision) -> Decision:
    """The same, with what is left once the charges have been given back."""
    if not decision.granted:
        return decision
    left = tuple(
        Left(min(charge.burst, now.remaining + charge.cost), max(0.0, now.reset - charge.cost * _spacing(charge)))
        for charge, now in zip(of.charges, decision.left, strict=True)
    )
    return replace(decision, granted=False, left=left)


def _spacing(charge: Charge) -> float:
    """Seconds in which one unit comes back."""
    return charge.period / charge.amount
