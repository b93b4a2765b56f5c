"""The world of code without an event loop, in virtual time: whoever would block lets the clock jump instead."""

from __future__ import annotations

import random

from outlast.lab.scripted_io import RecordingSink
from outlast.model.events import Event
from outlast.ports import Timed


class BlockingScriptedIo:
    """The clock, the dice and the ear of one thread. Give it to `outlast.guard(…, io=…)` around plain functions.

    Args:
        seed: of the dice.
        sink: who hears of every event; a new recording one unless given.

    Attributes:
        slept: every wait, in seconds, oldest first.
    """

    def __init__(self, seed: int = 0, sink: RecordingSink | None = None) -> None:
        self.sink = sink or RecordingSink()
        self.slept: list[float] = []
        self._now = 0.0
        self._dice = random.Random(seed)  # noqa: S311  (must be repeatable)

    @property
    def events(self) -> list[Event]:
        """What was emitted."""
        return self.sink.events

    def pass_time(self, seconds: float) -> None:
        """Let so much virtual time pass: what a function does that takes long."""
        self._now += seconds

    def now(self) -> float:
        """Virtual seconds since the start."""
        return self._now

    def random(self) -> float:
        """A number in [0, 1), the same in every run of the same seed."""
        return self._dice.random()

    def emit(self, event: Event) -> None:
        """Tell the sink."""
        self.sink(event)

    async def sleep(self, seconds: float) -> None:
        """Let the clock jump."""
        self.slept.append(seconds)
        self._now += seconds

    def watch(self, timed: Timed, due: float) -> None:
        """Nothing: what blocks a thread cannot be interrupted."""

    def waiter(self) -> BlockingScriptedWaiter:
        """A new place to wait."""
        return BlockingScriptedWaiter(self)


class BlockingScriptedWaiter:
    """Implements `outlast.ports.Waiter` for a single thread, in which nobody else could wake it."""

    def __init__(self, io: BlockingScriptedIo) -> None:
        self._io = io
        self._woken = False

    def wake(self) -> None:
        """Let the waiter go on."""
        self._woken = True

    async def wait(self, due: float) -> bool:
        """True when it was woken before; else the clock jumps to `due`, and it is False."""
        if not self._woken:
            await self._io.sleep(max(0.0, due - self._io.now()))
        return self._woken
