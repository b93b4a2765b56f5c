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
from outlast.layers.limits.lease import Each, Lease
from outlast.layers.limits.peers import Peers
from outlast.layers.limits.refusing import Scope
from outlast.model.messages import Quota
from outlast.ports import Asked, Charge, Decision, Io

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
        leases: is anything lent of them at all?

    Attributes:
        name: of the scope, in the store.
        lease: what this process has been lent; None where nothing ever is.
    """

    __slots__ = ("_peers", "_refused", "_share", "lease", "name")

    def __init__(self, scope: Scope, whole: Limits, peers: Peers, *, leases: bool = False) -> None:
        super().__init__(whole.buckets, whole.concurrent)
        self.name = stored(scope)
        self._peers = peers
        self._refused: dict[str, Refusal] = {}
        self._share: Share | None = None
        self.lease = Lease(self.buckets, self._give_back) if leases and self.buckets else None

    # -- before the store is asked ---------------------------------------------------------------------------------

    def ask(self, costs: Costs, now: float, max_wait: float = 0.0) -> float | Denied:
        """Who is certain to deny them: this process's share of calls at once, or what the store has just refused."""
        if self.concurrent is not None:
            most = ceil(self.concurrent / self._peers.processes)
            if self.under_way >= most:
                return Denied("concurrent", 1.0, 1.0, 0.0, most)
        return self.spent(costs, now, max_wait) or 0.0

    def spent(self, costs: Costs, now: float, max_wait: float) -> Denied | None:
        """Who is certain to deny them as things stand, however many calls are under way; None if nobody is."""
        each = self.each(costs)
        for bucket, cost in zip(self.buckets, each, strict=True):
            refused = self._refused.get(bucket.name)
            if refused and cost >= refused.cost and now < refused.believed and refused.goes - now > max_wait:
                return _denied(bucket, cost, refused.goes - now, now)
        lease = self.lease
        if lease and now < lease.again and max_wait <= 0.0 and self.lendable(each) and not lease.covers(each):
            slowest = max(range(len(each)), key=lambda place: each[place] * self.buckets[place].spacing)
            return _denied(self.buckets[slowest], each[slowest], lease.again - now, now)
        return None

    def each(self, costs: Costs) -> Each:
        """What that is in each of the limits."""
        units = costs.requests, costs.tokens, costs.usd
        return [units[bucket.place] for bucket in self.buckets]

    def asked(self, costs: Costs) -> Asked | None:
        """The question for the store; None where nothing is to be charged."""
        return self._charges(self.each(costs))

    # -- loans -----------------------------------------------------------------------------------------------------

    def lendable(self, each: Each) -> bool:
        """Are calls that cost so much worth a loan?"""
        return self.lease is not None and self.lease.suits(each, self._peers.processes)

    def covered(self, each: Each) -> bool:
        """Has this process been lent enough for it?"""
        return self.lease is not None and self.lease.covers(each)

    async def borrow(self, lease: Lease, each: Each, io: Io) -> None:
        """Ask for a loan, or wait for who has asked already, until it covers that or there is none to be had.

        Raises `StoreFailed`.
        """
        while not lease.covers(each) and io.now() >= lease.again:
            if lease.asking is None:
                await self._lend(lease, each, io)
            else:
                waiter = io.waiter()
                lease.asking.append(waiter)
                await waiter.wait(inf)

    async def _lend(self, lease: Lease, each: Each, io: Io) -> None:
        asked, wanted, lease.asking = io.now(), lease.wanted(self._peers.processes), []
        question = Asked(self.name, tuple(map(_charge, self.buckets, wanted)))
        try:
            share = await self._peers.store.lease(question)
        finally:
            waiting, lease.asking = lease.asking, None
            for waiter in waiting:
                waiter.wake()
        self._pay(self._rejoin(asked), asked)
        if share > 0.0:
            amounts = [share * amount for amount in wanted]
            for bucket, amount in zip(self.buckets, amounts, strict=True):
                bucket.take(amount, asked)
            io.watch(lease, lease.lent(amounts, self.number(), io.now()))
        if not lease.covers(each):
            lease.dry(each, self._peers.processes, io.random(), io.now())

    def _give_back(self, each: Each, number: int, now: float) -> None:
        """What was lent and not spent. All of it: that was counted as out for as long."""
        for bucket, cost in zip(self.buckets, each, strict=True):
            bucket.refund(cost, number, now)
        self._settle([-cost for cost in each])

    # -- what the store says ---------------------------------------------------------------------------------------

    def heard(self, decision: Decision, costs: Costs, asked: float) -> Denied | None:
        """The store's answer to what it was asked at that moment: which limit makes it wait for longest, if any."""
        each = self.each(costs)
        owed = self._rejoin(asked)
        denied = None
        for bucket, left, cost in zip(self.buckets, decision.left, each, strict=True):
            bucket.follow(left.reset, cost, asked, granted=decision.granted)
            if bucket.name == decision.by:
                denied = _denied(bucket, cost, decision.wait, asked)
        self._pay(owed, asked)
        if denied is not None and not decision.granted:
            believed = asked + min(decision.wait, BELIEVED)
            self._refused[denied.limit] = Refusal(denied.cost, asked + decision.wait, believed)
        return denied

    def _rejoin(self, now: float) -> Each:
        """The store is back. What was spent meanwhile and has not flowed off, which it is to be told."""
        share, self._share = self._share, None
        if share is None:
            return [0.0] * len(self.buckets)
        return [share.owed(whole.tat, place, now) for place, whole in enumerate(self.buckets)]

    def _pay(self, owed: Each, now: float) -> None:
        self._settle([_settled(bucket, cost, now, None) for bucket, cost in zip(self.buckets, owed, strict=True)])

    # -- while the store is gone -----------------------------------------------------------------------------------

    def share(self) -> Share:
        """This process's part of what was left and of the rate, as long as the store is out of reach."""
        if self._share is None:
            processes = self._peers.processes
            self._share = Share(self, [_part(bucket, processes) for bucket in self.buckets], processes)
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

    def learn(self, quota: Quota, now: float, parts: int = 1) -> None:
        """The provider's own count, as its headers tell it: all processes hear of it."""
        thought = [bucket.tat for bucket in self.buckets]
        super().learn(quota, now, parts)
        lowered = [bucket for bucket, tat in zip(self.buckets, thought, strict=True) if bucket.tat != tat]
        if lowered:
            left = tuple(_charge(bucket, bucket.remaining(now)) for bucket in lowered)
            self._peers.store.tighten(Asked(self.name, left))

    def idle(self, now: float) -> bool:
        """Is it as good as new, so that it may be forgotten?"""
        alone = self._share is None or self._share.idle(now)
        return alone and (self.lease is None or self.lease.idle) and super().idle(now)

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
    """One of so many equal parts of a scope's limits: what one process may spend without asking."""

    __slots__ = ("_mirror", "_parts")

    def __init__(self, mirror: Mirror, buckets: Sequence[Gcra], parts: int = 1) -> None:
        super().__init__(buckets)
        self._mirror = mirror
        self._parts = parts

    def learn(self, quota: Quota, now: float, parts: int = 1) -> None:
        """The provider's own count, of which only one part is ours."""
        super().learn(quota, now, parts * self._parts)

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
