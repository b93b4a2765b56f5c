"""Limits of requests, tokens, money and calls at once, by GCRA with reservation.

The state of a limit is one number, the theoretical arrival time (TAT); T = period / rate, tolerance = burst * T:

    tat = max(tat, now);  new = tat + cost * T;  wait = max(0, new - tolerance - now)

`wait <= max_wait`: commit `new` and sleep `wait` once, for the place is reserved: first come, first served, and nobody
polls. Else refuse with `retry_after = wait` and write nothing. All limits of one request are one decision. What was
estimated is settled with what was used: too much is refunded, too little becomes a debt that the next callers wait for.
What comes back, also to who gives up before its turn, is what would still be missing (`Lows`): over any time no more
goes out than the burst and the rate, waits, refunds and cancellations included.

    gcra      the limits themselves; `lows`: what of a charge can still be refunded
    keeper    the limits of many scopes in this process, and the gate over them
    shared    the same where a store keeps them for several processes: `peers` knows of those, `mirror` what the store
              has told of one scope

Sources: ITU-T I.371 (GCRA), throttled/throttled and redis_rate (the arithmetic), failsafe-go (reservation),
golang.org/x/time/rate (what a cancelled reservation gives back).
"""

from outlast.layers.limits.config import LimitConfig, LimitsConfig
from outlast.layers.limits.gcra import Costs, Denied, Gcra, Limits
from outlast.layers.limits.keeper import Keeper, MaxWait, ScopesOf, at_once
from outlast.layers.limits.peers import Peers
from outlast.layers.limits.refusing import Scope
from outlast.layers.limits.shared import SharedKeeper

__all__ = [
    "Costs",
    "Denied",
    "Gcra",
    "Keeper",
    "LimitConfig",
    "Limits",
    "LimitsConfig",
    "MaxWait",
    "Peers",
    "Scope",
    "ScopesOf",
    "SharedKeeper",
    "at_once",
]  # fmt: skip
