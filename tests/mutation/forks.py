"""Forked processes, each with one mutant, and what became of it.

A child tells the number of each test before it runs it, and ends with a status: all tests passed, or one did not. A
test that takes five times the processor time that it usually takes, and some grace, is ended by the kernel; so is one
that waits for half a minute for something that does not come. Both have noticed the mutant.
"""

import os
import resource
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NoReturn, TypeVar

T = TypeVar("T")

PASSED, FAILED, MISFIT, BROKEN = 0, 1, 3, 4
MEMORY = 6 << 30

Work = Callable[[Callable[[int], None]], int]
"""What a child does: it is given a function that tells the number of a test, and returns its status."""


def spawn(work: Work) -> tuple[int, int]:
    """A child that does that work: its process id, and where to read what it tells."""
    reads, writes = os.pipe()
    pid = os.fork()
    if not pid:
        _work(work, writes)
    os.close(writes)
    return pid, reads


def _work(work: Work, writes: int) -> NoReturn:
    status = BROKEN
    try:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        status = work(lambda number: os.write(writes, b"%d\n" % number) and None)
    except BaseException as fault:  # noqa: BLE001  (whatever it is, this process must not go on as its parent would)
        os.write(writes, f"!{type(fault).__name__}: {fault}\n".encode())
    finally:
        os._exit(status)


def limit(seconds: float, grace: float) -> None:
    """End this process by a signal once a test that usually takes so long takes far longer, from now on."""
    for which in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(which, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, 5 * seconds + grace)
    signal.setitimer(signal.ITIMER_REAL, 50 * seconds + 30)


class Ended:
    """How a child ended, and the number of the test that it was at."""

    def __init__(self, status: int, told: str, seconds: float) -> None:
        self.seconds = seconds
        lines = told.split("\n")[:-1]
        self.fault = next((line[1:] for line in lines if line.startswith("!")), "")
        self.test = int(lines[-1]) if lines and not self.fault else None
        self.by_time = os.WIFSIGNALED(status) and os.WTERMSIG(status) in {signal.SIGPROF, signal.SIGALRM}
        self.status = os.WEXITSTATUS(status) if os.WIFEXITED(status) else FAILED


def in_forks(items: Iterable[T], work_of: Callable[[T], Work], at_once: int) -> Iterator[tuple[T, Ended]]:
    """Do the work of each item in a child of its own, so many at once; how each ended, as they end."""
    running: dict[int, tuple[T, int, float]] = {}
    waiting = iter(items)
    try:
        while True:
            for item in islice(waiting, at_once - len(running)):
                pid, reads = spawn(work_of(item))
                running[pid] = item, reads, time.monotonic()
            if not running:
                return
            pid, status = os.wait()
            item, reads, since = running.pop(pid)
            with os.fdopen(reads) as told:
                yield item, Ended(status, told.read(), time.monotonic() - since)
    finally:
        for pid in running:
            os.kill(pid, signal.SIGKILL)
