"""Targets and credentials that are out, slow, tested, or back."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Refused(Struct, frozen=True):
    """A circuit or a pause refused a call that had come to its target, for `seconds` (None: nobody knows)."""

    call: str
    target: str
    gate: str
    reason: str
    seconds: float | None = None


class Diverted(Struct, frozen=True):
    """A target that starts slowly sent a call to the others: `flying` calls were under way where `allowed` may be."""

    call: str
    target: str
    flying: int
    allowed: float
    seconds: float


class ProbeSent(Struct, frozen=True):
    """A call tests a target that is out: its circuit is half open, or its credential's time is over.

    `early` says that the circuit stays open for `left` seconds more, and that every other one of the route is open too.
    """

    call: str
    target: str
    gate: str
    early: bool = False
    left: float = 0.0


class BreakerChanged(Struct, frozen=True):
    """A circuit changed its state. `seconds` is how long it stays open; `reason` the numbers behind it.

    In the window were `calls`, of which `failed` and `slow`, the last `run` of them failures in a row; `threshold` is
    what was reached: so many in a row, such a share of the calls, so many good probes. `hint` is what the provider
    asked for, `openings` how often it has opened lately, `call` whose end has changed it.
    """

    target: str
    before: str
    after: str
    seconds: float
    reason: str
    call: str = ""
    run: int = 0
    calls: int = 0
    failed: int = 0
    slow: int = 0
    threshold: float = 0.0
    hint: float = 0.0
    openings: int = 0


class TakenOut(Struct, frozen=True):
    """A target or a credential is out for `seconds`: it is throttled, refused, out of money, or lacks the model.

    `scope` says what is out: the target, or every target of the provider's credential. `hint` is what the provider
    asked for, `times` how often in a row it was taken out, `call` who heard of it.
    """

    scope: Literal["target", "credential"]
    name: str
    kind: str
    seconds: float
    call: str = ""
    hint: float | None = None
    times: int = 0


class BackIn(Struct, frozen=True):
    """What was taken out works again, as `call` has found."""

    scope: Literal["target", "credential"]
    name: str
    call: str = ""


class PauseAwaited(Struct, frozen=True):
    """A call waits `seconds` for the end of its target's pause; it would wait up to `patience` (None: for ever)."""

    call: str
    target: str
    seconds: float
    patience: float | None = None


OfHealth = Refused | Diverted | ProbeSent | BreakerChanged | TakenOut | BackIn | PauseAwaited
