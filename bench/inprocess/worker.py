"""One contender in a process of its own, which makes calls when it is told to.

    stdin    a line with a number: make so many calls          stdout    a line of JSON: what they took
             the end: leave                                              "ready" at the start

Run by the driver as `python -m bench.inprocess.worker NAME UPSTREAM` with the Python of the bench's environment.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from typing import BinaryIO, TextIO

import msgspec

from bench.inprocess.charge import charged
from bench.inprocess.contest import CONTEST, Contender

READY = b"ready"


async def serve(contender: Contender, upstream: str, orders: TextIO, answers: BinaryIO) -> None:
    """Make calls as ordered. The loop stands still between orders, and nobody is charged for that."""
    async with contender.opened(upstream) as work:
        answers.write(READY + b"\n")
        answers.flush()
        for order in orders:
            answers.write(msgspec.json.encode(await charged(work, int(order))) + b"\n")
            answers.flush()


def main() -> None:
    """Serve the contender that the command line names."""
    name, upstream = sys.argv[1:]
    contender = CONTEST[name]
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints must not look like an answer
    logging.disable(logging.INFO)
    with asyncio.Runner(loop_factory=_loop_factory(contender)) as runner:
        runner.run(serve(contender, upstream, sys.stdin, answers))


def _loop_factory(contender: Contender) -> type[asyncio.AbstractEventLoop] | None:
    if contender.loop == "asyncio":
        return None
    import uvloop  # noqa: PLC0415  (only who asks for it has it in memory)

    return uvloop.Loop


if __name__ == "__main__":
    main()
