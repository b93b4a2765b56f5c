"""A sink that remembers what happened to the last calls, and longer to those that failed, and tells their stories.

events ─▶ under way ── RequestEnded ─▶ the last so many calls        the oldest are forgotten
                            └─ failed ─▶ the last so many bytes of those that failed

journal = Journal()
client = outlast.Client(sinks=[journal])
…
except outlast.Failure as failure:
    for line in journal.why(failure).told():
        print(line)
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
from msgspec import Struct, field

from outlast.model.errors import Failure
from outlast.model.events import AttemptEnded, CacheRenewed, Event, RanOn, RequestEnded
from outlast.telemetry.story import Background, Story, Timed, story_of

MOST_EVENTS = 256
"""Facts of one call that are kept."""
MOST_UNDER_WAY = 10_000
"""Calls whose end has not been heard of."""


class Entry(Struct, eq=False):
    """What is known of one call."""

    events: list[Timed] = field(default_factory=list)
    missing: int = 0
    bytes: int = 0

    def lacks(self, event: Struct) -> bool:
        """Is it an attempt of the call that ended when the call was over, because it had lost a race?"""
        if not isinstance(event, AttemptEnded):
            return False
        facts = [fact for _, fact in self.events]
        made = max((fact.attempts for fact in facts if isinstance(fact, RequestEnded)), default=0)
        known = {fact.number for fact in facts if isinstance(fact, AttemptEnded)}
        return event.number <= made and event.number not in known

    def add(self, time: float, event: Struct) -> None:
        """One fact more. The end is kept however many there were."""
        if len(self.events) >= MOST_EVENTS and not isinstance(event, RequestEnded):
            self.missing += 1
            return
        self.events.append((time, event))
        self.bytes += size_of(event)

    def has(self, event: Struct) -> bool:
        """Is this very fact among them?"""
        return any(known is event for _, known in self.events)


class Shelf:
    """Calls that are over, by their ids; the oldest are forgotten where they are too many, or too large together."""

    __slots__ = ("_bytes", "_entries", "_most_bytes", "_most_calls")

    def __init__(self, most_calls: int, most_bytes: int) -> None:
        self._entries: dict[str, Entry] = {}
        self._bytes = 0
        self._most_calls = most_calls
        self._most_bytes = most_bytes

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, call: str) -> Entry | None:
        """What is known of that call."""
        return self._entries.get(call)

    def ids(self) -> list[str]:
        """The calls, oldest first."""
        return list(self._entries)

    def put(self, call: str, entry: Entry) -> None:
        """Keep that call, as the newest."""
        self.drop(call)
        self._entries[call] = entry
        self._bytes += entry.bytes
        while self._entries and (len(self._entries) > self._most_calls or self._bytes > self._most_bytes):
            self.drop(next(iter(self._entries)))

    def drop(self, call: str) -> None:
        """Forget that call."""
        entry = self._entries.pop(call, None)
        if entry is not None:
            self._bytes -= entry.bytes


class Journal:
    """Remembers calls. Give it to a client or a gateway as a sink, and ask it `why`; from any thread.

    Args:
        calls: so many calls are remembered, whatever became of them.
        bytes: and no more than so many bytes of them, about.
        failed_bytes: of those that failed so many bytes beside, about.
        clock: seconds of the clock that steps are timed with.
    """

    __slots__ = ("_background", "_clock", "_failed", "_recent", "_under_way")

    def __init__(
        self,
        calls: int = 1_000,
        *,
        bytes: int = 8 * 1024 * 1024,  # noqa: A002
        failed_bytes: int = 8 * 1024 * 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._under_way: dict[str, Entry] = {}
        self._recent = Shelf(calls, bytes)
        self._failed = Shelf(1_000_000, failed_bytes)
        self._background = Background()

    def __call__(self, event: Event) -> None:
        """Take note."""
        now = self._clock()
        call = getattr(event, "call", "")
        if call:
            self._note(call, event, now)
        self._background.note(now, event)

    def _note(self, call: str, event: Event, now: float) -> None:
        entry = self._under_way.get(call)
        if entry is None:
            over = self._recent.get(call)
            if over is not None and (isinstance(event, RanOn) or over.lacks(event)):
                over.add(now, event)
                return
            entry = self._begin(call)
        for when, news in self._background.of(event, now):
            if not entry.has(news):
                entry.add(when, news)
        entry.add(now, event)
        if isinstance(event, RanOn):
            self._went_on(call, entry)
        elif isinstance(event, (RequestEnded, CacheRenewed)):
            self._over(call, entry, event)

    def _begin(self, call: str) -> Entry:
        """A call that nothing was heard of yet."""
        if len(self._under_way) >= MOST_UNDER_WAY:
            del self._under_way[next(iter(self._under_way))]
        entry = self._under_way[call] = Entry()
        return entry

    def _over(self, call: str, entry: Entry, end: RequestEnded | CacheRenewed) -> None:
        del self._under_way[call]
        self._recent.put(call, entry)
        if end.kind != "ok":
            self._failed.put(call, entry)

    def _went_on(self, call: str, entry: Entry) -> None:
        """The call has ended, long after its request: what happened to it since belongs to the same story."""
        del self._under_way[call]
        over = self._recent.get(call)
        if over is None:
            self._recent.put(call, entry)
            return
        for when, event in entry.events:
            over.add(when, event)

    def why(self, call: str | Failure) -> Story | None:
        """The story of a call, by its request id or by the failure that it ended with; None if it is not remembered."""
        name = call.call if isinstance(call, Failure) else call
        entry = self._recent.get(name) or self._failed.get(name) or self._under_way.get(name)
        return None if entry is None else story_of(name, list(entry.events), missing=entry.missing)

    def calls(self) -> list[str]:
        """The ids of the calls that are over and remembered, oldest first."""
        return self._recent.ids()

    def failed(self) -> list[str]:
        """The same of those that failed, which are remembered for longer."""
        return self._failed.ids()


def size_of(event: Struct) -> int:
    """The bytes of an event, about: what any of its kind takes, and its words."""
    size, words = SIZES[type(event)] if type(event) in SIZES else _measured(type(event))
    for name in words:
        said = getattr(event, name)
        if said is not None:
            size += len(said)
    return size


def _measured(kind: type[Struct]) -> tuple[int, tuple[str, ...]]:
    """What an event of that kind takes without its words, and the names of its fields that are words."""
    fields = msgspec.structs.fields(kind)
    words = tuple(field.name for field in fields if field.type in {str, str | None})
    SIZES[kind] = 64 + 24 * len(fields), words
    return SIZES[kind]


SIZES: dict[type[Struct], tuple[int, tuple[str, ...]]] = {}
"""What is known of kinds of events, by now."""
