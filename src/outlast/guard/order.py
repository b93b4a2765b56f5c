"""In which order policies may stand, outermost first, and why: checked when a guard is made.

    Fallback ▸ Deadline ▸ Limit (per call) ▸ Retry ▸ Limit (per attempt) ▸ Slots ▸ Breaker ▸ Timeout

A sleep holds no slot, and a half-open permit never waits in a queue: whatever waits comes before what is scarce.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from msgspec import Struct

from outlast.guard.policies import Breaker, Deadline, Fallback, Limit, Policy, Retry, Slots, Timeout


class OrderError(ValueError):
    """The policies of a guard cannot stand in this order; says why, and what to do."""


REASONS: dict[tuple[type, type], str] = {
    (Breaker, Retry): (
        "Breaker outside of Retry would count one failure where there were several, and not stop the retries of a "
        "call that it has let in: put Retry before Breaker"
    ),
    (Slots, Retry): "Slots outside of Retry would be held through every backoff: put Retry before Slots",
    (Slots, Limit): "Slots outside of Limit would be held while a call waits for its place: put Limit before Slots",
    (Breaker, Limit): (
        "Breaker outside of Limit: a half-open permit would wait for a place in the limit: put Limit before Breaker"
    ),
    (Breaker, Slots): "Breaker outside of Slots: a half-open permit would wait in the queue: put Slots before Breaker",
    (Timeout, Retry): (
        "Timeout is for one attempt, and outside of Retry it would cut all of them: use Deadline for the whole call, "
        "or put Timeout last"
    ),
    (Timeout, Limit): "Timeout is for the attempt, not for the wait before it: put it last, or use Deadline",
    (Timeout, Slots): "Timeout is for the attempt, not for the wait before it: put it last, or use Deadline",
    (Timeout, Breaker): "Timeout outside of Breaker would hide from it what took too long: put Timeout last",
    (Retry, Deadline): "Deadline is for the whole call: put it before Retry, or use Timeout for one attempt",
    (Limit, Deadline): "Deadline is for the whole call, waits included: put it before Limit",
    (Slots, Deadline): "Deadline is for the whole call, waits included: put it before Slots",
    (Breaker, Deadline): "Deadline is for the whole call: put it before Breaker, or use Timeout for one attempt",
    (Timeout, Deadline): "Deadline is for the whole call, Timeout for one attempt: put Deadline first and Timeout last",
}
"""(outer, inner): why not."""


TWICE: dict[type, str] = {
    Deadline: "the shorter one holds: leave out the other",
    Retry: "attempts would multiply: leave out one of them",
    Slots: "a slot would be held while the call queues for the other: leave out one, or guard the function twice",
    Breaker: "the same failures would count twice: leave out one, or give the guard a key= for a circuit each",
    Timeout: "the shorter one holds: leave out the other",
}
"""Why one of a kind is enough."""

P = TypeVar("P", bound=Struct)


class Plan(Struct, frozen=True):
    """The policies of one guard, each in its place."""

    fallback: Fallback | None = None
    deadline: Deadline | None = None
    calls: tuple[Limit, ...] = ()
    """Limits that a call is charged to once."""
    retry: Retry | None = None
    attempts: tuple[Limit, ...] = ()
    """Limits that each attempt is charged to."""
    slots: Slots | None = None
    breaker: Breaker | None = None
    timeout: Timeout | None = None

    def policies(self) -> list[Policy]:
        """All that there are, outermost first."""
        ends = (self.fallback, self.deadline, *self.calls, self.retry, *self.attempts)
        return [policy for policy in (*ends, self.slots, self.breaker, self.timeout) if policy is not None]


def planned(policies: Sequence[Policy]) -> Plan:
    """Each policy in its place.

    Raises:
        OrderError: they cannot stand in this order, or one is there twice.
        TypeError: something is no policy.
    """
    for at, policy in enumerate(policies):
        _known(policy)
        for inner in policies[at + 1 :]:
            _may_stand(policy, inner)
    retries = [at for at, policy in enumerate(policies) if isinstance(policy, Retry)]
    first = retries[0] if retries else -1
    limits = [(at, policy) for at, policy in enumerate(policies) if isinstance(policy, Limit)]
    return Plan(
        fallback=_only(policies, Fallback),
        deadline=_only(policies, Deadline),
        calls=tuple(limit for at, limit in limits if at < first),
        retry=_only(policies, Retry),
        attempts=tuple(limit for at, limit in limits if at > first),
        slots=_only(policies, Slots),
        breaker=_only(policies, Breaker),
        timeout=_only(policies, Timeout),
    )


def _only(policies: Sequence[Policy], kind: type[P]) -> P | None:
    return next((policy for policy in policies if isinstance(policy, kind)), None)


def _known(policy: object) -> None:
    if isinstance(policy, type) and issubclass(policy, Policy):
        raise TypeError(f"{policy.__name__} is the policy's class: write {policy.__name__}(…)")
    if not isinstance(policy, Policy):
        raise TypeError(
            f"guard() takes policies, not a {type(policy).__name__}: Fallback, Deadline, Retry, Limit, Slots, Breaker, "
            "Timeout; the function comes afterwards, as in guard(Retry())(function)"
        )


def _may_stand(outer: Policy, inner: Policy) -> None:
    if isinstance(inner, Fallback):
        raise OrderError(
            f"Fallback inside of {type(outer).__name__} would hide failures from it: put Fallback first"
            if not isinstance(outer, Fallback)
            else "two times Fallback: a fallback of a fallback is a guard around a guard"
        )
    if type(outer) is type(inner) and not isinstance(outer, Limit):
        raise OrderError(f"two times {type(outer).__name__}: {TWICE[type(outer)]}")
    reason = REASONS.get((type(outer), type(inner)))
    if reason is not None:
        raise OrderError(reason)
