"""One frozen struct for each kind of fact. Layers emit them; sinks make logs, metrics and spans of them.

No event holds a prompt, an answer or a key. Times are seconds on the monotonic clock, durations seconds.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from outlast.model.messages import Usage


class AttemptEnded(Struct, frozen=True, gc=False):
    """One upstream call is over. `kind` is "ok" or the failure class; `first` the seconds to the first content."""

    call: str
    target: str
    provider: str
    model: str
    number: int
    kind: str
    seconds: float
    first: float | None = None
    status: int = 0
    code: str | None = None
    message: str = ""
    usage: Usage | None = None
    maybe_billed: bool = False


class RequestEnded(Struct, frozen=True, gc=False):
    """A caller's request is over. `kind` is "ok" or the failure class; `target` who answered."""

    call: str
    route: str
    operation: str
    caller: str
    user_type: str
    stream: bool
    kind: str
    status: int
    target: str
    source: str
    attempts: int
    seconds: float
    first: float | None = None
    usage: Usage | None = None
    cost: float | None = None
    message: str = ""
    history: tuple[AttemptEnded, ...] = ()


class RetryScheduled(Struct, frozen=True):
    """The same target will be asked again in `delay` seconds."""

    call: str
    target: str
    kind: str
    delay: float


class FailedOver(Struct, frozen=True):
    """A call moves on from one target to another because of `kind`."""

    call: str
    from_target: str
    to_target: str
    kind: str


class TargetSkipped(Struct, frozen=True):
    """Routing passed a target by: it is open, paused, out, too slow, too dear, or cannot do what is asked."""

    call: str
    target: str
    reason: str


class RetryRefused(Struct, frozen=True):
    """A retry was allowed by its class, and not made: no budget, no time, or another target is better."""

    call: str
    target: str
    kind: str
    reason: str


class BreakerChanged(Struct, frozen=True):
    """A circuit changed its state. `seconds` is how long it stays open; `reason` the numbers behind it."""

    target: str
    before: str
    after: str
    seconds: float
    reason: str


class TakenOut(Struct, frozen=True):
    """A target or a credential is out for `seconds`: it is throttled, refused, out of money, or lacks the model.

    `scope` says what is out: the target, or every target of the provider's credential.
    """

    scope: Literal["target", "credential"]
    name: str
    kind: str
    seconds: float


class BackIn(Struct, frozen=True):
    """What was taken out works again."""

    scope: Literal["target", "credential"]
    name: str


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
    """A limit refused a request; `limit` names it, `user_type` is anonymous, key, user or operator (our own quota)."""

    call: str
    scope: str
    limit: str
    user_type: str
    retry_after: float | None


class Shed(Struct, frozen=True):
    """A request was turned away from a full or hopeless queue."""

    call: str
    queue: str
    reason: str
    retry_after: float


class Fault(Struct, frozen=True):
    """Something of our own went wrong in a place that must not spoil an answer, such as a sink or a finisher."""

    where: str
    error: str


class LoopBlocked(Struct, frozen=True):
    """The event loop did nothing for at least `seconds`: whatever runs on it must not block, ours or the caller's."""

    seconds: float


Event = (
    AttemptEnded
    | RequestEnded
    | RetryScheduled
    | RetryRefused
    | FailedOver
    | TargetSkipped
    | BreakerChanged
    | TakenOut
    | BackIn
    | LimitChanged
    | LimitHit
    | Shed
    | Fault
    | LoopBlocked
)
