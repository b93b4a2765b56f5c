"""A store in this process's memory: bounded in bytes and in entries; what was not used for longest goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from outlast.ports import Stored

OVERHEAD = 256
"""Bytes that an entry takes beside its name and value, about."""


class Memory:
    """Implements `Keeping`. Forgotten with the process.

    Args:
        now: a monotonic clock, in seconds.
        most_bytes: so many bytes are kept, names included.
        most_entries: and so many entries.

    Attributes:
        bytes: how many are kept now.
    """

    __slots__ = ("_entries", "_most_bytes", "_most_entries", "_now", "bytes")

    def __init__(
        self, now: Callable[[], float], *, most_bytes: int = 64 * 1024 * 1024, most_entries: int = 100_000
    ) -> None:
        self._now = now
        self._most_bytes = most_bytes
        self._most_entries = most_entries
        self._entries: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    async def get(self, key: str) -> Stored | None:
        """What is kept under that name; None when nothing is, or no longer."""
        found = self._entries.get(key)
        if found is None:
            return None
        value, ends = found
        left = ends - self._now()
        if left <= 0:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return Stored(value, left)

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keep that for so many seconds; what is larger than the whole store is not kept."""
        self._drop(key)
        size = _size(key, value)
        if seconds <= 0 or size > self._most_bytes:
            return
        self._entries[key] = (value, self._now() + seconds)
        self.bytes += size
        while self.bytes > self._most_bytes or len(self._entries) > self._most_entries:
            self._drop(next(iter(self._entries)))

    async def delete(self, key: str) -> None:
        """Forget what is kept there, if anything is."""
        self._drop(key)

    def _drop(self, key: str) -> None:
        found = self._entries.pop(key, None)
        if found is not None:
            self.bytes -= _size(key, found[0])


def _size(key: str, value: bytes) -> int:
    return len(key) + len(value) + OVERHEAD
