"""How a guarded call fails: never sent (`Rejected`), or sent and failed until nothing was left (`Exhausted`).

call ──▶ Rejected                             our own breaker, limit, slots or deadline said no; nothing was called
  └────▶ function ──▶ its own exception       no policy takes it for a failure, or there is no Retry: untouched
                 ├──▶ OutOfTime               our own timer; a TimeoutError
                 └──▶ Exhausted               tried, waited, tried again, and nothing is left; from the last error
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from outlast.model.errors import Again, Failure, Outcome, Rejected, TimedOut, Transient
from outlast.model.events import AttemptEnded

__all__ = ["Attempt", "Exhausted", "OutOfTime", "Rejected", "Unsatisfying"]


class Attempt(AttemptEnded, frozen=True, kw_only=True):
    """One attempt that failed: its `number`, `kind` (the failure class), `seconds`, and what came before it.

    Attributes:
        error: the type of the exception; its text may hold what nobody should read, so it is not here.
        waited: seconds of backoff, limits and queues before it.
    """

    error: str
    waited: float

    def __str__(self) -> str:
        waited = f" after {self.waited:.3g} s of waiting" if self.waited else ""
        return f"attempt {self.number}: {self.error} ({self.kind}) in {self.seconds:.3g} s{waited}"


def note(error: Exception, lines: Iterable[object]) -> None:
    """Add these to the notes of an exception, where a traceback shows them, each once."""
    known = getattr(error, "__notes__", ())
    for line in lines:
        said = f"outlast: {line}"
        if said not in known:
            error.add_note(said)


class OutOfTime(TimedOut, TimeoutError):  # noqa: N818  (as all failures)
    """One of a guard's own timers ran out; `phase` says which: attempt, stall or deadline."""

    again: Again = "backoff"  # who guards a function says by `attempts` how often


class Unsatisfying(Transient):
    """A result that `failed=` took for a failure; `result` is it."""

    def __init__(self, result: object) -> None:
        super().__init__(f"the result, a {type(result).__name__}, counts as a failure")
        self.result: Any = result


class Exhausted(Failure):
    """Sent, failed, and tried again until nothing was left. Raised from the last error.

    Attributes:
        attempts: all of them, oldest first.
        last: the last error.
        why: what put an end to it: attempts, time, budget, or a gate of our own.
    """

    kind = "exhausted"
    status = 503
    outcome: Outcome = "failure"
    attempts: tuple[Attempt, ...]

    def __init__(self, name: str, last: Exception, attempts: tuple[Attempt, ...], why: str) -> None:
        many = "1 attempt has" if len(attempts) == 1 else f"{len(attempts)} attempts have"
        super().__init__(f"{name}: {many} failed, the last with {type(last).__name__}; {why}")
        self.last = last
        self.attempts = attempts
        self.why = why
