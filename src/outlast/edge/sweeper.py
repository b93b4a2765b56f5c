"""One timer for all deadlines of a loop.

    watch(timed, due) ── timed.due = due ──┐         alarm (one call_later)
                                           │               │
              heap: (when, timed) … ◄── pushed only if ────┘ looks at the entries that are due:
                                        no entry comes         timed.due passed → expire()
                                        before `due`           moved later      → booked again
                                                               infinite         → forgotten

The alarm rings at least once a second while anything is watched. One that rings late means that the loop was blocked:
that is told, and the answers that came meanwhile are read before anything is judged.

Moving a deadline is mostly an attribute store: the entry looks at `due` when its moment comes. Deadlines that were
disarmed leave their entry behind; the heap is swept clean whenever it has doubled.

The clock is the monotonic one on both sides. uvloop's own clock is whole milliseconds, cached for a turn, and its
`call_later` fires up to 1.1 ms early: the alarm is set a millisecond late and compares by itself.
"""

from __future__ import annotations

from asyncio import TimerHandle
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf

from outlast.ports import Timed

CLOCK_SLACK = 0.001
LAG = 0.25
"""An alarm this late means that the loop was blocked."""
BEAT = 1.0
"""The alarm is never set further ahead, so that no long block stays unseen."""
GRACE = 0.01
SMALLEST_CLEANING = 64


class Sweeper:
    """Calls `expire` of each watched thing once, when its `due` has passed; never early.

    Args:
        now: the monotonic clock, in seconds.
        call_later: as of the event loop.
        blocked: is told by how many seconds an alarm was late.
    """

    __slots__ = (
        "_alarm",
        "_alarm_at",
        "_blocked",
        "_booked",
        "_call_later",
        "_clean_at",
        "_excused",
        "_heap",
        "_numbers",
        "_wake",
        "now",
    )

    def __init__(
        self,
        now: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], TimerHandle],
        blocked: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.now = now
        self._blocked = blocked
        self._call_later = call_later
        self._heap: list[tuple[float, int, Timed]] = []
        self._booked: dict[int, float] = {}  # id(timed) → when its entry looks at it; the heap keeps it alive
        self._numbers = count()
        self._alarm: TimerHandle | None = None
        self._alarm_at = inf
        self._excused = False
        self._clean_at = SMALLEST_CLEANING
        self._wake = self._sweep  # bound once

    def __len__(self) -> int:
        """Entries, those left behind included."""
        return len(self._heap)

    def watch(self, timed: Timed, due: float) -> None:
        """Arm, move or (with infinity) disarm the one deadline of `timed`."""
        timed.due = due
        if self._booked.get(id(timed), inf) > due:
            self._book(timed, due)

    def close(self) -> None:
        """Forget everything; nothing expires any more."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None
        self._alarm_at = inf
        self._heap.clear()
        self._booked.clear()

    def _book(self, timed: Timed, when: float) -> None:
        self._booked[id(timed)] = when
        heappush(self._heap, (when, next(self._numbers), timed))
        if len(self._heap) > self._clean_at:
            self._clean()
        if when < self._alarm_at:
            self._ring(when)

    def _ring(self, when: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        now = self.now()
        self._alarm_at = when = min(when, now + BEAT)
        self._alarm = self._call_later(max(0.0, when - now) + CLOCK_SLACK, self._wake)

    def _clean(self) -> None:
        kept: list[tuple[float, int, Timed]] = []
        for entry in self._heap:
            when, _, timed = entry
            if self._booked.get(id(timed)) != when:
                continue
            if timed.due == inf:
                del self._booked[id(timed)]
            else:
                kept.append(entry)
        heapify(kept)
        self._heap = kept
        self._clean_at = max(SMALLEST_CLEANING, 2 * len(kept))

    def _sweep(self) -> None:
        now = self.now()
        late = now - self._alarm_at
        self._alarm, self._alarm_at = None, inf
        if late > LAG:
            self._blocked(late)
        if late > LAG and not self._excused:
            self._excused = True
            self._ring(now + GRACE)
            return
        self._excused = False
        try:
            self._expire_until(now)
        finally:
            if self._heap and self._heap[0][0] < self._alarm_at:
                self._ring(self._heap[0][0])

    def _expire_until(self, now: float) -> None:
        while self._heap and self._heap[0][0] <= now:
            when, _, timed = heappop(self._heap)
            if self._booked.get(id(timed)) != when:
                continue  # was booked anew for an earlier moment
            del self._booked[id(timed)]
            due = timed.due
            if due <= now:
                timed.due = inf
                timed.expire()
            elif due < inf:
                self._book(timed, due)
