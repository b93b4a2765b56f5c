"""What is told of one attempt when it is over."""

from __future__ import annotations

from msgspec import Struct

from outlast.flow.call import Call
from outlast.flow.stream import End
from outlast.model.errors import BrokenStream, Failure, TimedOut
from outlast.model.events import AttemptEnded
from outlast.model.messages import Usage
from outlast.model.target import Target

MAYBE_BILLED = frozenset({"timeout", "broken_stream", "cancelled", "bad_response"})
"""How an attempt ends that the provider may have billed although there is no answer."""


def cost_of(usage: Usage | None, target: Target) -> float | None:
    """US dollars of so many tokens at this target; None when the price or the usage is unknown."""
    price = target.price
    return None if price is None or usage is None else price.of(usage.input, usage.output, usage.cached)


class Record(Struct, eq=False):
    """What will be told of one attempt. Settled with the answer, or closed with the failure that ended it before.

    Attributes:
        sent: when it was sent.
        number: which of the request's upstream calls it is, from 1.
        status: of the answer's head; 0 before it.
        first: seconds to the first content, or to the whole answer.
    """

    sent: float
    number: int
    status: int = 0
    first: float | None = None

    def answered(self, call: Call, now: float) -> None:
        """The first content, or the whole answer, is there."""
        self.first = call.first = max(0.0, now - self.sent)

    def settle(self, call: Call, end: End, now: float) -> None:
        """The stream is over: tell the attempt, and let the outer debtors know what it cost."""
        end.cost = cost_of(end.usage, call.target)
        self.close(call, end.error, end.usage, now, end.cost)

    def close(
        self, call: Call, error: BaseException | None, usage: Usage | None, now: float, cost: float | None = None
    ) -> None:
        """The attempt is over."""
        target = call.target
        kind, code, message, timer, limit, hint = "ok", None, "", "", None, None
        if isinstance(error, Failure):
            kind, code, message, hint = error.kind, error.code, error.message, error.retry_after
            if isinstance(error, (TimedOut, BrokenStream)):
                timer, limit = error.timer, error.limit
        elif error is not None:
            kind = "cancelled"
        ended = AttemptEnded(  # by position: names would cost each call half a microsecond
            call.id,
            target.name,
            target.provider.name,
            target.model,
            self.number,
            kind,
            max(0.0, now - self.sent),
            self.first,
            self.status,
            code,
            message,
            usage,
            kind in MAYBE_BILLED,
            cost,
            timer,
            limit,
            hint,
        )
        call.story.tried.append(ended)
        call.io.emit(ended)
