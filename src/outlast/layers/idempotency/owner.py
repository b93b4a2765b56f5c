"""The call under a key, made to its end whoever waits for it, and what is kept of that.

    inner ─┬─▶ a whole answer ──────────────▶ kept, then given
           ├─▶ a stream ─ batch ─ batch ────▶ given as they come; the last one once all of it is kept
           ├─▶ a failure of the request's own ▶ kept, then told
           └─▶ a failure that may pass ─────▶ the key is free again, then told

So nobody is given the end of an answer that the next one with this key would not be given.
"""

from __future__ import annotations

from msgspec.structs import replace

from outlast.flow.call import Call, Handler
from outlast.flow.entry import entry_of
from outlast.flow.stream import Stream
from outlast.layers.idempotency.config import IdempotencyConfig
from outlast.layers.idempotency.keeper import Keeper
from outlast.layers.idempotency.lease import Lease
from outlast.layers.idempotency.log import Scribe, log_of
from outlast.layers.idempotency.record import Record, State, packed, refused
from outlast.layers.idempotency.recording import Recording
from outlast.layers.idempotency.shared import Shared
from outlast.layers.idempotency.told import opened, streamed
from outlast.model.errors import Failure
from outlast.model.events import KeyKept
from outlast.model.messages import Batch, Reply
from outlast.model.passed import Passed

TOO_LARGE = "it is too large"
LESS = "it is less than was asked for"


class Making:
    """One call that this process makes.

    Args:
        shared: it, and who waits for it.
        lease: of its key.
        keeper: writes its record.
        config: how large an answer may be, and for how long it is kept.
    """

    __slots__ = ("_call", "_config", "_keeper", "_lease", "_shared")

    def __init__(self, shared: Shared, lease: Lease, keeper: Keeper, config: IdempotencyConfig) -> None:
        self._shared = shared
        self._call: Call = shared.call
        self._lease = lease
        self._keeper = keeper
        self._config = config

    async def make(self, inner: Handler) -> None:
        """Make it."""
        shared, lease = self._shared, self._lease
        shared.keyed.lost = lease.record.lost
        self._keeper.hold(shared.name, lease, self._call)
        try:
            answer = await inner(self._call)
            if isinstance(answer, Stream):
                await self._streamed(answer)
            else:
                await self._whole(answer)
        except Failure as failure:
            await self._failed(failure)
        except Exception:
            await self._end(None)  # a fault of ours, which is told: the key is free again
            raise
        finally:
            self._keeper.let_go(lease)

    # -- a whole answer ----------------------------------------------------------------------------------------

    async def _whole(self, answer: Reply) -> None:
        shared = self._shared
        answer.created = answer.created or self._call.date
        if answer.degraded:
            await self._keep(None, LESS)
        else:
            head = opened(answer.head) if isinstance(answer, Passed) else None
            done = self._record("done", answer.source)
            await self._keep(replace(done, entry=entry_of(answer, 0.0), head=head))
        shared.close()
        shared.ended(answer.cost)
        shared.give(answer)

    # -- a stream ----------------------------------------------------------------------------------------------

    async def _streamed(self, stream: Stream) -> None:
        shared = self._shared
        if not stream.keeps_request:
            self._call.request.forget()
        recording = Recording.of(stream, self._config.largest, self._call.date)
        scribe = self._scribe(recording)
        try:
            last = await self._recorded(stream, recording, scribe)
        except Failure:
            recording.usage, recording.cost = stream.usage, stream.cost
            if scribe is not None:
                scribe.stop()
            raise
        recording.usage, recording.cost = stream.usage, stream.cost
        await self._keep(*self._kept(stream, recording, last))
        shared.close()
        shared.ended(stream.cost)
        if not shared.begun:
            shared.give(recording)  # so that the last batch finds who waits for it
        if last is not None:
            recording.add(last)
        recording.end()
        if scribe is not None:
            _tell_the_end(scribe, recording, last)

    async def _recorded(self, stream: Stream, recording: Recording, scribe: Scribe | None) -> Batch | None:
        """Write it down up to its last batch, which is kept back; None where nobody needs the rest any more."""
        shared = self._shared
        while (batch := await stream.next()) is not None and not batch.last:
            if not shared.begun:
                shared.give(recording)
            recording.add(batch)
            if scribe is not None and not recording.lost:
                scribe.note(batch, recording.opening)
            while recording.full:
                await recording.news(self._call.io)
            if recording.lost and not shared.callers:
                stream.abort("nobody is left, and it is too large to be kept")
                return None
        return batch

    def _kept(self, stream: Stream, recording: Recording, last: Batch | None) -> tuple[Record | None, str]:
        """What is kept of a stream, and why it is not."""
        if stream.degraded:
            return None, LESS
        done = self._record("done", stream.source)
        if recording.lost:
            return replace(done, state="spent"), TOO_LARGE
        batches = recording.batches if last is None else [*recording.batches, last]
        told = streamed(recording.about, recording.opening, batches, stream.usage, self._call.request.dialect)
        return replace(done, stream=told), ""

    def _scribe(self, recording: Recording) -> Scribe | None:
        """Who tells other processes of it, where there may be any."""
        store, lease = self._keeper.store, self._lease
        if not (store.shared and store.notifies and lease.sure):
            return None
        return Scribe(
            store, log_of(self._shared.name, lease.record.owner), self._call, recording.about, recording.opening
        )

    # -- no answer ---------------------------------------------------------------------------------------------

    async def _failed(self, failure: Failure) -> None:
        shared, said = self._shared, refused(failure)
        record = None if said is None else replace(self._record("refused"), refused=said)
        await self._keep(record, "another try may succeed" if record is None else "")
        shared.close()
        recording = shared.recording
        shared.ended(failure.cost if recording is None else recording.cost, failure.kind)
        shared.fail(failure)

    # -- keeping -----------------------------------------------------------------------------------------------

    def _record(self, state: State, source: str = "primary") -> Record:
        mine = self._lease.record
        return Record(state, mine.body, self._config.lifetime, owner=mine.owner, lost=mine.lost, source=source)

    async def _keep(self, record: Record | None, reason: str = "") -> None:
        """Put that into the store, or free the key; and tell what came of it."""
        call, keyed = self._call, self._shared.keyed
        size = 0 if record is None else len(packed(record))
        if record is not None and size > self._config.largest:
            record, reason = replace(record, state="spent", entry=None, head=None, stream=None), TOO_LARGE
        if not await self._end(record):
            reason = reason or self._why_not()
        keyed.unkept = reason
        if not reason:
            keyed.left = self._config.lifetime
        call.io.emit(KeyKept(call.id, call.route.name, 0.0 if reason else self._config.lifetime, size, reason))

    async def _end(self, record: Record | None) -> bool:
        self._keeper.let_go(self._lease)
        return await self._keeper.end(self._shared.name, self._lease, record, self._call)

    def _why_not(self) -> str:
        return "another process has taken the key over" if self._lease.lost else "the store did not take it"


def _tell_the_end(scribe: Scribe, recording: Recording, last: Batch | None) -> None:
    """The other processes have heard all but the last of it, or were not told all."""
    if last is None or recording.lost:
        scribe.stop()
    else:
        scribe.end(last, recording.opening)
