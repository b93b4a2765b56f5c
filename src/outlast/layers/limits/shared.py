"""The gate over limits that several processes share: one question to the store for all scopes of a call.

    admit    what is certain without asking: this process's calls at once, and what the store has just refused
    wait     the store decides, once, for all scopes; whoever is granted sleeps until its place, and never asks again
    settle   what was used is told to the store, with a later command

The store out of reach, each limit does as it is told: `local` grants this process its share, `open` grants everything,
`closed` refuses. The next call asks the store again; whether that is worth a try, the store's own guard knows.
"""

from __future__ import annotations

from collections.abc import Sequence

from outlast.flow.call import Call
from outlast.flow.stream import End
from outlast.layers.limits.config import LimitsConfig
from outlast.layers.limits.gcra import NOTHING, Costs, Limits
from outlast.layers.limits.keeper import Held, Keeper, MaxWait, ScopesOf, aimed_at, at_once
from outlast.layers.limits.lease import Each, Lease
from outlast.layers.limits.mirror import Mirror, Share
from outlast.layers.limits.peers import Peers
from outlast.layers.limits.refusing import Refused, Scope, ask, awaited, patiently, refusal, tell_what_is_left, worst
from outlast.model.errors import Rejected
from outlast.ports import Decision, Io, StoreFailed

Mirrored = Sequence[tuple[Scope, Mirror]]
COME_BACK = 1.0
"""Seconds after which it is worth asking again for what is closed without its store."""


class SharedKeeper(Keeper):
    """The limits of many scopes that a store keeps for several processes, and the gate over them.

    Args:
        config: what holds for all of them.
        scopes_of: whose limits a call falls under; None where nobody has any, so that the gate is not `needed`.
        peers: the processes, and their store.
        max_wait: how long a call may wait for its place, in seconds.
    """

    __slots__ = ("_peers",)

    def __init__(
        self,
        config: LimitsConfig,
        scopes_of: ScopesOf | None,
        peers: Peers,
        *,
        max_wait: MaxWait = at_once,
    ) -> None:
        super().__init__(config, scopes_of, max_wait=max_wait)
        self._peers = peers

    def mirror(self, scope: Scope, now: float) -> Mirror:
        """The limits of that scope, as this process sees them."""
        kept = self._kept.get(scope.key)
        if isinstance(kept, Mirror):
            return kept
        whole = Limits.of(scope.config, burst_seconds=self._config.burst, window=scope.window)
        mirror = Mirror(scope, whole, self._peers, leases=self._config.leases)
        self._kept.put(scope.key, mirror, now)
        return mirror

    def give_back(self, now: float) -> None:
        """Give back whatever this process has been lent: it will ask no more."""
        for limits in self._kept.values():
            if isinstance(limits, Mirror) and limits.lease is not None:
                limits.lease.end(now)

    def admit(self, call: Call, now: float) -> Held | Rejected | None:
        """The gate: leave to ask the store, unless it is certain what that would say."""
        scopes = self._scopes_of(call)
        if not scopes:
            return None
        costs = self.costs(call, aimed_at(call).price, now)
        mirrors = [(scope, self.mirror(scope, now)) for scope in scopes]
        max_wait = self._max_wait(call, now)
        refused = ask(mirrors, costs, now, max_wait)
        if isinstance(refused, Refused):
            tell_what_is_left(call, mirrors, now)
            return refusal(call, refused, max_wait)
        call.metered = True
        return Place(self, self._peers, call, mirrors, costs, max_wait)


class Place(Held):
    """Leave to ask the store; then what the store, or this process on its own, has charged for the call."""

    __slots__ = ("_asked", "_costs", "_lent", "_max_wait", "_peers")

    def __init__(
        self, keeper: Keeper, peers: Peers, call: Call, mirrors: Mirrored, costs: Costs, max_wait: float
    ) -> None:
        super().__init__(keeper, call, mirrors, NOTHING, 0.0)
        self._peers = peers
        self._costs = costs
        self._max_wait = max_wait
        self._asked = [(scope, mirror) for scope, mirror in mirrors if any(mirror.each(costs))]
        self._lent: dict[str, tuple[Lease, Each, int]] = {}
        for _, mirror in mirrors:
            mirror.under_way += 1
        if all(mirror.covered(mirror.each(costs)) for _, mirror in self._asked):
            self._spend()
            self._charge(call)
        self.waits = bool(self._asked)

    async def wait(self, call: Call) -> None:
        """Ask, and sleep until the place that was given. Raises `Rejected`."""
        await self._borrow(call.io)
        self._spend()
        wait = self._spent(call.io.now()) or await self._take(call)
        if isinstance(wait, Refused):
            tell_what_is_left(call, self._limits, call.io.now())
            raise refusal(call, wait, self._max_wait)
        self._charge(call)
        if wait > 0.0:
            await call.io.sleep(wait)
        self.waits = False

    def settle(self, call: Call, end: End, now: float) -> None:
        """Refund what was not used, owe what was used beyond the estimate; of a refused call, undo its part."""
        if self._charged is NOTHING:
            for lease, each, _ in self._lent.values():
                lease.spend([-cost for cost in each])
        super().settle(call, end, now)

    def _charge(self, call: Call) -> None:
        """All charges are made."""
        self._charged = self._costs
        self._numbers = [
            self._lent[scope.key][2] if scope.key in self._lent else of.number() for scope, of in self._limits
        ]
        tell_what_is_left(call, self._limits, call.io.now())

    # -- from what was lent ----------------------------------------------------------------------------------------

    async def _borrow(self, io: Io) -> None:
        """Ask for loans where they are worth while and used up; without the store there are none."""
        for _, mirror in self._asked:
            each = mirror.each(self._costs)
            if mirror.lease is not None and mirror.lendable(each):
                try:
                    await mirror.borrow(mirror.lease, each, io)
                except StoreFailed:
                    return
                self._peers.met(io)

    def _spend(self) -> None:
        """Whose loan covers its part is asked nothing."""
        asked, self._asked = self._asked, []
        for scope, mirror in asked:
            each = mirror.each(self._costs)
            if mirror.lease is not None and mirror.lease.covers(each):
                mirror.lease.spend(each)
                self._lent[scope.key] = mirror.lease, each, mirror.lease.number
            else:
                self._asked.append((scope, mirror))

    def _spent(self, now: float) -> Refused | None:
        """Who refuses without being asked again, now that no more is to be borrowed."""
        met = [
            Refused(scope, denied)
            for scope, mirror in self._asked
            if (denied := mirror.spent(self._costs, now, self._max_wait)) is not None
        ]
        return worst(met) if met else None

    # -- from the store --------------------------------------------------------------------------------------------

    async def _take(self, call: Call) -> float | Refused:
        """Seconds to sleep, everything having been charged; or who says no for longest. Raises `Rejected`."""
        asked = [of for _, mirror in self._asked if (of := mirror.asked(self._costs)) is not None]
        if not asked:
            return 0.0
        now = call.io.now()
        try:
            decisions = await self._peers.store.take(asked, self._max_wait)
        except StoreFailed:
            decisions = None
        return self._alone(call, call.io.now()) if decisions is None else self._heard(call, decisions, now)

    def _heard(self, call: Call, decisions: Sequence[Decision], asked: float) -> float | Refused:
        """What the store has decided."""
        self._peers.met(call.io)
        met = [
            Refused(scope, denied)
            for (scope, mirror), decision in zip(self._asked, decisions, strict=True)
            if (denied := mirror.heard(decision, self._costs, asked)) is not None
        ]
        if not all(decision.granted for decision in decisions):
            return worst(met)
        return awaited(call, worst(met), max(decision.wait for decision in decisions)) if met else 0.0

    def _alone(self, call: Call, now: float) -> float | Refused:
        """The same without the store: each limit as it is told. Raises `Rejected` where one is closed."""
        self._peers.lost(call.io)
        charged = [(scope, _without_store(scope, mirror)) for scope, mirror in self._asked]
        wait = ask(charged, self._costs, now, 0.0)
        if isinstance(wait, Refused):
            wait = patiently(call, wait, charged, self._costs, now, self._max_wait)
            if isinstance(wait, Refused):
                return wait
        for _, of in charged:
            of.take(self._costs, now)
        free = [(scope, mirror) for scope, mirror in self._limits if scope not in {of for of, _ in charged}]
        self._limits = [*charged, *free]
        return wait


def _without_store(scope: Scope, mirror: Mirror) -> Share:
    """What counts in place of the store. Raises `Rejected` where nothing does."""
    policy = scope.config.without_store
    if policy == "closed":
        ours = scope.user_type == "operator"
        raise Rejected(
            f"the limits of {scope.key} cannot be counted while the store is out of reach, and without_store is closed",
            gate="limits" if ours else "caller_limits",
            code="store_out_of_reach",
            retry_after=COME_BACK,
        )
    return mirror.share() if policy == "local" else mirror.anything()
