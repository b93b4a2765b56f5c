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

    The suspensions of tasks that it makes count too: the story is cancelled while those are at any place of theirs.
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
    walk = _Walk(place, late=late)

    async def walked() -> None:
        asyncio.get_running_loop().set_task_factory(walk.task)
        await _told(coroutine, check, io, f"cancelled at suspension {place}{' (late)' if late else ''}")

    run(walked(), seed=seed)
    return walk.count >= place


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


class _Walk:
    """Counts the suspensions of a story's tasks, and of those that it makes; at one it is cancelled."""

    def __init__(self, place: int, *, late: bool) -> None:
        self.count = 0
        self._place = place
        self._late = late
        self._story: asyncio.Task[Any] | None = None

    def task(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **how: Any) -> asyncio.Task[Any]:  # noqa: ANN401
        """A task for the coroutine, as the loop's task factory."""
        task = asyncio.Task(_Stepped(coroutine, self.suspended), loop=loop, **how)
        self._story = self._story or task
        return task

    def suspended(self, waiting: object) -> None:
        """A task waits; the late cancellation comes when what it waits for has happened."""
        self.count += 1
        story = self._story
        if self.count != self._place or story is None:
            return
        if self._late and isinstance(waiting, asyncio.Future):
            waiting.add_done_callback(lambda _: story.cancel())
        else:
            asyncio.get_running_loop().call_soon(story.cancel)


class _Stepped(Coroutine[Any, Any, Any]):
    """A coroutine that tells of each of its suspensions."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], suspended: Callable[[object], None]) -> None:
        self._coroutine = coroutine
        self._suspended = suspended

    def send(self, value: object) -> object:
        """On, to the next suspension."""
        return self._waits(self._coroutine.send(value))

    def throw(self, *error: Any) -> object:  # noqa: ANN401
        """The same, with an error."""
        return self._waits(self._coroutine.throw(*error))

    def _waits(self, waiting: object) -> object:
        self._suspended(waiting)
        return waiting

    def close(self) -> None:
        """It will not be run."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()
