"""Bounds of one attempt."""

from __future__ import annotations

from msgspec import Struct


class AttemptConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds of one attempt. Times in seconds, sizes in bytes."""

    grace: float = 1.0
    """After every choice has finished, how long the end marker is waited for."""
    max_stream_bytes: int = 64 * 1024 * 1024
    """A longer stream is cut, with an error."""
    max_preamble: int = 1024 * 1024
    """So much may come before the first content."""
    telling: float = 1.0
    """An attempt that the caller's deadline left less time than this says nothing about its target."""
