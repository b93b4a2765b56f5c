"""A store in this process's memory: bounded in bytes and in entries, and forgotten with the process.

What was put or added and not used for longest goes first. What was claimed, swapped or appended stays for its time;
where all of the memory is taken by that, more of it is refused.

    shelf    things under names, each for a time, in bounded room; on it are
             kept, logs, sums
    limits   one number each, as long as they are not full
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from outlast.ports import Asked, Decision, Stored
from outlast.store.ears import Ears
from outlast.store.memory.kept import Kept
from outlast.store.memory.limits import Limits
from outlast.store.memory.logs import Logs
from outlast.store.memory.shelf import OVERHEAD, Shelf
from outlast.store.memory.sums import Sums

__all__ = ["OVERHEAD", "Memory"]


class Memory:
    """Implements `Store`. Every method is done when it returns, and waits for nothing.

    Args:
        now: a monotonic clock, in seconds.
        most_bytes: so many bytes are kept, names included.
        most_entries: and so many entries.
    """

    __slots__ = ("_ears", "_kept", "_limits", "_logs", "_now", "_shelf", "_sums")

    shared = False
    notifies = True

    def __init__(
        self, now: Callable[[], float], *, most_bytes: int = 64 * 1024 * 1024, most_entries: int = 100_000
    ) -> None:
        self._now = now
        self._shelf = Shelf(most_bytes, most_entries)
        self._kept = Kept(self._shelf)
        self._logs = Logs(self._shelf)
        self._sums = Sums(self._shelf)
        self._limits = Limits()
        self._ears = Ears()

    def __len__(self) -> int:
        return len(self._shelf)

    @property
    def size(self) -> int:
        """How many bytes are kept now."""
        return self._shelf.bytes

    # -- bytes -----------------------------------------------------------------------------------------------------

    async def get(self, key: str) -> Stored | None:
        """What is kept there; None when nothing is, or no longer."""
        return self._kept.get(key, self._now())

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keep that for so many seconds; what is larger than the whole store is not kept."""
        self._kept.put(key, value, seconds, self._now())
        self._ears.tell(key)

    async def delete(self, key: str) -> None:
        """Forget what is kept there, bytes or log, if anything is."""
        self._kept.delete(key)
        self._logs.delete(key)
        self._ears.tell(key)

    async def purge(self, prefix: str, holding: str = "") -> int:
        """Forget all that is kept under keys which begin so, and hold that. How many there were."""
        now = self._now()
        names = [name for kind in "bls" for name in self._shelf.begin(kind + prefix, now) if holding in name[1:]]
        for name in names:
            self._shelf.drop(name)
            self._ears.tell(name[1:])
        return len(names)

    async def claim(self, key: str, value: bytes, seconds: float) -> Stored | None:
        """Keep that if nothing is kept there: None then, else what is. Raises `StoreFailed` when memory is full."""
        found = self._kept.claim(key, value, seconds, self._now())
        if found is None:
            self._ears.tell(key)
        return found

    async def swap(self, key: str, was: bytes, value: bytes, seconds: float) -> bool:
        """Keep that in place of exactly `was`; False if that is not there. Raises `StoreFailed` when memory is full."""
        swapped = self._kept.swap(key, was, value, seconds, self._now())
        if swapped:
            self._ears.tell(key)
        return swapped

    # -- logs and sums ---------------------------------------------------------------------------------------------

    async def append(self, key: str, entries: Sequence[bytes], seconds: float) -> int:
        """Add these to the log's end. How many it holds then. Raises `StoreFailed` when memory is full."""
        held = self._logs.append(key, entries, seconds, self._now())
        self._ears.tell(key)
        return held

    async def read(self, key: str, start: int = 0) -> list[bytes]:
        """The entries from that number on."""
        return self._logs.read(key, start, self._now())

    async def add(self, key: str, amounts: Mapping[str, int], seconds: float) -> dict[str, int]:
        """Add to the sums kept there. All of them, as they are then."""
        return self._sums.add(key, amounts, seconds, self._now())

    # -- limits ----------------------------------------------------------------------------------------------------

    async def take(self, asked: Sequence[Asked], max_wait: float) -> list[Decision]:
        """Charge all of it, if no limit makes it wait for more than `max_wait` seconds; else none of it."""
        return self._limits.take(asked, max_wait, self._now())

    def settle(self, asked: Sequence[Asked]) -> None:
        """Charge what was used beyond what was taken; a cost below zero gives back."""
        self._limits.settle(asked, self._now())

    async def lease(self, asked: Asked) -> float:
        """Charge as large a share of all these costs as every limit has left at once. That share."""
        return self._limits.lease(asked, self._now())

    def tighten(self, asked: Asked) -> None:
        """Of each limit no more than `cost` is left."""
        self._limits.tighten(asked, self._now())

    # -- the whole -------------------------------------------------------------------------------------------------

    def listen(self, key: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` at once when anything was kept, forgotten or appended there. Gives what ends it."""
        return self._ears.listen(key, wake)

    async def check(self) -> None:
        """Memory can always be worked with."""

    async def aclose(self) -> None:
        """Nothing waits."""
