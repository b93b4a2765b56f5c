"""Prices asked for in a process of its own, whose memory goes with it when it ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import msgspec

from outlast.catalog.prices import Question
from outlast.model.target import Price

PATIENCE = 60.0
"""Seconds; a machine that is busy starting takes a few."""


def prices_apart(questions: Sequence[Question]) -> list[Price | None]:
    """What each of these models costs today. Blocks for about half a second: use a thread.

    Raises:
        OSError: no process can be had.
        subprocess.SubprocessError: it failed, or took too long.
    """
    command = [sys.executable, "-P", "-m", "outlast.catalog.prices"]  # -P: nothing is imported from where we stand
    done = subprocess.run(  # noqa: S603  (nothing of it comes from outside)
        command, input=msgspec.json.encode(questions), capture_output=True, timeout=PATIENCE, check=True
    )
    return msgspec.json.decode(done.stdout, type=list[Price | None])
