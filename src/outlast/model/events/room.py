"""Limits and queues: what there was room for, and what had to wait."""

from __future__ import annotations

from msgspec import Struct


class LimitChanged(Struct, frozen=True):
    """So many calls at once are believed to be what a target bears; `in_flight` were when that was learned.

    `why` is "throttled" or "overloaded" where the provider said that it was too much, "answered" where it was not.
    """

    target: str
    before: int
    after: int
    in_flight: int
    why: str


class LimitHit(Struct, frozen=True):
    """A limit refused a request; `limit` names it, `user_type` is anonymous, key, user or operator (our own quota).

    The request was to cost `cost` where `remaining` is left of `amount`, in the limit's own unit: requests, tokens, US
    dollars, or calls at once. It would have waited `wait` seconds at most.
    """

    call: str
    scope: str
    limit: str
    user_type: str
    retry_after: float | None
    cost: float = 0.0
    remaining: float = 0.0
    amount: float = 0.0
    wait: float = 0.0


class LimitAwaited(Struct, frozen=True):
    """A call waits `seconds` for its place under a limit, where it costs `cost` and `remaining` is left of `amount`."""

    call: str
    scope: str
    limit: str
    user_type: str
    seconds: float
    cost: float = 0.0
    remaining: float = 0.0
    amount: float = 0.0


class LimitsApart(Struct, frozen=True):
    """The store of limits that several processes share is out of reach: each counts for itself, as its limits say.

    So many `processes` were known; a limit that goes on locally grants this one its share of it.
    """

    processes: int


class LimitsTogether(Struct, frozen=True):
    """The store of shared limits answers again, `seconds` after it was first missed: it decides as before."""

    seconds: float


class Overdrawn(Struct, frozen=True):
    """A call used more than it was charged for, and the limits that it falls under owe the difference.

    Most calls use less; what is refunded then is no event. `usd` are US dollars.
    """

    call: str
    target: str
    charged_tokens: float
    used_tokens: float
    charged_usd: float
    used_usd: float


class SlotAwaited(Struct, frozen=True):
    """A call has waited `seconds` in a queue; `granted` says that it got its slot, and did not leave before.

    When it came, `ahead` calls of its class or a better one waited, and it was to wait `expected` seconds (0: not known
    yet) at a pace of one slot in `pace` seconds. `priority` is its class there, 0 the best.
    """

    call: str
    queue: str
    seconds: float
    granted: bool = True
    ahead: int = 0
    pace: float = 0.0
    expected: float = 0.0
    priority: int = 0


class Shed(Struct, frozen=True):
    """A request was turned away from a full or hopeless queue, in which it had waited `waited` seconds.

    Then `waiting` calls stood in the queue for `slots` slots, `ahead` of them of its class or a better one, and one of
    its class was to wait `expected` seconds (0: not known yet) at a pace of one slot in `pace` seconds.
    """

    call: str
    queue: str
    reason: str
    retry_after: float
    waited: float = 0.0
    waiting: int = 0
    ahead: int = 0
    slots: int = 0
    pace: float = 0.0
    expected: float = 0.0
    priority: int = 0


OfRoom = LimitChanged | LimitHit | LimitAwaited | LimitsApart | LimitsTogether | Overdrawn | SlotAwaited | Shed
