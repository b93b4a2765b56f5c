"""What belongs to one loop in one process: connections, what travels over them, and who listens."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakSet

from msgspec import Struct
from redis.asyncio.connection import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from outlast.store.redis.line import Line
from outlast.store.redis.news import News

FIXED: dict[str, Any] = {"protocol": 2, "driver_info": None, "retry": Retry(NoBackoff(), 0)}
"""Nothing is sent twice, and nothing is said at the start of a connection that a proxy may refuse."""


class Moorings(Struct, eq=False, weakref=True):
    """All of it. `looked` says that the server's own settings were looked at."""

    loop: asyncio.AbstractEventLoop
    pid: int
    pool: ConnectionPool
    line: Line
    news: News
    looked: bool = False

    def serves(self) -> bool:
        """Is it for the loop that runs now, in this process?"""
        return self.loop is asyncio.get_running_loop() and self.pid == os.getpid()

    async def aclose(self) -> None:
        """Carry out what waits, as far as that goes, and let go of everything."""
        await self.line.aclose()
        await self.news.aclose()
        await self.pool.aclose()
        _live.discard(self)


def moor(options: Mapping[str, Any], moved: Callable[[int], None]) -> Moorings:
    """New ones, for the loop that runs now."""
    pool = ConnectionPool(**{**options, **FIXED})
    here = Moorings(asyncio.get_running_loop(), os.getpid(), pool, Line(pool, moved), News(pool.make_connection))
    _live.add(here)
    return here


_live: WeakSet[Moorings] = WeakSet()
_orphans: list[Moorings] = []
"""Of a parent process: its sockets must not be touched, not even by a destructor."""

os.register_at_fork(after_in_child=lambda: _orphans.extend(_live))
