"""What is told of one attempt when it is over."""

from __future__ import annotations

from msgspec import Struct

from outlast.flow.call import Call
from outlast.flow.stream import End
from outlast.model.errors import Failure
from outlast.model.events import AttemptEnded
from outlast.model.messages import Usage


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
        failure = error if isinstance(error, Failure) else None
        kind = "ok" if error is None else failure.kind if failure else "cancelled"
        ended = AttemptEnded(
            call=call.id,
            target=call.target.name,
            provider=call.target.provider.name,
            model=call.target.model,
            number=self.number,
            kind=kind,
            seconds=max(0.0, now - self.sent),
            first=self.first,
            status=self.status,
            code=failure.code if failure else None,
            message=failure.message if failure else "",
            usage=usage,
            maybe_billed=kind in {"timeout", "broken_stream", "cancelled", "bad_response"},
        )
        call.story.tried.append(ended)
        call.io.emit(ended)
