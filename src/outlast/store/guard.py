"""A store that is never waited for long, and not at all while it does not work.

    ask ── down ─────────────────────────────────▶ StoreFailed, at once
     └──── up ──▶ the store ──▶ its answer
                  │ not within `patience`, or it failed ─▶ StoreFailed; several in a row: down
    down ─▶ every second, half of it more or less, one probe behind everybody's back ─▶ up

Who asks only waits: a store does what it has begun, whether anybody waits for it still or not.

Sources: Envoy's rate limit service (a budget of 20 ms, and going on without it), Finagle's failure accrual.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from math import inf
from typing import Any, TypeVar

from outlast.config import GuardConfig
from outlast.flow.faults import told
from outlast.model.events import StoreAsked, StoreDown, StoreUp
from outlast.ports import Asked, Decision, Io, Keeping, Store, Stored, StoreFailed
from outlast.store.fuse import Fuse

T = TypeVar("T")
Begin = Callable[[], Coroutine[Any, Any, T]]

FIRST = 1.0
"""Seconds for the first look at a store, which has yet to connect."""
LOST = 10.0
"""Seconds after which a probe that is due and does not come is not coming: its loop has ended."""


class Late(StoreFailed):
    """It did not do it in time."""


class Guard:
    """Another store within its limits. Implements `Store`.

    Args:
        store: the other one.
        io: the clock and the dice, work beside the requests, and who hears of it.
        config: how long it is waited for, and when it is no longer asked.

    Attributes:
        why: while it is down: what was the matter last.
    """

    __slots__ = ("_config", "_fuse", "_io", "_store", "why")

    def __init__(self, store: Store, io: Io, config: GuardConfig) -> None:
        self._store = store
        self._io = io
        self._config = config
        self._fuse = Fuse(config.failures, config.probe)
        self.why = ""

    @property
    def shared(self) -> bool:
        """Do other processes see the same?"""
        return self._store.shared

    @property
    def notifies(self) -> bool:
        """Does `listen` hear of what other processes do?"""
        return self._store.notifies

    @property
    def down(self) -> bool:
        """Is it not asked now?"""
        return self._fuse.down

    def start(self) -> None:
        """Look at the store now, behind everybody's back, so that no request is the first to find that it is gone."""
        self._io.begin(self._first())

    def patient(self, seconds: float) -> Keeping:
        """The same for bytes, waited for so long."""
        return Patient(self, seconds)

    # -- bytes -----------------------------------------------------------------------------------------------------

    async def get(self, key: str) -> Stored | None:
        """What is kept there."""
        return await self.ask("get", lambda: self._store.get(key))

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keep that for so many seconds."""
        await self.ask("put", lambda: self._store.put(key, value, seconds))

    async def delete(self, key: str) -> None:
        """Forget what is kept there."""
        await self.ask("delete", lambda: self._store.delete(key))

    async def purge(self, prefix: str, holding: str = "") -> int:
        """Forget all that is kept under keys which begin so, and hold that; it is waited for as long as it takes."""
        return await self.ask("purge", lambda: self._store.purge(prefix, holding), inf)

    async def claim(self, key: str, value: bytes, seconds: float) -> Stored | None:
        """Keep that if nothing is kept there."""
        return await self.ask("claim", lambda: self._store.claim(key, value, seconds))

    async def swap(self, key: str, was: bytes, value: bytes, seconds: float) -> bool:
        """Keep that in place of exactly `was`."""
        return await self.ask("swap", lambda: self._store.swap(key, was, value, seconds))

    # -- logs and sums ---------------------------------------------------------------------------------------------

    async def append(self, key: str, entries: Sequence[bytes], seconds: float) -> int:
        """Add these to the log's end."""
        return await self.ask("append", lambda: self._store.append(key, entries, seconds))

    async def read(self, key: str, start: int = 0) -> list[bytes]:
        """The entries from that number on."""
        return await self.ask("read", lambda: self._store.read(key, start))

    async def add(self, key: str, amounts: Mapping[str, int], seconds: float) -> dict[str, int]:
        """Add to the sums kept there."""
        return await self.ask("add", lambda: self._store.add(key, amounts, seconds))

    # -- limits ----------------------------------------------------------------------------------------------------

    async def take(self, asked: Sequence[Asked], max_wait: float) -> list[Decision]:
        """Charge all of it, or none."""
        return await self.ask("take", lambda: self._store.take(asked, max_wait))

    def settle(self, asked: Sequence[Asked]) -> None:
        """Charge what was used beyond what was taken; nothing while it is down."""
        if not self.down:
            self._store.settle(asked)

    async def lease(self, asked: Asked) -> float:
        """Charge the share that is left."""
        return await self.ask("lease", lambda: self._store.lease(asked))

    def tighten(self, asked: Asked) -> None:
        """Of each limit no more than `cost` is left; nothing while it is down."""
        if not self.down:
            self._store.tighten(asked)

    # -- the whole -------------------------------------------------------------------------------------------------

    def listen(self, key: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` soon after anything was kept there."""
        return self._store.listen(key, wake)

    async def check(self) -> None:
        """Raise `StoreFailed` if the store cannot be worked with now."""
        await self.ask("check", self._store.check)

    async def aclose(self) -> None:
        """Let go of everything."""
        await self._store.aclose()

    # -- asking ----------------------------------------------------------------------------------------------------

    async def ask(self, doing: str, begin: Begin[T], patience: float | None = None) -> T:
        """What the store answers. Raises `StoreFailed` when it does not, or not in time, or is down."""
        fuse = self._fuse
        if fuse.down:
            self._probe_again_if_lost()
            raise StoreFailed(f"the store is down: {self.why}")
        began, epoch, longest = self._io.now(), fuse.epoch, self._config.patience
        try:
            answer = await _within(longest if patience is None else patience, begin)
        except StoreFailed as failed:
            now, late = self._io.now(), isinstance(failed, Late)
            self._io.emit(StoreAsked(doing, now - began, "late" if late else "failed"))
            hasty = late and patience is not None and patience < longest  # that says nothing of the store
            if not hasty and fuse.bad(epoch, now, self._io.random):
                self._went_down(str(failed))
            raise
        fuse.good(epoch)
        self._io.emit(StoreAsked(doing, self._io.now() - began, "ok"))
        return answer

    # -- down and up -----------------------------------------------------------------------------------------------

    def _went_down(self, why: str) -> None:
        self.why = why
        self._io.emit(StoreDown(why))
        self._io.begin(self._probe())

    def _probe_again_if_lost(self) -> None:
        """After a fork, or on another loop: who was to probe is not there."""
        now = self._io.now()
        if now > self._fuse.probe_at + LOST:
            self._fuse.probe_at = now
            self._io.begin(self._probe())

    async def _first(self) -> None:
        why = await self._fails(max(FIRST, self._config.patience))
        if why and not self.down:
            self._fuse.blow(self._io.now(), self._io.random)
            self._went_down(why)

    async def _probe(self) -> None:
        """Until it is up again."""
        while self.down:
            await self._io.sleep(self._fuse.wait(self._io.now()))
            why = await self._fails(self._config.patience)
            self.why = why or self.why
            since, now = self._fuse.since, self._io.now()
            if self._fuse.probed(now, self._io.random, well=not why):
                self.why = ""
                self._io.emit(StoreUp(now - since))

    async def _fails(self, patience: float) -> str:
        """Why it cannot be worked with; empty if it can."""
        try:
            await _within(patience, self._store.check)
        except StoreFailed as failed:
            return str(failed)
        return ""


class Patient:
    """A guarded store for bytes that is waited for differently. Implements `Keeping`."""

    __slots__ = ("_guard", "_seconds", "_store")

    def __init__(self, guard: Guard, seconds: float) -> None:
        self._guard = guard
        self._store = guard._store  # noqa: SLF001  (a face of the same)
        self._seconds = seconds

    async def get(self, key: str) -> Stored | None:
        """What is kept there."""
        return await self._guard.ask("get", lambda: self._store.get(key), self._seconds)

    async def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keep that for so many seconds."""
        await self._guard.ask("put", lambda: self._store.put(key, value, seconds), self._seconds)

    async def delete(self, key: str) -> None:
        """Forget what is kept there."""
        await self._guard.ask("delete", lambda: self._store.delete(key), self._seconds)


async def _within(seconds: float, begin: Begin[T]) -> T:
    """What the store gives, if it does in time. Raises `StoreFailed`, whatever went wrong."""
    limit = asyncio.timeout(seconds if seconds < inf else None)
    try:
        async with limit:
            return await begin()
    except StoreFailed:
        raise
    except Exception as error:  # noqa: BLE001  (no store spoils an answer, whatever it raises)
        if limit.expired():
            raise Late(f"the store did not answer within {seconds:g} s") from None
        raise StoreFailed(told(error)) from None
