"""A gate: something that lets a call through, or makes it wait, or says no, and learns how it ended.

    admit ──▶ Rejected                      never sent
      │
      └─────▶ Permit ── wait ── inner ──┬── Reply:  answered, settled at once
                                        ├── Stream: answered; settled when the stream is over
                                        └── raised: settled with the error

Breaker, limits, slots and pauses are gates; this one driver owns all their waiting and clean-up. A permit lives from
`admit` to `settle`, and is settled exactly once. Nothing awaits after a failure.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from outlast.flow.call import Answer, Call, Handler, Layer
from outlast.flow.stream import End, Stream, ended_by
from outlast.model.errors import Rejected


class Permit(Protocol):
    """Leave to go on. To be settled, whatever happens."""

    def wait(self, call: Call) -> Awaitable[None] | None:
        """What must be waited for first; None to go at once. May raise `Rejected`."""
        ...

    def answered(self, call: Call, now: float) -> None:
        """The first content, or the whole answer, is there."""
        ...

    def settle(self, end: End, now: float) -> None:
        """The call is over."""
        ...


Admit = Callable[[Call, float], Permit | Rejected]


def gate(admit: Admit) -> Layer:
    """The layer that asks `admit` before every call and settles its permit after it."""

    def layer(inner: Handler) -> Handler:
        async def handle(call: Call) -> Answer:
            io = call.io
            permit = admit(call, io.now())
            if isinstance(permit, Rejected):
                try:
                    raise permit
                finally:
                    del permit  # an error that names the frame that names the error is freed by no count
            try:
                waiting = permit.wait(call)
                if waiting is not None:
                    await waiting
                answer = await inner(call)
            except BaseException as error:
                permit.settle(ended_by(error), io.now())
                raise
            now = io.now()
            permit.answered(call, now)
            if isinstance(answer, Stream):
                answer.owe(permit)
            else:
                permit.settle(End("success", None, answer.usage, answer.cost, answer.quota), now)
            return answer

        return handle

    return layer
