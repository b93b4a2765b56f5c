"""The limits of one scope that a store keeps for several processes, as one of them sees them.

What the store told last flows off here as it does there. So this process knows without asking

    what the store has just refused         and would refuse again
    what can still be refunded              no more than would still be missing, whoever has spent it
    with what it begins on its own          when the store is out of reach: its share of what was left, and of the rate

A share is not a second limit beside the store's: it begins as empty as the whole was, and what was spent of it and has
not flowed off is told to the store when that is back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from math import ceil, inf

from msgspec import Struct

from outlast.layers.limits.gcra import Costs, Denied, Gcra, Limits
from outlast.layers.limits.peers import Peers
from outlast.layers.limits.refusing import Scope
from outlast.model.messages import Quota
from outlast.ports import Asked, Charge, Decision

BELIEVED = 1.0
"""Seconds for which a refusal is believed at most: somebody may have given back what he had not used."""
_PLAIN = re.compile(r"[A-Za-z0-9._/:@-]{1,100}", re.ASCII)


class Refusal(Struct, frozen=True):
    """The store has refused `cost` of one limit: it may go at `goes`, and until `believed` nobody need ask again."""

    cost: float
    goes: float
    believed: float


class Mirror(Limits):
    """Behaves as the limits of a process, and tells the store what is settled and learned.

    Args:
        scope: whose limits.
        whole: as they would be without a store.
        peers: who shares them.

    Attributes:
        name: of the scope, in the store.
    """

    __slots__ = ("_peers", "_refused", "_share", "name")

    def __init__(self, scope: Scope, whole: Limits, peers: Peers) -> None:
        super().__init__(whole.buckets, whole.concurrent)
        self.name = stored(scope)
        self._peers = peers
        self._refused: dict[str, Refusal] = {}
        self._share: Share | None = None

    # -- before the store is asked ---------------------------------------------------------------------------------

    def ask(self, costs: Costs, now: float, max_wait: float = 0.0) -> float | Denied:
        """Who is certain to deny them: this process's share of calls at once, or what the store has just refused."""
        if self.concurrent is not None:
            most = ceil(self.concurrent / self._peers.processes)
            if self.under_way >= most:
                return Denied("concurrent", 1.0, 1.0, 0.0, most)
        each = costs.requests, costs.tokens, costs.usd
        for bucket in self.buckets:
            refused = self._refused.get(bucket.name)
            cost = each[bucket.place]
            if refused and cost >= refused.cost and now < refused.believed and refused.goes - now > max_wait:
                return _denied(bucket, cost, refused.goes - now, now)
        return 0.0

    def asked(self, costs: Costs) -> Asked | None:
        """The question for the store; None where nothing is to be charged."""
        each = costs.requests, costs.tokens, costs.usd
        return self._charges([each[bucket.place] for bucket in self.buckets])

    # -- what the store says ---------------------------------------------------------------------------------------

    def heard(self, decision: Decision, costs: Costs, asked: float) -> Denied | None:
        """The store's answer to what it was asked at that moment: which limit makes it wait for longest, if any."""
        each = costs.requests, costs.tokens, costs.usd
        owed = self._rejoin(asked)
        slowest = None
        for bucket, left in zip(self.buckets, decision.left, strict=True):
            bucket.follow(left.reset, each[bucket.place], asked, granted=decision.granted)
            if bucket.name == decision.by:
                slowest = bucket
        if owed:
            self._settle([_settled(bucket, cost, asked, None) for bucket, cost in zip(self.buckets, owed, strict=True)])
        if slowest is None:
            return None
        cost, wait = each[slowest.place], decision.wait
        if not decision.granted:
            self._refused[slowest.name] = Refusal(cost, asked + wait, asked + min(wait, BELIEVED))
        return _denied(slowest, cost, wait, asked)

    def _rejoin(self, now: float) -> list[float]:
        """The store is back. What was spent meanwhile and has not flowed off, which it is to be told."""
        share, self._share = self._share, None
        return [] if share is None else [share.owed(whole.tat, place, now) for place, whole in enumerate(self.buckets)]

    # -- while the store is gone -----------------------------------------------------------------------------------

    def share(self) -> Share:
        """This process's part of what was left and of the rate, as long as the store is out of reach."""
        if self._share is None:
            self._share = Share(self, [_part(bucket, self._peers.processes) for bucket in self.buckets])
        return self._share

    def anything(self) -> Share:
        """No limit at all, as long as the store is out of reach."""
        return Share(self, ())

    # -- afterwards ------------------------------------------------------------------------------------------------

    def settle(self, charged: Costs, used: Costs, now: float, number: int | None = None) -> None:
        """The call is over, or gave up before its turn: the store is told the difference."""
        self.under_way -= 1
        if used is charged:
            return
        each = used.requests - charged.requests, used.tokens - charged.tokens, used.usd - charged.usd
        self._settle([_settled(bucket, each[bucket.place], now, number) for bucket in self.buckets])

    def learn(self, quota: Quota, now: float) -> None:
        """The provider's own count, as its headers tell it: all processes hear of it."""
        thought = [bucket.tat for bucket in self.buckets]
        super().learn(quota, now)
        lowered = [bucket for bucket, tat in zip(self.buckets, thought, strict=True) if bucket.tat != tat]
        if lowered:
            left = tuple(_charge(bucket, bucket.remaining(now)) for bucket in lowered)
            self._peers.store.tighten(Asked(self.name, left))

    def idle(self, now: float) -> bool:
        """Is it as good as new, so that it may be forgotten?"""
        return super().idle(now) and (self._share is None or self._share.idle(now))

    # --------------------------------------------------------------------------------------------------------------

    def _settle(self, costs: Sequence[float]) -> None:
        asked = self._charges(costs)
        if asked is not None:
            self._peers.store.settle([asked])

    def _charges(self, costs: Sequence[float]) -> Asked | None:
        if not any(costs):
            return None
        return Asked(self.name, tuple(_charge(bucket, cost) for bucket, cost in zip(self.buckets, costs, strict=True)))


class Share(Limits):
    """What one process may spend of a scope's limits without asking, and who has spent it."""

    __slots__ = ("_mirror",)

    def __init__(self, mirror: Mirror, buckets: Sequence[Gcra]) -> None:
        super().__init__(buckets)
        self._mirror = mirror

    def settle(self, charged: Costs, used: Costs, now: float, number: int | None = None) -> None:
        """The call is over, here as in the whole."""
        super().settle(charged, used, now, number)
        self._mirror.under_way -= 1

    def owed(self, whole: float, place: int, now: float) -> float:
        """What was spent of that limit and has not flowed off, beside what the store knows of, which ends then."""
        part = self.buckets[place]
        return max(0.0, part.tat - max(now, whole)) / part.spacing


def stored(scope: Scope) -> str:
    """The scope's name in a store: users have none there that anybody could read, and no name is strange or long."""
    name = scope.key.removeprefix(f"{scope.user_type} ")
    if scope.user_type == "user" or not _PLAIN.fullmatch(name):
        name = "#" + blake2b(name.encode(), digest_size=16).hexdigest()
    return f"{scope.user_type}:{name}"


def _part(whole: Gcra, processes: int) -> Gcra:
    """One of so many equal parts, as full as the whole is; what may pass the whole may pass it, sooner or later."""
    part = Gcra(whole.name, whole.unit, whole.amount / processes, whole.period, whole.burst / processes)
    part.most = whole.most
    part.tat = whole.tat
    return part


def _charge(bucket: Gcra, cost: float) -> Charge:
    return Charge(bucket.name, cost, bucket.amount, bucket.period, bucket.burst)


def _settled(bucket: Gcra, beyond: float, now: float, number: int | None) -> float:
    """What the store is to charge for that: what can still be given back of it, where it was less than charged."""
    if beyond < 0.0:
        return -bucket.refund(-beyond, bucket.charges if number is None else number, now) / bucket.spacing
    if beyond > 0.0:
        bucket.owe(beyond, now)
    return beyond


def _denied(bucket: Gcra, cost: float, wait: float, now: float) -> Denied:
    return Denied(bucket.name, None if wait == inf else wait, cost, bucket.remaining(now), bucket.amount)
