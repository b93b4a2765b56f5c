"""One run of the demo: three ways at once, until the traffic is over or somebody has seen enough."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import Protocol

from outlast.demo.board import Board, Plan
from outlast.demo.cast import Cast
from outlast.demo.house import House, gateway
from outlast.demo.news import Line
from outlast.demo.settings import settings, shortened
from outlast.demo.story import LENGTH, MOMENTS, active
from outlast.demo.summary import Summary, figures
from outlast.demo.traffic import Ask, traffic
from outlast.demo.ways import Caller, straight, through_outlast, with_sdk_retries

SETTLE = 1.0
"""Seconds in which the gateway must have noticed that everybody has gone."""


class View(Protocol):
    """Whoever shows a run."""

    every: float
    """Seconds between two looks."""

    def heard(self, line: Line) -> None:
        """Something has happened."""
        ...

    def look(self, board: Board) -> None:
        """Show how it stands."""
        ...

    def close(self, lines: Iterable[str]) -> None:
        """Show the end of it."""
        ...


class Demo:
    """Runs once.

    Args:
        plan: how long, how much, and with which seed.
        view: shows it.
    """

    def __init__(self, plan: Plan, view: View) -> None:
        self.plan = plan
        self._view = view
        self._board = Board(plan, time.monotonic, view.heard)
        self._casts: list[Cast] = []
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """End early, with what there is."""
        self._stop.set()

    async def run(self) -> Summary:
        """What came of it."""
        board = self._board
        async with AsyncExitStack() as stack:
            for _ in range(3):
                self._casts.append(await stack.enter_async_context(Cast(self.plan.seed)))
            mine, sdk, bare = (cast.url for cast in self._casts)
            config = settings(mine)
            house = await stack.enter_async_context(gateway(config, (board.news, board.attempts)))
            board.outlast = house.outlast
            ways = (through_outlast(house.url), with_sdk_retries(sdk, self.plan.seed), straight(bare))
            board.callers = [Caller(way, time.monotonic) for way in ways]
            interrupted = await self._play()
            return await self._sum_up(house, interrupted, tuple(shortened(config)))

    async def _play(self) -> bool:
        """Let the traffic run and the story go on; True when it was ended early."""
        for cast in self._casts:
            cast.begin(self.plan.seconds)
        self._board.begin()
        beside = [asyncio.create_task(work()) for work in (self._tell_story, self._show)]
        asking = asyncio.create_task(self._ask_all())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({asking, stopping, *beside}, return_when=asyncio.FIRST_COMPLETED)
            return not asking.done()
        finally:
            for task in (*beside, asking, stopping):
                task.cancel()
            ended = await asyncio.gather(*beside, asking, stopping, return_exceptions=True)
            for end in ended:
                if isinstance(end, Exception):
                    raise end

    async def _ask_all(self) -> None:
        """Every request at its time, in every way at once; return when the last one is over."""
        async with asyncio.TaskGroup() as asking:
            for ask in traffic(self.plan.seconds, self.plan.rate, self.plan.seed):
                await self._until(ask.at)
                self._ask(ask, asking)

    def _ask(self, ask: Ask, asking: asyncio.TaskGroup) -> None:
        self._board.arrived()
        for caller in self._board.callers:
            asking.create_task(caller.ask(ask))

    async def _tell_story(self) -> None:
        """Say what is wrong with whom; the providers themselves know."""
        for moment in MOMENTS:
            await self._until(moment * self.plan.seconds / LENGTH)
            before, self._board.troubles = self._board.troubles, active(moment)
            self._board.news.turn(before, self._board.troubles)
        await self._stop.wait()

    async def _show(self) -> None:
        while True:
            self._board.news.tick()
            self._count()
            self._view.look(self._board)
            await asyncio.sleep(self._view.every)

    def _count(self) -> None:
        for cast in self._casts:
            cast.count()

    async def _until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, at - self._board.elapsed()))

    def _resumed(self, caller: Caller) -> int:
        return self._board.news.resumed if caller.way.key == "outlast" else 0

    async def _sum_up(self, house: House, interrupted: bool, changed: tuple[str, ...]) -> Summary:
        elapsed = self._board.elapsed()
        left = await house.at_rest(SETTLE)
        self._count()
        pairs = zip(self._board.callers, self._casts, strict=True)
        ways = tuple(
            figures(one.way.key, one.way.title, one.tally, cast.asked, cast.billed, self._resumed(one))
            for one, cast in pairs
        )
        return Summary(self.plan, elapsed, interrupted, changed, ways, left)
