"""What one gets for work that is handed in: a ticket, to wait by or to take the work back with.

waiting ──▶ running ──▶ done
   │           ├──────▶ failed          it raised, or ran out of its time
   │           └──────▶ cancelled
   ├──▶ cancelled                       taken back before it began
   ├──▶ rejected                        it did not begin in time
   └──▶ given back                      the queue stopped first
"""

from __future__ import annotations

import asyncio
import contextlib
from asyncio import CancelledError
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import Any, Generic, Literal, TypeVar

from outlast.edge.loops import running_loop
from outlast.model.caller import PRIORITIES, Priority

T_co = TypeVar("T_co", covariant=True)

State = Literal["waiting", "running", "done", "failed", "cancelled", "rejected", "given back"]
ENDS: tuple[State, ...] = ("done", "failed", "cancelled", "rejected", "given back")


class Ticket(Generic[T_co]):
    """Work that a queue has accepted. `await` it, or ask for its `result()` from a thread; both any number of times.

    Leaving a wait does not take the work back: `cancel` does.

    Attributes:
        number: counts what the queue has accepted, from 1.
        priority: its class.
        caller: whom fairness counts it for.
        fn: the work, and `args` what it is called with; so that who is given it back can hand it in elsewhere.
        state: how far it is.
        waited: seconds until it began, or until it was clear that it would not; 0 before.
    """

    __slots__ = ("_future", "_home", "_take_back", "args", "caller", "fn", "number", "priority", "state", "waited")

    def __init__(
        self,
        number: int,
        priority: int,
        caller: str,
        work: tuple[Callable[..., object], tuple[object, ...]],
        take_back: Callable[[int], bool],
    ) -> None:
        self.number = number
        self.priority: Priority = PRIORITIES[priority]
        self.caller = caller
        self.fn, self.args = work
        self.state: State = "waiting"
        self.waited = 0.0
        self._take_back = take_back
        self._home = running_loop()
        self._future: Future[Any] = Future()

    def __repr__(self) -> str:
        """Says how far it is, and never what it works on."""
        return f"<Ticket {self.number} {self.priority} {self.state}>"

    @property
    def over(self) -> bool:
        """Is it clear how it ended?"""
        return self._future.done()

    def cancel(self) -> bool:
        """Take the work back: True if it has not begun, or is a coroutine that is now being cancelled.

        False when it is over, and for a plain function that runs: a thread cannot be interrupted.
        """
        return not self.over and self._take_back(self.number)

    def result(self, timeout: float | None = None) -> T_co:
        """What the work gave, for threads; on an event loop `await` the ticket.

        Args:
            timeout: seconds to wait for it; None for as long as it takes.

        Raises:
            TimeoutError: it is not over yet.
            RuntimeError: called on the queue's own event loop, which would stand still.
            CancelledError: it was cancelled (`concurrent.futures.CancelledError`).
            Rejected: it has not begun in time, or the queue stopped before it began.
            Exception: whatever the work raised.
        """
        if not self.over and timeout != 0 and running_loop() is self._home:
            raise RuntimeError(f"waiting for {self!r} would stop the event loop that it runs on: await it")
        value: T_co = self._future.result(timeout)
        return value

    def error(self) -> BaseException | None:
        """Why there is no result; None when there is one. At once: None as well while it is not over."""
        if not self.over:
            return None
        try:
            return self._future.exception()
        except BaseException as error:  # noqa: BLE001  (it was cancelled, which the future tells by raising)
            return error

    def __await__(self) -> Generator[Any, None, T_co]:
        """What the work gave; raises as `result` does, and `asyncio.CancelledError` when it was cancelled."""
        if not self.over:
            yield from self._told().__await__()
        if self._future.cancelled():
            raise CancelledError("the work was cancelled")
        return self.result()

    async def _told(self) -> None:
        loop = asyncio.get_running_loop()
        told: asyncio.Future[None] = loop.create_future()

        def tell(_: Future[Any]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop that waited is closed
                loop.call_soon_threadsafe(_settle, told)

        self._future.add_done_callback(tell)
        await told

    # -- told by the queue -------------------------------------------------------------------------------------

    def begin(self, waited: float) -> None:
        """The work begins."""
        self.state = "running"
        self.waited = waited

    def end(self, state: State, result: object = None, error: BaseException | None = None) -> None:
        """The work is over, once."""
        self.state = state
        if state == "cancelled":
            self._future.cancel()
            self._future.set_running_or_notify_cancel()
        elif error is not None:
            self._future.set_exception(error)
        else:
            self._future.set_result(result)


def _settle(told: asyncio.Future[None]) -> None:
    if not told.done():
        told.set_result(None)
