"""Cancels a scenario at each place where it can be cancelled, and fails each network call that it makes.

    def story(io):                       # a fresh world for each run
        world = World(io)
        return world.chat("hi"), lambda: check_that_all_permits_are_back(world)

    assert cancel_everywhere(story) > 5

After each run the story's check is called, and no exchange may be open and no task be left.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from outlast.lab.scripted_io import ScriptedIo
from outlast.lab.virtual_time import run
from outlast.model.errors import Connect, Failure

Story = Callable[[ScriptedIo], tuple[Coroutine[Any, Any, object], Callable[[], object]]]

_SETTLING_TURNS = 20


class Leaked(AssertionError):  # noqa: N818  (what it is, in the words of the field)
    """A run ended, and left something open."""


def cancel_everywhere(story: Story, *, seed: int = 0, most: int = 2000) -> int:
    """Runs `story` again and again, cancelled at its 1st, 2nd, … suspension, until it ends uncancelled.

    Each place is tried twice: cancelled while it waits, and after what it waits for has happened but before it has
    been told, which is where results get lost. Gives the number of places.
    """
    for late in (False, True):
        place = next(k for k in range(1, most + 2) if k > most or not _cancelled_at(story, k, seed, late=late))
        if place > most:
            raise Leaked(f"the story has not ended after {most} suspensions")
    return place - 1


def fail_everywhere(
    story: Story,
    failure: Callable[[], Failure] = lambda: Connect("the network call was made to fail"),
    *,
    seed: int = 0,
    most: int = 2000,
) -> int:
    """The same with the 1st, 2nd, … network call (send, read, whole) failing. Gives the number of calls."""
    for k in range(1, most + 1):
        io = ScriptedIo(seed, fail_at=k, failure=failure)
        coroutine, check = story(io)
        run(_told(coroutine, check, io, f"network call {k} failed"), seed=seed)
        if io.network_calls < k:
            return k - 1
    raise Leaked(f"the story has not ended after {most} network calls")


def _cancelled_at(story: Story, place: int, seed: int, *, late: bool) -> bool:
    io = ScriptedIo(seed)
    coroutine, check = story(io)
    stepped = _Stepped(coroutine, place, late=late)
    run(_told(stepped.run(), check, io, f"cancelled at suspension {place}{' (late)' if late else ''}"), seed=seed)
    return stepped.count >= place


async def _told(
    coroutine: Coroutine[Any, Any, object], check: Callable[[], object], io: ScriptedIo, where: str
) -> None:
    """Runs the coroutine in its own task, whatever comes of it; then looks for what is left."""
    with contextlib.suppress(asyncio.CancelledError, Failure):
        await asyncio.create_task(coroutine, name="story")
    for _ in range(_SETTLING_TURNS):
        await asyncio.sleep(0)
    left = sorted(task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()})
    if io.open or left:
        raise Leaked(f"{where}: {io.open} exchanges open, tasks left: {left}")
    try:
        check()
    except AssertionError as error:
        error.add_note(where)
        raise


class _Stepped:
    """Runs a coroutine, counts its suspensions, and has its task cancelled at one of them."""

    def __init__(self, coroutine: Coroutine[Any, Any, object], place: int, *, late: bool) -> None:
        self.count = 0
        self._coroutine = coroutine
        self._place = place
        self._late = late

    async def run(self) -> object:
        """As the coroutine."""
        return await self

    def __await__(self) -> Generator[Any, Any, object]:
        error: BaseException | None = None
        while True:
            try:
                waiting = self._coroutine.send(None) if error is None else self._coroutine.throw(error)
            except StopIteration as end:
                return end.value
            self.count += 1
            if self.count == self._place:
                self._cancel(waiting)
            error = None
            try:
                yield waiting
            except BaseException as thrown:  # noqa: BLE001  (it is thrown into the coroutine)
                error = thrown

    def _cancel(self, waiting: object) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        if self._late and isinstance(waiting, asyncio.Future):
            waiting.add_done_callback(lambda _: task.cancel())
        else:
            asyncio.get_running_loop().call_soon(task.cancel)
