"""What calls hold in memory, as a fresh process counts it: see `allocation`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec
from msgspec import Struct

from bench.inprocess.driver import surroundings
from bench.inprocess.environment import ROOT


class Held(Struct, frozen=True):
    """What calls hold.

    Attributes:
        peak: bytes that one call takes at most, its answer included.
        left: bytes that one call leaves behind, on average.
        bytes_under_way: bytes of one call that waits for its answer; its task and its request are among them.
        blocks_under_way: blocks of memory, which is objects or nearly so, of the same.
    """

    peak: float
    left: float
    bytes_under_way: float
    blocks_under_way: float


def held(python: Path) -> Held:
    """What calls hold, in a fresh process."""
    command = [str(python), "-m", "bench.inprocess.allocation"]
    done = subprocess.run(command, cwd=ROOT, env=surroundings(), stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Held)
