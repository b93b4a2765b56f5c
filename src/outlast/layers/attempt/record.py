"""What is told of one attempt when it is over."""

from __future__ import annotations

from outlast.flow.call import Call
from outlast.flow.stream import End
from outlast.model.errors import Failure
from outlast.model.events import AttemptEnded
from outlast.model.messages import Usage


class Record:
    """What will be told of one attempt. Settled with the answer, or closed with the failure that ended it before."""

    __slots__ = ("_call", "_number", "_sent", "first", "status")

    def __init__(self, call: Call, sent: float) -> None:
        self._call = call
        self._sent = sent
        self._number = call.story.made
        self.first: float | None = None
        self.status = 0

    def answered(self, now: float) -> None:
        """The first content, or the whole answer, is there."""
        self.first = self._call.first = max(0.0, now - self._sent)

    def cost(self, usage: Usage | None) -> float | None:
        """US dollars of so many tokens at this target; None when the price is unknown."""
        price = self._call.target.price
        return None if price is None or usage is None else price.of(usage.input, usage.output, usage.cached)

    def settle(self, end: End, now: float) -> None:
        """The stream is over: tell the attempt, and let the outer debtors know what it cost."""
        end.cost = self.cost(end.usage)
        self.close(end.error, end.usage, now)

    def close(self, error: BaseException | None, usage: Usage | None, now: float) -> None:
        """The attempt is over."""
        call = self._call
        failure = error if isinstance(error, Failure) else None
        kind = "ok" if error is None else failure.kind if failure else "cancelled"
        ended = AttemptEnded(
            call=call.id,
            target=call.target.name,
            provider=call.target.provider.name,
            model=call.target.model,
            number=self._number,
            kind=kind,
            seconds=max(0.0, now - self._sent),
            first=self.first,
            status=self.status,
            code=failure.code if failure else None,
            message=failure.message if failure else "",
            usage=usage,
            maybe_billed=kind in {"timeout", "broken_stream", "cancelled", "bad_response"},
        )
        call.story.tried.append(ended)
        call.io.emit(ended)
