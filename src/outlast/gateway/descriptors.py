"""How many callers a process has room for: each needs a file descriptor, and another one towards a provider."""

from __future__ import annotations

import contextlib
import sys

RESERVE = 64
"""Descriptors for everything that is no connection."""
WANTED = 65_536
"""Descriptors beyond which nobody needs to be let."""
UNBOUNDED = sys.maxsize


def room() -> int:
    """Callers that may be connected at once. Raises this process's own limit as far as it may first."""
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
