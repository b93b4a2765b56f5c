"""What the kernel has charged this process for some calls: all of its threads, in user space and in the kernel."""

from __future__ import annotations

import gc
import resource
import time

from msgspec import Struct

from bench.inprocess.work import Work


class Charge(Struct, frozen=True):
    """What one round took, in seconds.

    Attributes:
        calls: how many were made.
        cpu: CPU time of the process.
        thread: CPU time of the thread that made the calls.
        system: the part of `cpu` in the kernel. It is sampled, and says something only over many rounds.
    """

    calls: int
    cpu: float
    thread: float
    system: float

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
    system, thread, cpu = _system(), time.thread_time(), time.process_time()
    made = await work.make(calls)
    cpu, thread, system = time.process_time() - cpu, time.thread_time() - thread, _system() - system
    if made != calls:
        raise RuntimeError(f"{made} of {calls} calls did their work")
    return Charge(calls, cpu, thread, system)


def _system() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_stime
