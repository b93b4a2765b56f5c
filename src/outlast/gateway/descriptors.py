"""File descriptors: the three standard ones, which no socket may take, and how many callers there is room for."""

from __future__ import annotations

import contextlib
import os
import sys

RESERVE = 64
"""Descriptors for everything that is no connection."""
WANTED = 65_536
"""Descriptors beyond which nobody needs to be let."""
UNBOUNDED = sys.maxsize


def keep_standard_ones() -> None:
    """Open those of stdin, stdout and stderr that are closed: a socket in their place would be taken for them."""
    for standard in (0, 1, 2):
        try:
            os.fstat(standard)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest that is free, which is this one


def room() -> int:
    """Callers that may be connected at once; each has a descriptor, and another one towards a provider.

    The limit of this process is lifted first, as far as it may lift it.
    """
    try:
        import resource  # noqa: PLC0415  (not on every system)
    except ImportError:
        return UNBOUNDED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return UNBOUNDED
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    if wanted > soft:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return max(1, (soft - RESERVE) // 2)
