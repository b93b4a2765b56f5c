"""Tests of code that calls providers: scripted ones, in virtual time, without a socket or a second of waiting.

    def test_a_failing_provider_is_left():
        async def story():
            io = ScriptedIo()
            io.script("alpha/m", 503)
            …
        run(story())

`ScriptedIo` is the world, `run` the virtual time, `ok`, `status`, `cut`, … say what a provider does, `FAULTS` has the
named faults, and `cancel_everywhere` finds what a cancellation leaves behind. `SimulatedProvider` plays the same
scripts over real sockets, conducts itself as a `Conduct` says, and tells with `expect` what it saw.
`outlast.testing.fixtures` is a pytest plugin with both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outlast.lab.bad_json import bad_json
    from outlast.lab.conduct import Conduct, Mishap
    from outlast.lab.everywhere import Leaked, Story, cancel_everywhere, fail_everywhere
    from outlast.lab.expectation import Wanted
    from outlast.lab.faults import FAULTS
    from outlast.lab.laws import Law
    from outlast.lab.named import behaviour
    from outlast.lab.outages import Outage
    from outlast.lab.provider import SimulatedProvider
    from outlast.lab.quotas import Limits
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
    from outlast.lab.scripted_blocking import BlockingScriptedIo
    from outlast.lab.scripted_exchange import ScriptedExchange, Sent
    from outlast.lab.scripted_io import RecordingSink, ScriptedIo, ScriptedWaiter
    from outlast.lab.seen import Seen
    from outlast.lab.virtual_time import CallbackFault, Deadlock, VirtualLoop, run
    from outlast.model.target import Price

_PLACES = {
    name: module
    for module, names in {
        "outlast.lab.bad_json": "bad_json",
        "outlast.lab.conduct": "Conduct Mishap",
        "outlast.lab.everywhere": "Leaked Story cancel_everywhere fail_everywhere",
        "outlast.lab.expectation": "Wanted",
        "outlast.lab.faults": "FAULTS",
        "outlast.lab.laws": "Law",
        "outlast.lab.named": "behaviour",
        "outlast.lab.outages": "Outage",
        "outlast.lab.provider": "SimulatedProvider",
        "outlast.lab.quotas": "Limits",
        "outlast.lab.script": (
            "Behaviour cut done_only drip empty ended endless error_event garbled hang_up html no_done "
            "not_http ok pings reset silent slow_headers stall status throttled torn truncated_json unreachable"
        ),
        "outlast.lab.scripted_blocking": "BlockingScriptedIo",
        "outlast.lab.scripted_exchange": "ScriptedExchange Sent",
        "outlast.lab.scripted_io": "RecordingSink ScriptedIo ScriptedWaiter",
        "outlast.lab.seen": "Seen",
        "outlast.lab.virtual_time": "CallbackFault Deadlock VirtualLoop run",
        "outlast.model.target": "Price",
    }.items()
    for name in names.split()
}
"""Where the names live; each is imported when it is first used, so that a test pays only for what it needs."""

__all__ = [
    "FAULTS",
    "Behaviour",
    "BlockingScriptedIo",
    "CallbackFault",
    "Conduct",
    "Deadlock",
    "Law",
    "Leaked",
    "Limits",
    "Mishap",
    "Outage",
    "Price",
    "RecordingSink",
    "ScriptedExchange",
    "ScriptedIo",
    "ScriptedWaiter",
    "Seen",
    "Sent",
    "SimulatedProvider",
    "Story",
    "VirtualLoop",
    "Wanted",
    "bad_json",
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


def __getattr__(name: str) -> object:
    """A public name, from where it lives."""
    if name not in _PLACES:
        raise AttributeError(f"module 'outlast.testing' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    value: object = getattr(import_module(_PLACES[name]), name)
    globals()[name] = value
    return value
