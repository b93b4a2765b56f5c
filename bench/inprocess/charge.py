"""What the kernel has charged this process for some calls: all of its threads, in user space and in the kernel."""

from __future__ import annotations

import gc
import time

from msgspec import Struct

from bench.inprocess.work import Work


class Charge(Struct, frozen=True):
    """What one round took: how many calls, and seconds of CPU."""

    calls: int
    cpu: float

    @property
    def per_call(self) -> float:
        """Microseconds of CPU for one call."""
        return self.cpu / self.calls * 1e6


async def charged(work: Work, calls: int) -> Charge:
    """What so many calls took. The collector runs as it always does, from a clean start.

    Raises:
        RuntimeError: not all of them did their work.
    """
    gc.collect()
    before = time.process_time()
    made = await work.make(calls)
    cpu = time.process_time() - before
    if made != calls:
        raise RuntimeError(f"{made} of {calls} calls did their work")
    return Charge(calls, cpu)
