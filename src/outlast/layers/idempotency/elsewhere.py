"""A call that another process makes: waited for here, and its stream read along from the store's log.

    record: running ──▶ done ──▶ the rest of the stream, or all of a whole answer
    log:    begun · batch · batch · …          woken by the store whenever either changes

It is followed for as long as somebody waits here. When its owner falls silent or the key is free, it is asked for
anew, unless somebody has had words of it already: their stream is broken, and the next try gets the whole.
"""

from __future__ import annotations

from outlast.flow.bell import Bell
from outlast.flow.call import Call
from outlast.layers.idempotency.keeper import Keeper, Unheard
from outlast.layers.idempotency.log import log_of, read_begun, read_said
from outlast.layers.idempotency.record import Record, unpacked
from outlast.layers.idempotency.recording import Recording
from outlast.layers.idempotency.shared import Shared
from outlast.layers.idempotency.told import Said, batch_of, opening_of
from outlast.model.errors import BrokenStream, Cancelled
from outlast.model.messages import Opening

SOON = 1.0
"""Seconds after which a store that has said nothing is asked again."""


class Following:
    """One call that is followed.

    Args:
        shared: who waits for it here.
        record: of the call, which is running.
        keeper: reads what the store has of it.
        most: bytes of its stream that are held here for who joins later.
    """

    __slots__ = (
        "_bare", "_call", "_keeper", "_most", "_opening", "_over", "_read", "_record", "_recording", "_shared",
    )  # fmt: skip

    def __init__(self, shared: Shared, record: Record, keeper: Keeper, most: int) -> None:
        self._shared = shared
        self._call: Call = shared.call
        self._record = record
        self._keeper = keeper
        self._most = most
        self._read = 0
        self._bare = False
        self._opening = Opening()
        self._recording: Recording | None = None
        self._over: bool | None = None

    async def follow(self) -> bool:
        """Follow it to its end. False: the key is to be asked for anew."""
        store, bell = self._keeper.store, Bell()
        name, log = self._shared.name, log_of(self._shared.name, self._record.owner)
        ends = [store.listen(name, bell.ring), store.listen(log, bell.ring)]
        self._shared.follows = True
        try:
            return await self._until_over(log, bell)
        finally:
            self._shared.follows = False
            for end in ends:
                end()

    async def _until_over(self, log: str, bell: Bell) -> bool:
        io, heard = self._call.io, self._call.io.now()
        while self._shared.callers:
            waiter = bell.heard_by(io)
            try:
                silence = await self._look(log)
                heard = io.now()
            except Unheard:
                silence = SOON if io.now() - heard < self._record.lease else 0.0
            if self._over is not None:
                return self._over
            if silence <= 0:
                return self._lost()
            await waiter.wait(io.now() + silence)
        self._shared.close()
        self._shared.fail(Cancelled("nobody waits for it any more"))
        return True

    async def _look(self, log: str) -> float:
        """What is new. For how long there may be nothing new, before its owner counts as dead. Raises `Unheard`."""
        await self._hear(log)
        if self._over is not None:
            return 0.0
        found = await self._keeper.look(self._shared.name, self._call)
        now = None if found is None else unpacked(found)
        if found is None or now is None or now.owner != self._record.owner:
            self._over = self._lost()
            return 0.0
        if now.state != "running":
            self._over = self._complete(now)
        return now.silence(found.left)

    async def _hear(self, log: str) -> None:
        """What is new in its log; where that cannot be read, the record will have all of it."""
        store = self._keeper.store
        if not store.shared:
            return
        try:
            entries = await self._keeper.heard(store.read(log, self._read), self._call, "read")
        except Unheard:
            return
        self._read += len(entries)
        if entries and self._recording is None:
            self._begin(entries.pop(0))
        self._add(read_said(entries))

    def _begin(self, entry: bytes) -> None:
        begun = read_begun(entry)
        self._bare, self._opening = begun.bare, opening_of(begun.opened)
        self._recording = Recording(begun.about, lambda: self._opening, self._most)

    def _add(self, batches: list[Said]) -> None:
        recording = self._recording
        if recording is None:
            return
        for one in batches:
            if one.opened is not None:
                self._opening = opening_of(one.opened)
            if not self._shared.begun:
                self._tell()
                self._shared.give(recording)
            recording.add(batch_of(one, bare=self._bare))
            if one.last:
                self._finish(recording)
                return

    def _tell(self) -> None:
        keyed = self._shared.keyed
        keyed.replayed = keyed.attached = True

    def _complete(self, record: Record) -> bool:
        """It is over: the rest of its stream. False where nothing of it has been given: all of it will be."""
        recording, stream = self._recording, record.stream
        if recording is None or not self._shared.begun:
            return False
        if stream is None or recording.count > len(stream.batches):
            return self._lost()
        recording.usage, recording.cost = stream.usage, 0.0
        for one in stream.batches[recording.count :]:
            recording.add(batch_of(one, bare=self._bare))
        self._finish(recording)
        return True

    def _finish(self, recording: Recording) -> None:
        """All of it is here."""
        self._over = True
        self._shared.close()
        recording.end()

    def _lost(self) -> bool:
        """Nothing more will come of it. False where nothing of it has been given."""
        if self._recording is None or not self._shared.begun:
            return False
        broken = BrokenStream("the process that makes this stream has fallen silent: ask again with the same key")
        broken.target = self._recording.about.target
        self._shared.close()
        self._shared.fail(broken)
        return True
