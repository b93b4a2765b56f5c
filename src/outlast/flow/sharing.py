"""One call that several wait for: how long each waits, and what each is told when it fails."""

from __future__ import annotations

import copy

from outlast.flow.call import Call
from outlast.model.errors import Failure, Internal, TimedOut

GRACE = 0.05
"""Seconds after a deadline in which the call itself may tell what it failed by."""


def failure_for(call: Call, failure: Failure | None) -> Failure | None:
    """What one of those who wait is told, as a failure of its own; None where it has time left and should ask anew.

    Args:
        call: of who waits.
        failure: of the shared call; None when it ended with neither an answer nor a failure.
    """
    if failure is None:
        return Internal("an internal error; it has been logged")
    if isinstance(failure, TimedOut) and call.io.now() + GRACE < call.deadline:
        return None
    return copy.copy(failure)
