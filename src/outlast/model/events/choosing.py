"""Which target a call goes to, and what of it."""

from __future__ import annotations

from msgspec import Struct


class FailedOver(Struct, frozen=True):
    """A call moves on from one target to another because of `kind`."""

    call: str
    from_target: str
    to_target: str
    kind: str


class TargetSkipped(Struct, frozen=True):
    """Routing passed a target by: it is open, paused, out, too slow, too dear, or cannot do what is asked.

    `wait` is in how many seconds it may be ready; `value` the estimate that is over the route's `limit`, in US dollars
    or in seconds.
    """

    call: str
    target: str
    reason: str
    wait: float | None = None
    value: float | None = None
    limit: float | None = None


class RequestCut(Struct, frozen=True):
    """A conversation was shortened to fit into the window of `target`: `messages` of `of` were left out.

    It had about `before` tokens, and has `after`; `fit` is what was left out first, `window` 0 where nobody knows it.
    """

    call: str
    target: str
    fit: str
    messages: int
    of: int
    before: int
    after: int
    window: int = 0


class CountEstimated(Struct, frozen=True):
    """A caller wanted to know how many tokens its request has, and no provider said so: `why` is the reason."""

    call: str
    target: str
    tokens: int
    why: str


class CameBack(Struct, frozen=True):
    """No untried target is left: the call waits `seconds` and asks one again that had failed, paused or diverted it."""

    call: str
    target: str
    seconds: float
    failed: bool = False


class GaveUp(Struct, frozen=True):
    """Routing has no target to go on with: `made` of at most `most` attempts were made, `left` seconds remain."""

    call: str
    reason: str
    made: int
    most: int
    left: float
    retry_after: float | None = None


OfChoosing = FailedOver | TargetSkipped | RequestCut | CountEstimated | CameBack | GaveUp
