"""Several scopes asked at once, and what a refusal says."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from outlast.flow.call import Call
from outlast.layers.limits.config import LimitConfig
from outlast.layers.limits.gcra import Costs, Denied, Limits
from outlast.model.caller import UserType
from outlast.model.errors import Rejected
from outlast.model.events import LimitAwaited, LimitHit


class Scope(Struct, frozen=True):
    """Whose limits: a key, a user, a provider or a target; and how a refusal is counted."""

    key: str
    config: LimitConfig
    user_type: UserType
    window: int = 0


Metered = Sequence[tuple[Scope, Limits]]
"""All whose limits one call falls under."""


class Refused(Struct, frozen=True):
    """One scope's limit said no."""

    scope: Scope
    by: Denied


def awaited(call: Call, met: Refused, wait: float | Refused) -> float | Refused:
    """The same wait; the sinks hear of one that will be made, and of the limit that was met."""
    if not isinstance(wait, Refused):
        scope, by = met.scope, met.by
        left = by.cost, by.remaining, by.amount
        call.io.emit(LimitAwaited(call.id, scope.key, by.limit, scope.user_type, wait, *left))
    return wait


def worst(refused: Sequence[Refused]) -> Refused:
    """Who says no for longest."""
    slowest = refused[0]
    for other in refused[1:]:
        if other.by.longer_than(slowest.by):
            slowest = other
    return slowest


def patiently(call: Call, met: Refused, limits: Metered, costs: Costs, now: float, max_wait: float) -> float | Refused:
    """The same question of who would wait for so long, that limit having been met: seconds to wait, or who says no."""
    return awaited(call, met, ask(limits, costs, now, max_wait)) if max_wait > 0 else met


def ask(limits: Metered, costs: Costs, now: float, max_wait: float) -> float | Refused:
    """Seconds to wait until all scopes let the charges pass, or which of them says no for longest."""
    longest = 0.0
    refused: Refused | None = None
    for scope, of in limits:
        wait = of.ask(costs, now, max_wait)
        if isinstance(wait, float):
            longest = max(longest, wait)
        elif refused is None or wait.longer_than(refused.by):
            refused = Refused(scope, wait)
    return longest if refused is None else refused


def refusal(call: Call, refused: Refused, max_wait: float) -> Rejected:
    """What the caller is told, and the sinks."""
    scope, by = refused.scope, refused.by
    left = by.cost, by.remaining, by.amount
    call.io.emit(LimitHit(call.id, scope.key, by.limit, scope.user_type, by.retry_after, *left, max_wait))
    ours = scope.user_type == "operator"
    return Rejected(
        f"the limit {by.limit} of {scope.key} is used up",
        gate="limits" if ours else "caller_limits",
        code=by.code,
        status=503 if ours else 429,
        retry_after=by.retry_after,
    )


def tell_what_is_left(call: Call, limits: Metered, now: float) -> None:
    """Of the caller's own limits: in the headers of its answer, whether that is a refusal or not."""
    for scope, of in limits:
        if scope.user_type != "operator":
            call.story.allowances += of.allowances(now)
