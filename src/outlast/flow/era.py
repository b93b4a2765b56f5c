"""A stretch of time that several processes share without sharing a clock.

Who first finds that there is none begins one, by a claim in their store which ends by itself; the others find its name
there, and how much of it is left.
"""

from __future__ import annotations

from math import inf

from msgspec import Struct

from outlast.ports import Io, Store


class Era(Struct, frozen=True):
    """One of them: its name, and the monotonic time of this process at which it ends."""

    name: str
    ends: float


BEFORE = Era("", -inf)
"""There has not been any."""


async def present(store: Store, key: str, name: str, seconds: float, io: Io) -> Era:
    """The one that all are in now; one of that name and length, if there was none. Raises `StoreFailed`."""
    found = await store.claim(key, name.encode(), seconds)
    if found is None:
        return Era(name, io.now() + seconds)
    return Era(found.value.decode(), io.now() + found.left)
