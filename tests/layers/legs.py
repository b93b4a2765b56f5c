"""Streams, ready made, for tests that hold one in the hand; nothing here waits."""

from copy import copy, deepcopy

from outlast.model.errors import Failure
from outlast.model.messages import Batch, Chunk, Opening

from .calls import Ear


class House(Ear):
    """An ear that keeps the deadlines of streams too; a faulty one does not, and forgets what is dropped."""

    def __init__(self, *, faulty=False):
        super().__init__(now=1_000.0)
        self.faulty = faulty
        self.due = None

    def watch(self, timed, due):
        if self.faulty:
            raise RuntimeError("no clock")
        self.timed, self.due = timed, due

    def on_loop(self, callback):
        if not self.faulty:
            callback()

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


class Leg:
    """What one provider says: words, chunks, batches, and failures; a number is the time that it is by then."""

    dialect = "openai"

    def __init__(self, *steps, target="alpha/m", cost=None, ends=float("inf"), doing=None):
        self.steps = list(steps)
        self.target = target
        self.cost = cost
        self.ends = ends
        self.doing = doing
        self.opening = Opening(id=f"id of {target}")
        self.aborted = False
        self.io = None

    async def next(self):
        step = self.steps.pop(0) if self.steps else None
        if isinstance(step, float):
            self.io.time = step
            return await self.next()
        if isinstance(step, Failure):
            try:
                raise step
            finally:
                del step  # no frame of ours names it
        if step is None or isinstance(step, Batch):
            return deepcopy(step)
        return Batch(b"raw", [Chunk(step) if isinstance(step, str) else copy(step)])

    def abort(self):
        self.aborted = True

    def settle(self, call, end, now):
        end.cost = self.cost


def run(coroutine):
    """Nobody here waits for anything."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("something waits")
