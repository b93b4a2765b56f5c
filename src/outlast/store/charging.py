"""Decisions over limits of which a store keeps one number each, by scope and name: when the bucket will be full."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf

from outlast.flow.bucket import Bucket
from outlast.ports import Asked, Charge, Decision, Left

Limit = tuple[str, str]
"""A limit's scope, and its name there."""

Tats = Mapping[Limit, float]
"""When each will be full again; those that are full need not be there."""


def limits_of(asked: Iterable[Asked]) -> list[Limit]:
    """All that are asked of."""
    return [(of.scope, charge.name) for of in asked for charge in of.charges]


def taken(asked: Sequence[Asked], tats: Tats, now: float, max_wait: float) -> tuple[list[Decision], dict[Limit, float]]:
    """A decision for each scope, and what is to be written: everything, or nothing if one of them refuses."""
    waits = [[bucket.wait(charge.cost, now) for bucket, charge in _buckets(of, tats)] for of in asked]
    granted = all(wait <= max_wait and wait < inf for each in waits for wait in each)
    after = charged(asked, tats, now) if granted else {}
    seen = {**tats, **after}
    return [_decided(of, each, seen, now, granted=granted) for of, each in zip(asked, waits, strict=True)], after


def charged(asked: Iterable[Asked], tats: Tats, now: float) -> dict[Limit, float]:
    """What is to be written once all of that is charged, whether it may be or not."""
    after: dict[Limit, float] = {}
    for of in asked:
        for bucket, charge in _buckets(of, {**tats, **after}):
            bucket.charge(charge.cost, now)
            after[of.scope, charge.name] = bucket.tat
    return after


def leased(asked: Asked, tats: Tats, now: float) -> tuple[float, dict[Limit, float]]:
    """The share of all costs that every limit has left, and what is to be written for it."""
    share = 1.0
    for bucket, charge in _buckets(asked, tats):
        if charge.cost > 0.0:
            share = min(share, bucket.remaining(now) / charge.cost)
    if share <= 0.0:
        return 0.0, {}
    part = tuple(Charge(c.name, c.cost * share, c.amount, c.period, c.burst) for c in asked.charges)
    return share, charged([Asked(asked.scope, part)], tats, now)


def tightened(asked: Asked, tats: Tats, now: float) -> dict[Limit, float]:
    """What is to be written so that no more than each cost is left."""
    return {
        (asked.scope, charge.name): bucket.tat
        for bucket, charge in _buckets(asked, tats)
        if bucket.lower(charge.cost, now)
    }


def _buckets(of: Asked, tats: Tats) -> Iterable[tuple[Bucket, Charge]]:
    for charge in of.charges:
        tat = tats.get((of.scope, charge.name), -inf)
        yield Bucket(charge.amount, charge.period, charge.burst, tat), charge


def _decided(of: Asked, waits: Sequence[float], tats: Tats, now: float, *, granted: bool) -> Decision:
    longest = max(waits, default=0.0)
    by = of.charges[waits.index(longest)].name if longest > 0.0 else ""
    left = tuple(Left(bucket.remaining(now), bucket.reset(now)) for bucket, _ in _buckets(of, tats))
    return Decision(granted, longest, by, left)
