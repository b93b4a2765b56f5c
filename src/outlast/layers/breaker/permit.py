"""What a circuit hands out: leave to call, a refusal, and the news that it has changed."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

State = Literal["closed", "open", "half_open"]
Override = Literal["forced_open", "disabled", "observe"]
Kind = Literal["call", "probe", "early"]
OPERATOR = "an operator's word"
RESTORED = "as it was known before"
FOLLOWED = "as another process has found"
OF_NO_CALL = frozenset({OPERATOR, RESTORED, FOLLOWED})
"""The reasons of transitions that no call has brought about."""


class Permit(Struct, eq=False):
    """Leave to make one call on a target. Give it back with `settle`, whatever happened to the call."""

    epoch: int = 0
    kind: Kind = "call"
    lease: float = 0.0
    bucket: int = -1
    run: int = 0
    streak: int = 0
    slow: bool = False
    succeeded: bool = False
    settled: bool = False


class Refusal(Struct, frozen=True):
    """No call now: why, and for how many seconds.

    `diverted` says that the call may come back at once if no other target takes it: `flying` calls are under way where
    a slow start has got to `allowed`.
    """

    why: str
    retry_after: float
    diverted: bool = False
    flying: int = 0
    allowed: float = 0.0


class Change(Struct, frozen=True):
    """One transition, with the numbers behind it.

    Attributes:
        before: the state that it left, or an operator's word.
        after: the state that it entered, or an operator's word.
        seconds: how long it stays open.
        reason: what led to it, in words.
        run: failures in a row that were counted then.
        calls: those in the window.
        failed: how many of them failed.
        slow: how many of them were slow.
        threshold: what was reached: failures in a row, a share of the calls, or good probes.
        hint: seconds that the provider asked for, as far as they are believed.
        openings: how often it has opened lately.
    """

    before: str
    after: str
    seconds: float
    reason: str
    run: int = 0
    calls: int = 0
    failed: int = 0
    slow: int = 0
    threshold: float = 0.0
    hint: float = 0.0
    openings: int = 0
