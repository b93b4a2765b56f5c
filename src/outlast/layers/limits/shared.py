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
from outlast.layers.limits.config import LimitsConfig
from outlast.layers.limits.gcra import NOTHING, Costs, Limits
from outlast.layers.limits.keeper import Held, Keeper, MaxWait, ScopesOf, aimed_at, at_once
from outlast.layers.limits.mirror import Mirror, Share
from outlast.layers.limits.peers import Peers
from outlast.layers.limits.refusing import Refused, Scope, ask, awaited, refusal, reserve, tell_what_is_left, worst
from outlast.model.errors import Rejected
from outlast.ports import Decision, StoreFailed

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
        mirror = Mirror(scope, whole, self._peers)
        self._kept.put(scope.key, mirror, now)
        return mirror

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

    __slots__ = ("_asked", "_costs", "_max_wait", "_peers")

    def __init__(
        self, keeper: Keeper, peers: Peers, call: Call, mirrors: Mirrored, costs: Costs, max_wait: float
    ) -> None:
        super().__init__(keeper, call, mirrors, NOTHING, 0.0)
        self._peers = peers
        self._costs = costs
        self._max_wait = max_wait
        self._asked = [(scope, mirror, of) for scope, mirror in mirrors if (of := mirror.asked(costs)) is not None]
        self.waits = bool(self._asked)
        for _, mirror in mirrors:
            mirror.under_way += 1

    async def wait(self, call: Call) -> None:
        """Ask, and sleep until the place that was given. Raises `Rejected`."""
        now = call.io.now()
        decisions = await self._decisions()
        wait = self._alone(call, call.io.now()) if decisions is None else self._heard(call, decisions, now)
        tell_what_is_left(call, self._limits, call.io.now())
        if isinstance(wait, Refused):
            raise refusal(call, wait, self._max_wait)
        self._charged = self._costs
        self._numbers = [of.number() for _, of in self._limits]
        if wait > 0.0:
            await call.io.sleep(wait)
        self.waits = False

    async def _decisions(self) -> list[Decision] | None:
        """The store's decisions, one for each scope that is charged anything; None where nobody heard of any."""
        try:
            return await self._peers.store.take([of for _, _, of in self._asked], self._max_wait)
        except StoreFailed:
            return None

    def _heard(self, call: Call, decisions: Sequence[Decision], asked: float) -> float | Refused:
        """Seconds to sleep, everything having been charged; or who says no for longest."""
        self._peers.met(call.io)
        met = [
            Refused(scope, denied)
            for (scope, mirror, _), decision in zip(self._asked, decisions, strict=True)
            if (denied := mirror.heard(decision, self._costs, asked)) is not None
        ]
        if not all(decision.granted for decision in decisions):
            return worst(met)
        return awaited(call, worst(met), max(decision.wait for decision in decisions)) if met else 0.0

    def _alone(self, call: Call, now: float) -> float | Refused:
        """The same without the store: each limit as it is told. Raises `Rejected` where one is closed."""
        self._peers.lost(call.io)
        charged = [(scope, _without_store(scope, mirror)) for scope, mirror, _ in self._asked]
        wait = reserve(call, charged, self._costs, now, self._max_wait)
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
