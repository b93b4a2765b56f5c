"""Tests of code that calls providers: scripted ones, in virtual time, without a socket or a second of waiting.

    def test_a_failing_provider_is_left():
        async def story():
            io = ScriptedIo()
            io.script("alpha/m", 503)
            …
        run(story())

`ScriptedIo` is the world, `run` the virtual time, `ok`, `status`, `cut`, … say what a provider does, `FAULTS` has the
named faults, and `cancel_everywhere` finds what a cancellation leaves behind. `SimulatedProvider` plays the same
scripts over real sockets.
"""

from outlast.lab.everywhere import Leaked, Story, cancel_everywhere, fail_everywhere
from outlast.lab.faults import FAULTS
from outlast.lab.named import behaviour
from outlast.lab.provider import SimulatedProvider
from outlast.lab.script import (
    Behaviour,
    cut,
    done_only,
    drip,
    empty,
    ended,
    endless,
    error_event,
    garbled,
    hang_up,
    html,
    no_done,
    not_http,
    ok,
    pings,
    reset,
    silent,
    slow_headers,
    stall,
    status,
    throttled,
    torn,
    truncated_json,
    unreachable,
)
from outlast.lab.scripted_exchange import ScriptedExchange, Sent
from outlast.lab.scripted_io import RecordingSink, ScriptedIo, ScriptedWaiter
from outlast.lab.virtual_time import CallbackFault, Deadlock, VirtualLoop, run

__all__ = [
    "FAULTS",
    "Behaviour",
    "CallbackFault",
    "Deadlock",
    "Leaked",
    "RecordingSink",
    "ScriptedExchange",
    "ScriptedIo",
    "ScriptedWaiter",
    "Sent",
    "SimulatedProvider",
    "Story",
    "VirtualLoop",
    "behaviour",
    "cancel_everywhere",
    "cut",
    "done_only",
    "drip",
    "empty",
    "ended",
    "endless",
    "error_event",
    "fail_everywhere",
    "garbled",
    "hang_up",
    "html",
    "no_done",
    "not_http",
    "ok",
    "pings",
    "reset",
    "run",
    "silent",
    "slow_headers",
    "stall",
    "status",
    "throttled",
    "torn",
    "truncated_json",
    "unreachable",
]
