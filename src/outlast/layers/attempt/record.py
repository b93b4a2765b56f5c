"""What is told of one attempt when it is over."""

from __future__ import annotations

from msgspec import Struct

from outlast.flow.call import Call
from outlast.flow.stream import End
from outlast.model.errors import Failure
from outlast.model.events import AttemptEnded
from outlast.model.messages import Usage

MAYBE_BILLED = frozenset({"timeout", "broken_stream", "cancelled", "bad_response"})
"""How an attempt ends that the provider may have billed although there is no answer."""


class Record(Struct, eq=False):
    """What will be told of one attempt. Settled with the answer, or closed with the failure that ended it before.

    Attributes:
        call: the call that it is made for.
        sent: when it was sent.
        number: which of the request's upstream calls it is, from 1.
        status: of the answer's head; 0 before it.
        first: seconds to the first content, or to the whole answer.
    """

    call: Call
    sent: float
    number: int
    status: int = 0
    first: float | None = None

    def answered(self, now: float) -> None:
        """The first content, or the whole answer, is there."""
        self.first = self.call.first = max(0.0, now - self.sent)

    def cost(self, usage: Usage | None) -> float | None:
        """US dollars of so many tokens at this target; None when the price is unknown."""
        price = self.call.target.price
        return None if price is None or usage is None else price.of(usage.input, usage.output, usage.cached)

    def settle(self, call: Call, end: End, now: float) -> None:  # noqa: ARG002  (it has one of its own)
        """The stream is over: tell the attempt, and let the outer debtors know what it cost."""
        end.cost = self.cost(end.usage)
        self.close(end.error, end.usage, now)

    def close(self, error: BaseException | None, usage: Usage | None, now: float) -> None:
        """The attempt is over."""
        call = self.call
        target = call.target
        kind, code, message = "ok", None, ""
        if isinstance(error, Failure):
            kind, code, message = error.kind, error.code, error.message
        elif error is not None:
            kind = "cancelled"
        ended = AttemptEnded(
            call=call.id,
            target=target.name,
            provider=target.provider.name,
            model=target.model,
            number=self.number,
            kind=kind,
            seconds=max(0.0, now - self.sent),
            first=self.first,
            status=self.status,
            code=code,
            message=message,
            usage=usage,
            maybe_billed=kind in MAYBE_BILLED,
        )
        call.story.tried.append(ended)
        call.io.emit(ended)
