"""Cache: the same request gets the answer that it got before, for as long as its route says.

    the same request, kept:   fresh ──────────▶ the answer, at once
                              then, renewing ─▶ the answer, at once; a new one is asked for behind the caller's back
                              older, or none ─▶ inner ── an answer ─▶ kept, and given
                                                     └── a failure ─▶ the old one, while stale_if_error lasts

Requests are the same by all that their answers depend on, within one caller. Whole answers that are complete and as
good as asked for are kept; streams are written down as they pass. What the store does, or does not do, spoils and
delays no answer: it is waited for briefly, and written to behind the caller's back.

Sources: RFC 9111, RFC 5861 (the stale windows), RFC 9211 (Cache-Status).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import inf

from msgspec import Struct
from msgspec.structs import replace

from outlast.flow.call import Answer, Call, Handler, Layer, Looked, Story
from outlast.flow.entry import Entry, entry_of, given, packed, unpacked
from outlast.flow.faults import told
from outlast.flow.likeness import comparable, likeness
from outlast.flow.stream import Stream
from outlast.layers.cache.config import CacheConfig
from outlast.layers.cache.names import forget, name_of, purge
from outlast.layers.cache.record import Record
from outlast.layers.cache.worth import unworthy
from outlast.model.caller import PRIORITIES, Caller
from outlast.model.errors import Failure, Rejected
from outlast.model.events import CacheKept, CacheLooked, CacheRenewed, Fault, StoreTrouble
from outlast.model.freshness import Use, Windows, use_of
from outlast.model.messages import Part, Reply
from outlast.ports import Dialect, Keeping, Stored

__all__ = ["Cache", "CacheConfig", "Entry", "Record", "forget", "purge"]

Outranked = Callable[[Call, str, float], bool]
"""Would a better model than that of this target answer the call now?"""
EVERYBODY = Caller(key="")
LAST = len(PRIORITIES) - 1


class Found(Struct, frozen=True):
    """What was kept for a request, and what it is good for."""

    entry: Entry
    use: Use
    age: float
    left: float


class Visit(Struct, eq=False):
    """One request at the cache: under which key, by which rules, and what was found."""

    call: Call
    key: str
    plain: bool
    windows: Windows
    at: float
    found: Found | None = None


class Cache:
    """The layer. Switched off it is not in the stack.

    Args:
        config: its configuration.
        store: keeps the answers.
        dialects: read answers that were kept as the provider sent them.
        outranked: an answer is not fresh while a better model would answer.
    """

    __slots__ = ("_config", "_dialects", "_outranked", "_pending", "_renewing", "_store")

    def __init__(
        self, config: CacheConfig, *, store: Keeping, dialects: Mapping[str, Dialect], outranked: Outranked
    ) -> None:
        self._config = config
        self._store = store
        self._dialects = dialects
        self._outranked = outranked
        self._renewing: set[str] = set()
        self._pending: dict[str, Stored] = {}  # what the store is being given

    def layer(self) -> Layer:
        """Answer from what was kept, where that may be; keep what is answered."""

        def layer(inner: Handler) -> Handler:
            async def handle(call: Call) -> Answer:
                windows = self._config.windows if call.route.cache is None else call.route.cache
                if windows is None or not _may_keep(call, windows):
                    return await inner(call)
                return await self._answer(call, windows, inner)

            return handle

        return layer

    async def _answer(self, call: Call, windows: Windows, inner: Handler) -> Answer:
        visit = self._visit(call, windows)
        visit.found = found = await self._find(visit)
        if found is not None and found.use in {"fresh", "renew"}:
            answer = self._given(visit, found, "cache" if found.use == "fresh" else "stale")
            if answer is not None:
                if found.use == "renew" and not call.wishes.only_if_cached:
                    _beside(call, lambda: self._renew(visit, inner))
                return answer
        if call.wishes.only_if_cached:
            raise Rejected(
                "nothing is kept for this request, and it asks for nothing else: leave out only-if-cached",
                gate="cache",
                code="not_cached",
                status=504,
            )
        return await self._forward(visit, inner)

    async def _forward(self, visit: Visit, inner: Handler) -> Answer:
        """What is answered now; what was kept, when nobody answers."""
        call = visit.call
        call.spare = partial(self._spare, visit)
        try:
            answer = await inner(call)
        except Failure as failure:
            spare = self._spare(visit, call.io.now()) if failure.replaceable else None
            if spare is None:
                raise
            call.story.instead_of = failure.kind
            return spare
        finally:
            call.spare = None  # an open stream needs none
        _beside(call, lambda: self._listen(visit, answer))
        return answer

    # -- looking -----------------------------------------------------------------------------------------------

    def _visit(self, call: Call, windows: Windows) -> Visit:
        owner = _owner(call.caller, self._config)
        alike = likeness(call, owner.name)
        return Visit(call, name_of(call.route.name, owner, alike.key), alike.plain, windows, call.io.now())

    async def _find(self, visit: Visit) -> Found | None:
        """What was kept for it, with what is told of that."""
        call, wishes = visit.call, visit.call.wishes
        stored = None if wishes.no_cache else await self._get(visit)
        found = self._judged(visit, stored)
        looked = call.story.looked = Looked(found="none", why="request" if wishes.no_cache else "miss", key=visit.key)
        if found is not None:
            looked.found, looked.age, looked.left = found.use, found.age, found.left
            looked.why = "request" if found.age >= wishes.max_age else "stale"
        reason = "" if found is not None and found.use in {"fresh", "renew"} else looked.why
        call.io.emit(CacheLooked(call.id, call.route.name, looked.found, looked.age, looked.left, reason))
        return found

    def _judged(self, visit: Visit, stored: Stored | None) -> Found | None:
        if stored is None or (entry := unpacked(stored.value)) is None:
            return None
        call, windows = visit.call, visit.windows
        age = max(0.0, entry.life - stored.left)
        use = use_of(age, windows, call.wishes)
        if use in {"fresh", "renew"} and self._outranked(call, entry.target, call.io.now()):
            use = "spare" if age < windows.spare else "none"
        return Found(entry, use, age, windows.fresh - age)

    async def _get(self, visit: Visit) -> Stored | None:
        pending = self._pending.get(visit.key)
        if pending is not None:
            return pending
        try:
            return await self._store.get(visit.key)
        except Exception as error:  # noqa: BLE001  (no store spoils an answer, whatever it raises)
            visit.call.io.emit(StoreTrouble(visit.call.id, "get", told(error)))
            return None

    # -- giving ------------------------------------------------------------------------------------------------

    def _given(self, visit: Visit, found: Found, source: str) -> Answer | None:
        """The answer that was kept; None where it can not be read, or does not suit this caller."""
        try:
            answer = given(found.entry, visit.call, source, self._dialects)
        except Failure:
            visit.call.story.looked = Looked(found="none", why="miss", key=visit.key)
            return None
        if visit.call.story.looked is not None:
            visit.call.story.looked.given = True
        return answer

    def _spare(self, visit: Visit, now: float) -> Answer | None:
        """The answer that was kept, when nobody answers; it has grown older meanwhile."""
        found, call = visit.found, visit.call
        if found is None or call.wishes.max_age < inf:
            return None
        age = found.age + now - visit.at
        if age >= visit.windows.spare:
            return None
        call.story.looked = Looked("spare", "stale", age=age, left=visit.windows.fresh - age, key=visit.key)
        answer = self._given(visit, found, "stale")
        if answer is not None:
            answer.attempts = call.story.made
        return answer

    # -- keeping -----------------------------------------------------------------------------------------------

    def _listen(self, visit: Visit, answer: Answer) -> None:
        """Keep an answer that is worth it, now or when it has been read."""
        call, life = visit.call, visit.windows.life
        visit.found = None
        if answer.degraded or call.story.rewritten:
            self._not_kept(visit, f"it is {answer.source}" if answer.degraded else "it answers other words")
            return
        if visit.call.story.looked is not None and visit.call.story.looked.shared:
            return  # who was there first keeps it
        if isinstance(answer, Reply):
            self._keep(visit, entry_of(answer, life), answer.parts)
            return
        if not visit.plain:
            self._not_kept(visit, "it is a stream with more than can be told again")
            return
        keep, not_kept = partial(self._keep, visit), partial(self._not_kept, visit)
        record = Record(answer, life, self._config.largest, keep, not_kept)
        answer.heard_by(record)
        answer.owe(call, (record,))

    def _keep(self, visit: Visit, entry: Entry, parts: Sequence[Part]) -> None:
        call = visit.call
        value = packed(entry)
        too_large = "it is too large" if len(value) > self._config.largest else ""
        reason = unworthy(entry.finish, parts, call.request.max_tokens) or too_large
        if reason:
            self._not_kept(visit, reason)
            return
        stored = Stored(value, entry.life)
        if call.io.begin(self._put(visit.key, stored, call)) is None:
            self._not_kept(visit, "too much is being kept at once")
            return
        self._pending[visit.key] = stored
        if call.story.looked is not None:
            call.story.looked.kept = True
        call.io.emit(CacheKept(call.id, call.route.name, entry.life, len(value)))

    def _not_kept(self, visit: Visit, reason: str) -> None:
        call = visit.call
        call.io.emit(CacheKept(call.id, call.route.name, reason=reason))

    async def _put(self, key: str, stored: Stored, call: Call) -> None:
        try:
            await self._store.put(key, stored.value, stored.left)
        except Exception as error:  # noqa: BLE001  (as above)
            call.io.emit(StoreTrouble(call.id, "put", told(error)))
        finally:
            if self._pending.get(key) is stored:
                del self._pending[key]

    # -- renewing ----------------------------------------------------------------------------------------------

    def _renew(self, visit: Visit, inner: Handler) -> None:
        """Ask for it anew behind the caller's back, unless somebody does already."""
        if visit.key in self._renewing:
            return
        call, now = visit.call, visit.call.io.now()
        again = replace(
            call,
            request=replace(call.request),  # the caller's own is let go of when its stream has begun
            deadline=now + self._config.renewal,
            id=f"{call.id}~",
            priority=LAST,
            story=Story(),
            behind=True,
        )
        self._renewing.add(visit.key)
        own, begun = Visit(again, visit.key, visit.plain, visit.windows, now), None
        try:
            begun = call.io.begin(self._renewed(own, call.id, inner))
        finally:
            if begun is None:
                self._renewing.discard(visit.key)

    async def _renewed(self, visit: Visit, of: str, inner: Handler) -> None:
        """The new answer, kept; or the news that there is none."""
        call, kind, target, cost = visit.call, "cancelled", "", None
        try:
            answer = await inner(call)
            target = answer.target
            self._listen(visit, answer)
            if isinstance(answer, Stream):
                await _read(answer)
            kind, cost = "ok", answer.cost
        except Failure as failure:
            kind = failure.kind
        finally:
            self._renewing.discard(visit.key)
            seconds = call.io.now() - visit.at
            call.io.emit(CacheRenewed(call.id, of, call.route.name, kind, target, seconds, cost))


def _may_keep(call: Call, windows: Windows) -> bool:
    """Can the request be compared, and may its answer be kept?"""
    return windows.life > 0 and comparable(call.request) and not call.wishes.no_store


def _beside(call: Call, do: Callable[[], None]) -> None:
    """Do what belongs to an answer that is there; if that fails it is told, and spoils nothing."""
    try:
        do()
    except Exception as fault:  # noqa: BLE001  (ours, and told)
        call.io.emit(Fault("cache", told(fault), call.id))


async def _read(stream: Stream) -> None:
    """All of it, for nobody."""
    async with stream:
        while await stream.next() is not None:
            pass


def _owner(caller: Caller, config: CacheConfig) -> Caller:
    """Whose answers this caller shares: nobody's in particular, its key's, or its own."""
    if config.share == "caller":
        return caller
    return EVERYBODY if config.share == "everybody" else Caller(caller.key)
