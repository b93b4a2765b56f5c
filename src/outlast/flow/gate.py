"""A gate: something that lets a call through, or makes it wait, or says no, and learns how it ended.

    admit ──▶ Rejected                      never sent
      │
      ├─────▶ None                          go on; the gate does not want to hear of it again
      │
      └─────▶ Permit ── wait ── inner ──┬── Reply:  settled at once
                                        ├── Stream: answered; settled when the stream is over
                                        └── raised: settled with the error

Breaker, limits, slots and pauses are gates; this one driver owns all their waiting and clean-up, for any number of
gates in a row. A permit lives from `admit` to `settle`, and is settled exactly once for each call, innermost first; who
has nothing to remember of a single call may give all of them the same. Nothing awaits after a failure.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from outlast.flow.call import Answer, Call, Handler, Layer
from outlast.flow.stream import End, Stream, ended_by, pay
from outlast.model.errors import Rejected


class Permit(Protocol):
    """Leave to go on. To be settled, whatever happens."""

    @property
    def waits(self) -> bool:
        """Must something be waited for first?"""
        ...

    def wait(self, call: Call) -> Awaitable[None]:
        """Return when the call may go on. May raise `Rejected`."""
        ...

    def answered(self, call: Call, now: float) -> None:
        """The first content of a stream is there."""
        ...

    def settle(self, call: Call, end: End, now: float) -> None:
        """The call is over."""
        ...


class AtOnce:
    """What those permits have in common with which nothing is waited for."""

    __slots__ = ()

    waits = False

    async def wait(self, call: Call) -> None:
        """There is nothing to wait for."""


Admit = Callable[[Call, float], Permit | Rejected | None]


def gates(*admits: Admit | None) -> Layer:
    """The layer that asks each gate in turn before every call, and settles their permits after it; None is no gate."""
    asked = tuple(admit for admit in admits if admit is not None)

    def layer(inner: Handler) -> Handler:
        async def handle(call: Call) -> Answer:
            now = call.io.now()
            held: list[Permit] = []
            try:
                for admit in asked:
                    permit = admit(call, now)
                    if permit is None:
                        continue
                    if isinstance(permit, Rejected):
                        raise permit  # noqa: TRY301  (one more function for each gate of each call)
                    held.insert(0, permit)
                    if permit.waits:
                        await permit.wait(call)
                        now = call.io.now()
                answer = await inner(call)
            except BaseException as error:
                pay(held, call, ended_by(error))
                raise
            finally:
                permit = None  # an error that names the frame that names the error is freed by no count
            if isinstance(answer, Stream):
                _go_on(answer, held, call)
            else:
                pay(held, call, End("success", None, answer.usage, answer.cost, answer.quota))
            return answer

        return handle

    return layer if asked else _nothing


def _go_on(stream: Stream, held: list[Permit], call: Call) -> None:
    """The first content is there; the rest is told when the stream is over."""
    now = call.io.now()
    for permit in held:
        permit.answered(call, now)
    stream.owe(call, held)


def _nothing(inner: Handler) -> Handler:
    """The layer without a gate."""
    return inner
