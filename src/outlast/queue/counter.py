"""Who is next, and when: slots, their queue by classes, and one rate over all that begins. A machine; nothing waits.

    hand_in ──▶ the queue of `Slots` ──▶ next(now): a slot is free, and the rate allows one more ──▶ begins

The slots' capacity is opened for one piece of work at a time, just when that may begin. So nobody holds a slot while
the rate is waited for, and whoever is the best *then* goes, not whoever was the best when the wait began.

The rate is a GCRA over all workers (see `outlast.layers.limits`); order, fairness and ageing are those of
`outlast.layers.bulkhead`, without its turn to the newest when a queue is old: what was accepted is worked off in order.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from msgspec import Struct

from outlast.flow.bounds import AboveZero, AtLeastOne
from outlast.layers.bulkhead import Full, Slots, SlotsConfig
from outlast.layers.bulkhead import Ticket as Place
from outlast.layers.limits import Gcra
from outlast.model.caller import PRIORITIES
from outlast.ports import Waiter

MINUTE = 60.0
LOWEST = len(PRIORITIES) - 1


class QueueConfig(Struct, frozen=True):
    """How much at once, how often, and how much may wait for how long. Times in seconds."""

    concurrency: AtLeastOne = 5
    """Pieces of work under way at once."""
    rpm: AboveZero | None = None
    """Pieces of work that begin in a minute, over all workers; None for as many as there are slots for."""
    burst: AtLeastOne | None = None
    """So many may begin at once after a rest; ten seconds' worth of `rpm`, and at least 1, when left out."""
    size: AtLeastOne = 1_000
    """Pieces of work that may wait; what comes on top is refused."""
    expires: AboveZero | None = None
    """What has not begun after so long is refused; None: it waits for as long as it takes."""
    age: AboveZero = 2.0
    """Who has waited so long counts as one class better, twice as long as two, and so on."""


class Counter:
    """Hands slots to who is next.

    Attributes:
        config: how much at once, how often.
    """

    __slots__ = ("_rate", "_slots", "config")

    def __init__(self, config: QueueConfig, name: str) -> None:
        self.config = config
        wait = inf if config.expires is None else config.expires
        slots = SlotsConfig(slots=config.concurrency, queue=config.size, wait=wait, target=inf, age=config.age)
        self._slots = Slots(slots, "queue", name)
        self._slots.resize(0, 0.0)
        self._rate: Gcra | None = None
        if config.rpm is not None:
            burst = float(config.burst or max(1.0, config.rpm / 6.0))
            self._rate = Gcra("rpm", "requests", config.rpm, MINUTE, burst)

    @property
    def waiting(self) -> int:
        """How much waits."""
        return self._slots.waiting

    @property
    def running(self) -> int:
        """How much is under way."""
        return self._slots.used

    def hand_in(self, caller: str, priority: int, now: float, due: float, waiter: Callable[[], Waiter]) -> Place | Full:
        """A place in the queue, or why there is none and when there may be one again.

        Nobody who was accepted is sent away for somebody better: a full queue is full.
        """
        if self.waiting >= self.config.size:
            return Full("the queue is full", self.room_in(now))
        return self._slots.enter(caller, priority, now, due, waiter)

    def room_in(self, now: float) -> float:
        """Seconds until the next piece of work may begin, which leaves a place; 1 when nothing is known of that."""
        pace = self._slots.expected_wait(LOWEST) / (self.waiting + 1)
        return max(pace, self._until_rate(now)) or 1.0

    def next(self, now: float) -> float | None:
        """Wake who is next, as many as may begin now.

        Returns:
            Seconds after which to ask again; None when only an end or a newcomer changes anything.
        """
        slots = self._slots
        while slots.waiting and slots.used < self.config.concurrency:
            wait = self._until_rate(now)
            if wait > 0:
                return wait
            if self._rate is not None:
                self._rate.take(1.0, now)
            slots.resize(slots.used + 1, now)
        return None

    def leave(self, place: Place | None, now: float) -> None:
        """Give up the slot or the place in the queue; nobody begins before `next`."""
        if place is None:
            return
        if place.granted and not place.over:
            self._slots.resize(self._slots.used - 1, now)
        self._slots.leave(place, now)

    def _until_rate(self, now: float) -> float:
        return 0.0 if self._rate is None else self._rate.wait(1.0, now)
