"""One request under way: what must be stopped when the caller leaves, stops reading, or we stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from outlast.gateway.exchange import Flowing


class Conversation:
    """A caller, and the task that answers it.

    Attributes:
        task: the handler.
        watcher: waits for the caller to leave.
        flow: the answer, where it is a stream.
        started: the head of the answer is out.
        gone: the caller has left, or was cut off.
        interrupted: why we stop before the answer is whole; empty while we do not.
        crowded: there are more callers than we have descriptors for.
        due: when a caller who does not read is cut off.
    """

    __slots__ = ("_cut_off", "crowded", "due", "flow", "gone", "interrupted", "started", "task", "watcher")

    def __init__(
        self, task: asyncio.Task[Any], cut_off: Callable[[], None] | None = None, *, crowded: bool = False
    ) -> None:
        self.task = task
        self.watcher: asyncio.Task[None] | None = None
        self.flow: Flowing | None = None
        self.started = False
        self.gone = False
        self.interrupted = ""
        self.crowded = crowded
        self.due = float("inf")
        self._cut_off = cut_off

    def leave(self) -> None:
        """The caller has left."""
        if not self.gone:
            self.gone = True
            self.task.cancel()

    def interrupt(self, why: str) -> None:
        """We stop before the answer is whole."""
        if not self.interrupted:
            self.interrupted = why
            self.task.cancel()

    def expire(self) -> None:
        """The caller has not read for too long."""
        self.cut_off()
        self.leave()

    def cut_off(self) -> None:
        """Close the connection, where our own server lets us."""
        if self._cut_off is not None:
            self._cut_off()

    def over(self) -> None:
        """The task is done: nothing of it may be left."""
        self.due = float("inf")
        if self.flow is not None:
            self.flow.abort()
        if self.watcher is not None:
            self.watcher.cancel()
