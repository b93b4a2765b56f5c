"""The same asked again, or asked of two at once."""

from __future__ import annotations

from msgspec import Struct


class RetryScheduled(Struct, frozen=True):
    """The same target will be asked again in `delay` seconds, which chance has chosen from `least` to `most`.

    `number` is which of the request's upstream calls that will be; `hint` what the provider asked for. It draws `cost`
    on the target's retry budget, whose deposits are `before` and `after`; `floor` says that it needed none.
    """

    call: str
    target: str
    kind: str
    delay: float
    number: int = 0
    least: float = 0.0
    most: float = 0.0
    hint: float | None = None
    cost: float = 0.0
    before: float = 0.0
    after: float = 0.0
    floor: bool = False


class RetryRefused(Struct, frozen=True):
    """A retry was allowed by its class, and not made: no budget, no time, or another target is better.

    It would have come after `delay` seconds, where the call's patience was `patience` (None: for ever) and its deadline
    `left` seconds away, as number `number` of its upstream calls, while `healthy` other targets were ready; it would
    have drawn `cost` on a budget of `balance`.
    """

    call: str
    target: str
    kind: str
    reason: str
    delay: float | None = None
    patience: float | None = None
    left: float | None = None
    number: int = 0
    healthy: int = 0
    cost: float = 0.0
    balance: float = 0.0
    hint: float | None = None


class HedgeStarted(Struct, frozen=True):
    """A call asks `target` too, since `waiting` has brought no content for `after` seconds."""

    call: str
    target: str
    waiting: str
    after: float


class HedgeWon(Struct, frozen=True):
    """The first content came from `target`, or from where that leg of the call went on to, after `seconds`."""

    call: str
    target: str
    seconds: float


class HedgeLost(Struct, frozen=True):
    """The other leg of the call was not the one that answered: it was cancelled, or ended by `kind`."""

    call: str
    target: str
    kind: str


class HedgeRefused(Struct, frozen=True):
    """It was time to ask a second target beside `waiting`, and it was not done."""

    call: str
    waiting: str
    reason: str


OfRepeating = RetryScheduled | RetryRefused | HedgeStarted | HedgeWon | HedgeLost | HedgeRefused
