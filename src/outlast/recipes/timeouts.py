"""Timeouts that mean what they say: so long for the whole call, so long for each attempt. A guard with timers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Never

from outlast.guard.guarding import Guard, guard
from outlast.guard.policies import Deadline, Policy, Retry, Timeout
from outlast.guard.world import World
from outlast.ports import Sink
from outlast.recipes.in_time import in_threads
from outlast.recipes.unkept import refuse

_SOCKETS = "a guard sees calls and not sockets: set it on the HTTP client, with outlast.time_left() at most"
UNKEPT = {
    "connect": _SOCKETS,
    "read": _SOCKETS,
    "write": _SOCKETS,
    "pool": _SOCKETS,
    "timeout": "say which: total= for the whole call, each= for one attempt",
    "default": "say which: total= for the whole call, each= for one attempt",
}
"""Why not, and what to use."""


def timeouts(
    total: float | None = None,
    each: float | None = None,
    *,
    stall: float | None = None,
    attempts: int = 1,
    in_thread: bool = False,
    name: str | None = None,
    sinks: Iterable[Sink] = (),
    io: World | None = None,
    **_unkept: Never,
) -> Guard:
    """A decorator under which a call ends in time. Inside, `outlast.time_left()` says how much there is.

        @outlast.timeouts(total=30, each=10, attempts=3)
        async def ask(prompt: str) -> str: …

    Args:
        total: seconds for the whole call, its waits and attempts included.
        each: seconds for one attempt; of a stream, until its first item.
        stall: seconds for each further item of a stream; `each` where it is left out.
        attempts: how many in all; what ran out of its time is tried again while the total allows it.
        in_thread: run plain functions in threads, which are left behind when their time is up. Without it they are
            not interrupted: only coroutines can be. At most 256 run at once.
        name: what errors and events call it.
        sinks: who hears of every event.
        io: the clock, the dice and the places to wait, where a test brings its own.

    Raises:
        OutOfTime: by the call, when its time is up; a TimeoutError.
        TypeError, ValueError: a parameter is out of bounds (0 is no default), or promises what is not kept here.
    """
    refuse("timeouts", _unkept, UNKEPT)
    if total is None and each is None:
        raise TypeError("timeouts() limits nothing: give it total=, each=, or both")
    if each is None and (stall is not None or in_thread):
        raise TypeError("timeouts(stall=…, in_thread=…) says how each= is kept: give that too")
    policies: list[Policy] = [] if total is None else [Deadline(total)]
    if attempts != 1:
        policies.append(Retry(attempts=attempts))
    if in_thread:
        policies.append(in_threads())
    if each is not None:
        policies.append(Timeout(each, stall=stall, in_thread=in_thread))
    return guard(*policies, name=name or "timeouts", sinks=sinks, io=io)
