"""One piece of work: how it is called, where, and how long it has."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextvars import Context, copy_context
from functools import partial
from math import inf
from typing import Any, Literal, cast

from outlast.layers.bulkhead import Ticket as Place
from outlast.queue.ticket import Ticket

Why = Literal["", "cancelled", "too late", "stopping"]
Callback = Callable[[Ticket[Any]], Awaitable[None] | None]


class Work:
    """A piece of work in the queue or under way. Implements `Waiter` and `Timed`.

    Attributes:
        ticket: what its owner holds.
        callback: is told once, when it is over.
        context: the context variables of whoever handed it in.
        since: when that was.
        at: the moment by which it must be over, or infinite.
        place: its place in the queue, or its slot.
        task: runs it, once it has begun.
        due: when `expire` is to be called.
        why: why its task is being cancelled, where we do that.
    """

    __slots__ = ("_expire", "_wake", "at", "callback", "context", "due", "place", "since", "task", "ticket", "why")

    def __init__(
        self,
        ticket: Ticket[Any],
        callback: Callback | None,
        context: Context,
        times: tuple[float, float],
        told: tuple[Callable[[Work], None], Callable[[Work], None]],
    ) -> None:
        self.ticket = ticket
        self.callback = callback
        self.context = context
        self.since, self.at = times
        self._wake, self._expire = told
        self.due = inf
        self.place: Place | None = None
        self.task: asyncio.Task[None] | None = None
        self.why: Why = ""

    @property
    def interruptible(self) -> bool:
        """Can it be cancelled while it runs?"""
        return on_loop(self.ticket.fn)

    def wake(self) -> None:
        """It is its turn."""
        self._wake(self)

    async def wait(self, due: float) -> bool:  # noqa: ARG002
        """Nobody waits: who is woken begins."""
        return True

    def expire(self) -> None:
        """Its time is over."""
        self._expire(self)

    def interrupt(self, why: Why) -> bool:
        """Cancel it while it runs; False where that cannot be done, or is being done."""
        if self.task is None or self.why or self.ticket.over or not self.interruptible:
            return False
        self.why = why
        self.task.cancel()
        return True


def on_loop(fn: Callable[..., object]) -> bool:
    """Is it a coroutine function, or an object that is called as one? All else is called in a thread."""
    while isinstance(fn, partial):
        fn = fn.func
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(getattr(fn, "__call__", None))  # noqa: B004


def check(fn: object, callback: object) -> None:
    """Raises `TypeError`, which names the mend, for what cannot be called later."""
    if inspect.iscoroutine(fn):
        fn.close()
        raise TypeError("submit(priority, fn, *args) takes the function and its arguments, not a coroutine")
    if not callable(fn):
        raise TypeError(f"submit(priority, fn, *args) calls fn later, and a {type(fn).__name__} cannot be called")
    if callback is not None and not callable(callback):
        raise TypeError("callback= takes a function of the ticket")


async def called(fn: Callable[..., object], args: tuple[object, ...], threads: Executor) -> object:
    """What the function gives: a coroutine function on this loop, any other in one of the threads.

    What that gives is awaited here where it can be, so that `lambda: client.chat("hi")` does what it says.
    """
    if on_loop(fn):
        return await cast("Awaitable[object]", fn(*args))
    loop = asyncio.get_running_loop()
    result, error = await loop.run_in_executor(threads, copy_context().run, _attempted, fn, args)
    if error is not None:
        raise error
    return await result if inspect.isawaitable(result) else result


def _attempted(fn: Callable[..., object], args: tuple[object, ...]) -> tuple[object, BaseException | None]:
    """The result or the error, as a value: not every exception survives the way through futures."""
    try:
        return fn(*args), None
    except BaseException as error:  # noqa: BLE001  (it belongs to whoever holds the ticket)
        return None, error
