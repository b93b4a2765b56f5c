"""SQLite as a store: one file, which outlives the process and is shared by all processes of one machine.

    file      opened with care, known again, set aside when it is damaged
    schema    its tables, by version
    line      commands wait in it for one of two threads
    writer    all that waits goes in one transaction; what is promised is on the disk before it is said
    reader    never waits for a writer; looks for what other processes have written while anybody listens
    kept, logs, sums, limits   what is done with each
    sweep     what has ended goes, what was put is held to a bound
    moments   by the wall clock, which may be set back

Sources: sqlite.org on WAL, `synchronous`, `data_version` and how files are damaged.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from outlast.model.events import Event, Fault
from outlast.ports import Asked, Decision, Stored, StoreFailed
from outlast.store.sqlite import kept, limits, logs, sums
from outlast.store.sqlite.file import File
from outlast.store.sqlite.line import Job, Line
from outlast.store.sqlite.news import News
from outlast.store.sqlite.reader import Reader
from outlast.store.sqlite.writer import PATIENCE, Writer, lost

__all__ = ["SqliteStore"]

T = TypeVar("T")

CLOSING = 5.0
"""Seconds that are given to what still waits when it is closed."""
USED = 1_000
"""So many keys are remembered as used until the next batch is written."""

_OPEN: set[Threads] = set()
"""In a forked child the parent's connections must not be closed, not even by being forgotten: they stay in here."""


class Threads(Struct, eq=False):
    """What works for one process."""

    pid: int
    writes: Line
    reads: Line
    writer: Writer
    reader: Reader


class SqliteStore:
    """Implements `Store`. A command that was given is carried out, whether or not who gave it still waits.

    It may be used from any loop. After a fork the child has threads and connections of its own.

    Args:
        path: the file; it is made where there is none, but not its folder.
        most_bytes: so many bytes of what was put are kept; what was not used for longest goes first.
        most_pages: the file never grows beyond so many pages; None: it is the disk that bounds it.
        patience: seconds for which a lock of another process is waited for.
        emit: hears when what was kept is lost.
        wall: a clock that all processes share, in seconds.

    Raises:
        StoreFailed: it cannot be worked with; what it says names the mend.
    """

    __slots__ = ("_emit", "_file", "_loop", "_most", "_news", "_patience", "_threads", "_used", "_wall")

    shared = True
    notifies = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        most_bytes: int = 1024 * 1024 * 1024,
        most_pages: int | None = None,
        patience: float = PATIENCE,
        emit: Callable[[Event], None] | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._file = File(Path(path), most_pages)
        self._most = most_bytes
        self._patience = patience
        self._emit = emit
        self._wall = wall
        self._news = News()
        self._used: dict[str, None] = {}
        self._threads: Threads | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        aside = self._file.try_out()
        if aside is not None and emit is not None:
            emit(Fault("store", lost("the file is damaged", aside.name)))

    # -- bytes -----------------------------------------------------------------------------------------------------

    async def get(self, key: str) -> Stored | None:
        """What is kept there; None when nothing is, or no longer."""
        found = await self._read(lambda db, now: kept.get(db, key, now))
        if found is not None and len(self._used) < USED:
            self._used[key] = None
        return found

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keep that for so many seconds; what is larger than the bound of all is not kept."""
        if len(value) + kept.OVERHEAD > self._most:
            seconds = 0.0
        used, self._used = self._used, {}

        def do(db: Any, now: float) -> None:  # noqa: ANN401  (a connection)
            kept.use(db, used, now)
            kept.put(db, key, value, seconds, now)

        await self._write(do, key)

    async def delete(self, key: str) -> None:
        """Forget what is kept there, bytes or log, if anything is."""
        await self._write(lambda db, _: kept.delete(db, key), key)

    async def purge(self, prefix: str, holding: str = "") -> int:
        """Forget all that is kept under keys which begin so, and hold that. How many there were."""
        found, more = 0, True
        while more:
            step, more = await self._write(lambda db, now: kept.purge(db, prefix, holding, now), "")
            found += step
        return found

    async def claim(self, key: str, value: bytes, seconds: float) -> Stored | None:
        """Keep that if nothing is kept there: None then, else what is, and that stays."""
        return await self._write(lambda db, now: kept.claim(db, key, value, seconds, now), key, promised=True)

    async def swap(self, key: str, was: bytes, value: bytes, seconds: float) -> bool:
        """Keep that in place of exactly `was`; False, and nothing done, if anything else or nothing is kept there."""
        return await self._write(lambda db, now: kept.swap(db, key, was, value, seconds, now), key, promised=True)

    # -- logs and sums ---------------------------------------------------------------------------------------------

    async def append(self, key: str, entries: Sequence[bytes], seconds: float) -> int:
        """Add these to the log's end, and keep all of it for so many seconds from now. How many it holds then."""
        return await self._write(lambda db, now: logs.append(db, key, entries, seconds, now), key, promised=True)

    async def read(self, key: str, start: int = 0) -> list[bytes]:
        """The entries from that number on, oldest first; none if there is no such log."""
        return await self._read(lambda db, now: logs.read(db, key, start, now))

    async def add(self, key: str, amounts: Mapping[str, int], seconds: float) -> dict[str, int]:
        """Add to the sums kept there, and keep them for so many seconds from now. All of them, as they are then."""
        return await self._write(lambda db, now: sums.add(db, key, amounts, seconds, now))

    # -- limits ----------------------------------------------------------------------------------------------------

    async def take(self, asked: Sequence[Asked], max_wait: float) -> list[Decision]:
        """Charge all of it, if no limit makes it wait for more than `max_wait` seconds; else none of it."""
        return await self._write(lambda db, now: limits.take(db, asked, max_wait, now))

    def settle(self, asked: Sequence[Asked]) -> None:
        """Charge what was used beyond what was taken; a cost below zero gives back. Goes with the next command."""
        self._here().writes.put(Job(lambda db, now: limits.settle(db, asked, now)))

    async def lease(self, asked: Asked) -> float:
        """Charge as large a share of all these costs as every limit has left at once. That share."""
        return await self._write(lambda db, now: limits.lease(db, asked, now))

    def tighten(self, asked: Asked) -> None:
        """Of each limit no more than `cost` is left. Goes with the next command."""
        self._here().writes.put(Job(lambda db, now: limits.tighten(db, asked, now)))

    # -- the whole -------------------------------------------------------------------------------------------------

    def listen(self, key: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` soon after anything was written there, by whichever process. Gives what ends it."""
        end = self._news.listen(key, wake)
        self._here().reads.put(Job(lambda _db, _now: None))  # so that it begins to look
        return end

    async def check(self) -> None:
        """Raise `StoreFailed`, saying why, if it cannot be written to or read now."""
        await self._write(lambda _db, _now: None)
        await self._read(lambda _db, _now: None)

    async def aclose(self) -> None:
        """Write what waits, if that takes no more than seconds, and let go of the file."""
        threads, self._threads = self._threads, None
        if threads is None or threads.pid != os.getpid():
            return
        loop = asyncio.get_running_loop()
        ended = [loop.create_future() for _ in range(2)]
        threads.writes.close(ended[0])
        threads.reads.close(ended[1])
        _OPEN.discard(threads)
        await asyncio.wait(ended, timeout=CLOSING)

    # -- threads ---------------------------------------------------------------------------------------------------

    async def _write(self, do: Callable[[Any, float], T], heard: str | None = None, *, promised: bool = False) -> T:
        return await _given(self._here().writes, Job(do, promised, heard=heard))  # type: ignore[no-any-return]

    async def _read(self, do: Callable[[Any, float], T]) -> T:
        return await _given(self._here().reads, Job(do))  # type: ignore[no-any-return]

    def _here(self) -> Threads:
        """The threads of this process; begun when they are first needed."""
        self._loop = asyncio.get_running_loop()
        threads = self._threads
        if threads is None or threads.pid != os.getpid():
            threads = self._threads = self._begun()
        return threads

    def _begun(self) -> Threads:
        writes, reads = Line(), Line()
        writer = Writer(
            self._file,
            writes,
            self._news,
            wall=self._wall,
            most=self._most,
            say=self._say,
            patience=self._patience,
        )
        reader = Reader(self._file, reads, self._news, wall=self._wall)
        threads = Threads(os.getpid(), writes, reads, writer, reader)
        _OPEN.add(threads)
        writer.thread.start()
        reader.thread.start()
        return threads

    def _say(self, words: str) -> None:
        """What the owner should know; said on the loop, by whichever thread."""
        loop, emit = self._loop, self._emit
        if loop is not None and emit is not None:
            with suppress(RuntimeError):  # it is closed
                loop.call_soon_threadsafe(emit, Fault("store", words))


async def _given(line: Line, job: Job) -> Any:  # noqa: ANN401  (what the job gives)
    """What has become of it. Who is cancelled here leaves it to be carried out."""
    job.done = asyncio.get_running_loop().create_future()
    if not line.put(job):
        raise StoreFailed("more waits for the disk than it can do, or the store was closed")
    return await job.done
