"""Idempotency: the same key, the same answer, and one call for it.

    key, in this process    under way ──▶ attached: a whole answer is waited for, a stream is read from its start
        │ unknown
        ▼
    key, in the store       nothing ────▶ claimed: the call is made, to its end, whoever leaves
                            running ────▶ another process makes it: followed where the store brings news, else 409
                            running, and its owner is silent ─▶ taken over, or refused
                            done ───────▶ the same answer again
                            of another request ─▶ 422

The store is asked beside the requests, so that no caller who leaves leaves a key half claimed. Where it fails, requests
go on without it: then only those of one process are held together.

Sources: the IETF draft on the Idempotency-Key header field (draft-ietf-httpapi-idempotency-key-header), and the fencing
tokens of distributed locks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

from msgspec.structs import replace

from outlast.flow.call import Answer, Call, Handler, Keyed, Layer
from outlast.flow.entry import given
from outlast.flow.stream import Stream
from outlast.layers.idempotency import refusals
from outlast.layers.idempotency.config import AfterCrash, IdempotencyConfig
from outlast.layers.idempotency.elsewhere import Following
from outlast.layers.idempotency.keeper import Keeper
from outlast.layers.idempotency.key import body_of, name_of
from outlast.layers.idempotency.lease import Lease
from outlast.layers.idempotency.owner import Making
from outlast.layers.idempotency.record import Record, failure_of, unpacked
from outlast.layers.idempotency.recording import Recording
from outlast.layers.idempotency.shared import Shared
from outlast.layers.idempotency.told import Streamed, batch_of, opening_of
from outlast.model.errors import Cancelled, Failure, Internal
from outlast.model.events import KeyFound
from outlast.model.messages import Reply
from outlast.model.passed import Head, Passed
from outlast.ports import Dialect, Store, Stored

__all__ = ["AfterCrash", "Idempotency", "IdempotencyConfig"]

ANSWERED = frozenset({"chat", "embed"})
"""Operations that are answered once; to count tokens twice does no harm."""
UNREAD = "its body is handed on while it comes"


class Idempotency:
    """The layer.

    Args:
        config: its configuration.
        store: keeps what is known of keys.
        dialects: read answers that were kept as the provider sent them.
    """

    __slots__ = ("_config", "_dialects", "_keeper", "_under_way")

    def __init__(self, config: IdempotencyConfig, *, store: Store, dialects: Mapping[str, Dialect]) -> None:
        self._config = config
        self._dialects = dialects
        self._keeper = Keeper(store, config)
        self._under_way: dict[tuple[str, str], Shared] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    def layer(self) -> Layer:
        """Answer requests that carry a key once."""

        def layer(inner: Handler) -> Handler:
            def handle(call: Call) -> Awaitable[Answer]:  # one level less to resume for all who have no key
                return self._answer(call, inner) if call.key and _is_concerned(call) else inner(call)

            return handle

        return layer

    async def _answer(self, call: Call, inner: Handler) -> Answer:
        name, body = name_of(call), body_of(call.request)
        while True:
            shared = self._under_way.get((name, body))
            first = shared is None
            if shared is None:
                shared = self._begun(call, name, body, inner)
            else:
                call.io.emit(KeyFound(call.id, call.route.name, "running"))
            answer = await shared.awaited(call, first=first)
            if answer is not None:
                return answer

    def _begun(self, call: Call, name: str, body: str, inner: Handler) -> Shared:
        """The work on a key that nobody works on here. Raises `Rejected` when there is too much of such work."""
        own = replace(call, request=replace(call.request), once=name)
        shared = self._under_way[(name, body)] = Shared(own, name, body, self._forget)
        try:
            shared.work = call.io.begin(self._tend(shared, inner))
        finally:
            if shared.work is None:
                shared.close()
        if shared.work is None:
            raise refusals.too_much()
        return shared

    def _forget(self, shared: Shared) -> None:
        slot = (shared.name, shared.body)
        if self._under_way.get(slot) is shared:
            del self._under_way[slot]

    # -- the work on one key -----------------------------------------------------------------------------------

    async def _tend(self, shared: Shared, inner: Handler) -> None:
        """See to it that those who wait get something."""
        why: Failure = Cancelled("the call was given up")
        try:
            while not await self._settled(shared, inner):
                pass
        except Exception:
            why = Internal("an internal error; it has been logged")
            raise
        finally:
            shared.close()
            shared.give_up(why)

    async def _settled(self, shared: Shared, inner: Handler) -> bool:
        """Ask the store who has the key, and do as it says. False: it is to be asked once more."""
        call, keeper = shared.call, self._keeper
        found = await keeper.claim(shared.name, keeper.running(call, shared.body), call)
        if isinstance(found, Lease):
            self._tell(shared, "nothing")
            await Making(shared, found, keeper, self._config).make(inner)
            return True
        record = unpacked(found)
        if record is not None and record.body != shared.body:
            self._tell(shared, "other")
            return self._refuse(shared, refusals.other_request())
        if record is None or (record.state == "running" and record.silence(found.left) <= 0):
            return await self._take_over(shared, found, 0 if record is None else record.lost + 1, inner)
        if record.state == "running":
            return await self._meet(shared, record)
        self._give(shared, record, found.left)
        return True

    async def _meet(self, shared: Shared, record: Record) -> bool:
        """Another process makes the call."""
        if not self._keeper.store.notifies:
            self._tell(shared, "busy")
            return self._refuse(shared, refusals.under_way())
        self._tell(shared, "running", elsewhere=True)
        return await Following(shared, record, self._keeper, self._config.largest).follow()

    async def _take_over(self, shared: Shared, found: Stored, lost: int, inner: Handler) -> bool:
        """Whoever made the call is dead."""
        self._tell(shared, "dead")
        if lost and self._config.after_crash == "refuse":
            return self._refuse(shared, refusals.nobody_knows())
        call, keeper = shared.call, self._keeper
        lease = await keeper.take_over(shared.name, found, keeper.running(call, shared.body, lost), call)
        if lease is None:
            return False
        await Making(shared, lease, keeper, self._config).make(inner)
        return True

    # -- what was kept -----------------------------------------------------------------------------------------

    def _give(self, shared: Shared, record: Record, left: float) -> None:
        """What was kept, to all who wait."""
        keyed = shared.keyed
        keyed.replayed, keyed.left, keyed.lost = True, left, record.lost
        shared.close()
        try:
            answer = self._again(shared.call, record)
        except Failure as failure:
            self._tell(shared, {"refused": "refusal", "spent": "spent"}.get(record.state, "answer"))
            shared.fail(failure)
        else:
            self._tell(shared, "answer")
            shared.give(answer)

    def _again(self, call: Call, record: Record) -> Reply | Recording:
        """The answer that was kept. Raises the failure that was, or why there is no answer any more."""
        if record.refused is not None:
            raise failure_of(record.refused)
        if record.stream is not None:
            return _recording_of(record.stream)
        if record.entry is None:
            raise refusals.too_large()
        if record.head is not None:
            return _passed(record)
        answer = given(record.entry, call, record.source, self._dialects)
        if isinstance(answer, Stream):
            raise refusals.too_large()
        return answer

    def _refuse(self, shared: Shared, failure: Failure) -> bool:
        shared.refused = True
        shared.close()
        shared.fail(failure)
        return True

    def _tell(self, shared: Shared, found: str, *, elsewhere: bool = False) -> None:
        call = shared.call
        call.io.emit(KeyFound(call.id, call.route.name, found, elsewhere))


def _is_concerned(call: Call) -> bool:
    """Is it a request that is to be answered once? Where that cannot be, its caller is told."""
    request, forward = call.request, call.request.forward
    if forward is None:
        return request.operation in ANSWERED
    if forward.method != "POST":
        return False
    if forward.feed is not None:
        call.story.keyed = Keyed(unkept=UNREAD)
        return False
    return True


def _recording_of(stream: Streamed) -> Recording:
    """A stream that was kept: all of it is there."""
    about = replace(stream.about, attempts=0)
    opening = opening_of(stream.opened)
    recording = Recording(about, lambda: opening, 0)
    recording.batches = [batch_of(one) for one in stream.batches]
    recording.usage, recording.cost = stream.usage, 0.0
    recording.end()
    return recording


def _passed(record: Record) -> Passed:
    """An answer that was passed on unread, as it was."""
    entry, head = record.entry, record.head
    if entry is None or head is None:
        raise refusals.too_large()
    opening = opening_of(head)
    return Passed(
        head=opening if isinstance(opening, Head) else Head(),
        raw=entry.sent.raw,
        dialect=entry.dialect,
        target=entry.target,
        source=record.source,
        cost=0.0,
        attempts=0,
    )
